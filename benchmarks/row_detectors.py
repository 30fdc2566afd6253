"""scikit-learn's detectors of strange rows, as functions `(known, new)`.

Arrays `(rows, columns)` -> scores of the new rows, higher for stranger ones.
"""

from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler


def scaled(known, new):
    """Both by the mean and the standard deviation of the known rows."""
    scaler = StandardScaler().fit(known)
    return scaler.transform(known), scaler.transform(new)


def neighbors(number):
    """The detector by the mean distance to that many nearest rows."""

    def score(known, new):
        found = NearestNeighbors(n_neighbors=number).fit(known)
        return found.kneighbors(new)[0].mean(axis=1)

    return score


def isolation_forest(known, new):
    return -IsolationForest(random_state=0).fit(known).score_samples(new)


def pca_error(known, new):
    """The square error of PCA that keeps 90 % of the variance."""
    pca = PCA(0.9, random_state=0).fit(known)
    return ((new - pca.inverse_transform(pca.transform(new))) ** 2).sum(axis=1)
