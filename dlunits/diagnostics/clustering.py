"""Whether codes fall into clusters that are the classes."""

from dlunits.diagnostics.code_statistics import flat


def cluster_agreement(training_code, code, labels, clusters, seed=0):
    """Clusters codes without their labels and compares with the labels.

    k-means (scikit-learn's, the best of 4 starts) finds the centers among
    `training_code`; every one of `code` belongs to the nearest center. Then

        purity = 1/n * sum over clusters c of max over classes k of n_ck
        NMI    = 2 I(cluster; class) / (H(cluster) + H(class))

    `n_ck` is how many examples of class k lie in cluster c, `I` the mutual
    information and `H` the entropy. Purity is 1 if no cluster mixes classes;
    NMI also wants each class in one cluster.

    Reference: Manning, Raghavan and Schuetze, 2008, "Introduction to
    Information Retrieval", section 16.3,
    https://nlp.stanford.edu/IR-book/html/htmledition/evaluation-of-clustering-1.html.

    Args:
        training_code: Array `(examples, ...)`.
        code: Array `(others, ...)`.
        labels: Integers `(others,)`, of `code`.
        clusters: Integer of at least 1, usually the number of classes.
        seed: Integer, decides the starts.

    Returns:
        Dict: `purity`, `nmi`.

    Raises:
        ValueError: If there are fewer training codes than clusters, lengths
            differ, or a code is not finite.

    Example, two clear clusters, one of which holds two classes:

    >>> code = [[0.0], [0.1], [9.0], [9.1]]
    >>> cluster_agreement(code, code, [0, 0, 1, 2], clusters=2)["purity"]
    0.75
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    training_code, code = flat(training_code), flat(code)
    if not 1 <= clusters <= len(training_code):
        raise ValueError(
            "`clusters` must be at least 1 and at most the number of training "
            f"codes. Received: {clusters=} and {len(training_code)} codes"
        )
    means = KMeans(clusters, n_init=4, random_state=seed)
    # On cores that others use too, several threads wait for each other.
    with threadpool_limits(1):
        means.fit(training_code)
        return agreement(means.predict(code), labels)


def agreement(clusters, labels):
    """Purity and NMI of two ways to part the same examples."""
    from sklearn.metrics import normalized_mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix

    counts = contingency_matrix(labels, clusters)  # (classes, clusters)
    return {
        "purity": float(counts.max(axis=0).sum() / len(labels)),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
    }
