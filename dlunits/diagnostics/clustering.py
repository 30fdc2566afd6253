"""Agreement of k-means clusters with classes: purity and NMI."""

from dlunits.diagnostics.code_statistics import flatten_code
from dlunits.typing import Array, ArrayLike


def cluster_agreement(
    training_code: ArrayLike,
    code: ArrayLike,
    labels: ArrayLike,
    num_clusters: int,
    seed: int = 0,
) -> dict[str, float]:
    """Purity and normalized mutual information (NMI) of k-means clusters.

    Clusters codes without their labels and compares the clusters with the
    labels. The k-means algorithm of scikit-learn (the best of 4
    initializations) finds cluster centers in `training_code`. Each code of
    `code` is assigned to the nearest center. Then

        purity = 1/n * sum over clusters c of max over classes k of n_ck
        NMI    = 2 I(cluster; class) / (H(cluster) + H(class))

    `n_ck` is the number of examples of class k in cluster c, `n` the number of
    examples, `I` the mutual information and `H` the entropy. Purity is 1 if
    each cluster contains one class. NMI is 1 only if in addition each class is
    in one cluster.

    Reference: Manning, Raghavan and Schuetze, 2008, "Introduction to
    Information Retrieval", section 16.3,
    https://nlp.stanford.edu/IR-book/html/htmledition/evaluation-of-clustering-1.html.

    Args:
        training_code: Array `(training examples, ...)`, codes to cluster.
        code: Array `(examples, ...)`, codes to evaluate.
        labels: Integer array `(examples,)`, classes of `code`.
        num_clusters: Integer of at least 1, usually the number of classes.
        seed: Integer, seed of the initializations.

    Returns:
        Dict: `purity` and `nmi`.

    Raises:
        ValueError: If there are fewer training codes than clusters, if lengths
            differ, or if a code is not finite.

    Example, two clear clusters, one of which contains two classes:

    >>> code = [[0.0], [0.1], [9.0], [9.1]]
    >>> agreement = cluster_agreement(code, code, [0, 0, 1, 2], num_clusters=2)
    >>> agreement["purity"]
    0.75
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    training_code, code = flatten_code(training_code), flatten_code(code)
    if not 1 <= num_clusters <= len(training_code):
        raise ValueError(
            "`num_clusters` must be from 1 to the number of training codes. "
            f"Received: {num_clusters=} and {len(training_code)} codes"
        )
    kmeans = KMeans(num_clusters, n_init=4, random_state=seed)
    # On busy cores, several threads wait for each other.
    with threadpool_limits(1):
        kmeans.fit(training_code)
        return purity_and_nmi(kmeans.predict(code), labels)


def purity_and_nmi(clusters: Array, labels: ArrayLike) -> dict[str, float]:
    """Purity and NMI of clusters `(examples,)` and labels `(examples,)`."""
    from sklearn.metrics import normalized_mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix

    counts = contingency_matrix(labels, clusters)  # (classes, clusters)
    return {
        "purity": float(counts.max(axis=0).sum() / len(clusters)),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
    }
