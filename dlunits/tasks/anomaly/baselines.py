"""Baseline anomaly detectors of scikit-learn."""

from dlunits.typing import Array

NUM_NEIGHBORS = 5
EXPLAINED_VARIANCE = 0.9  # share of the variance that PCA keeps


def baseline_scores(
    train: Array, new: Array, seed: int = 0
) -> dict[str, Array]:
    """Anomaly scores of four baselines: PCA, 1-NN, k-NN, isolation forest.

    Features are standardized by the mean and the standard deviation of the
    training rows.

        PCA               squared reconstruction error of the principal
                          components that keep 90 % of the variance
        1-NN              distance to the nearest training row
        k-NN              mean distance to the 5 nearest training rows
        isolation forest  100 trees, default settings

    Args:
        train: Array `(rows, features)` to fit to.
        new: Array `(rows, features)` to score.
        seed: Seed of PCA and of the isolation forest.

    Returns:
        Dict of name to scores `(rows,)`; a higher score is more anomalous.

    Reference: Liu et al., 2008, "Isolation forest",
    https://doi.org/10.1109/ICDM.2008.17

    Example, one feature with standard deviation 1; the nearest training row
    of 5 is 1:

    >>> import numpy as np
    >>> train = np.array([[-1.0], [1.0]] * 10)
    >>> scores = baseline_scores(train, np.array([[5.0]]))
    >>> scores["1-NN"].tolist()
    [4.0]
    """
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    train, new = scaler.transform(train), scaler.transform(new)
    pca = PCA(EXPLAINED_VARIANCE, random_state=seed).fit(train)
    error = new - pca.inverse_transform(pca.transform(new))
    neighbors = min(NUM_NEIGHBORS, len(train))
    nearest = NearestNeighbors(n_neighbors=neighbors).fit(train)
    distances, _ = nearest.kneighbors(new)
    forest = IsolationForest(random_state=seed).fit(train)
    return {
        "PCA": (error**2).sum(axis=1),
        "1-NN": distances[:, 0],
        "k-NN": distances.mean(axis=1),
        "isolation forest": -forest.score_samples(new),
    }
