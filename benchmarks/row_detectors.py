"""Anomaly detectors of scikit-learn, as functions `(train, new)`.

Both are arrays `(rows, columns)`. The result is the anomaly score of each new
row; a higher score is more anomalous.
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler


def scaled(train, new):
    """Both arrays, standardized by mean and deviation of the first."""
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(new)


def neighbors(number):
    """Detector with the mean distance to the `number` nearest rows."""

    def score(train, new):
        nearest = NearestNeighbors(n_neighbors=number).fit(train)
        return nearest.kneighbors(new)[0].mean(axis=1)

    return score


def lesinn(size, count=100):
    """Detector with the mean distance to the nearest of `size` random rows.

    Pang et al., 2015, "LeSiNN", https://doi.org/10.1109/ICDMW.2015.62.
    """

    def score(train, new):
        rng = np.random.default_rng(0)
        subsamples = np.concatenate(
            [rng.permutation(train)[:size] for _ in range(count)]
        )
        return np.concatenate(
            [
                pairwise_distances(rows, subsamples)
                .reshape(len(rows), count, -1)
                .min(axis=2)
                .mean(axis=1)
                for rows in np.array_split(new, -(-len(new) // 1_000))
            ]
        )

    return score


def isolation_forest(train, new):
    """Isolation forest with default settings."""
    return -IsolationForest(random_state=0).fit(train).score_samples(new)


def pca_error(train, new):
    """Squared reconstruction error of PCA that keeps 90 % of the variance."""
    pca = PCA(0.9, random_state=0).fit(train)
    return ((new - pca.inverse_transform(pca.transform(new))) ** 2).sum(axis=1)
