"""What well-known detectors of anomalies say of the same rows."""

NEIGHBORS = 5
VARIANCE = 0.9  # that the principal components keep


def baseline_scores(known, new, seed=0):
    """Scores rows with four detectors of scikit-learn.

    All see the features scaled by their mean and standard deviation.

        PCA               squared distance from the principal components that
                          keep 90 % of the variance
        nearest row       distance to the nearest known row
        k-NN              mean distance to the 5 nearest
        isolation forest  how few random cuts set a row apart, 100 trees

    Args:
        known: Array `(rows, features)` to learn from.
        new: Array `(rows, features)` to score.
        seed: Integer, decides the cuts.

    Returns:
        Dict of name to scores `(rows,)`, higher for stranger rows.

    Example, of one feature whose standard deviation is 1 the row 5 lies 4
    from the row 1:

    >>> import numpy as np
    >>> known = np.array([[-1.0], [1.0]] * 10)
    >>> scores = baseline_scores(known, np.array([[5.0]]))
    >>> scores["nearest row"].tolist()
    [4.0]
    """
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(known)
    known, new = scaler.transform(known), scaler.transform(new)
    pca = PCA(VARIANCE, random_state=seed).fit(known)
    misfit = new - pca.inverse_transform(pca.transform(new))
    neighbors = min(NEIGHBORS, len(known))
    near = NearestNeighbors(n_neighbors=neighbors).fit(known)
    distances, _ = near.kneighbors(new)
    forest = IsolationForest(random_state=seed).fit(known)
    return {
        "PCA": (misfit**2).sum(axis=1),
        "nearest row": distances[:, 0],
        "k-NN": distances.mean(axis=1),
        "isolation forest": -forest.score_samples(new),
    }
