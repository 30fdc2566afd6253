"""Divergence of the class histograms of generated and real examples."""

import numpy as np

from dlunits.metrics.class_coverage import class_frequencies
from dlunits.typing import Array, ArrayLike

DIVERGENCES = ("jensen_shannon", "kl")


def histogram_divergence(
    labels: ArrayLike,
    real_labels: ArrayLike,
    num_classes: int,
    divergence: str = "jensen_shannon",
) -> float:
    """Jensen-Shannon or Kullback-Leibler divergence of two class histograms.

    Use it with labels predicted by a classifier, to measure whether a generator
    produces some classes too often and others too rarely. With the class
    frequencies `p` of `labels` and `q` of `real_labels`,

        KL(p || q) = sum_k p_k ln(p_k / q_k)
        JS(p, q)   = 1/2 KL(p || (p + q) / 2) + 1/2 KL(q || (p + q) / 2)

    in nats. Both are 0 if the histograms are equal. The Jensen-Shannon
    divergence is at most ln 2 = 0.693. KL(p || q) is `-ln q_k` if all labels
    are of class k, and infinite if a class of `labels` does not occur in
    `real_labels`.

    Two samples of `n` labels from one distribution over `K` classes have the
    expected divergences KL = (K - 1) / n and JS = (K - 1) / (4 n), for large
    `n`.

    References: Lin, 1991, "Divergence measures based on the Shannon entropy",
    https://doi.org/10.1109/18.61115; for its use, Metz et al., 2017, "Unrolled
    generative adversarial networks", https://arxiv.org/abs/1611.02163.

    Args:
        labels: Integer array `(examples,)`, from 0 to `num_classes - 1`, of
            generated examples.
        real_labels: Integer array `(real examples,)`, of real examples.
        num_classes: Positive integer.
        divergence: `"jensen_shannon"` or `"kl"`.

    Returns:
        Float, in nats, not negative.

    Raises:
        ValueError: If there are no labels, if a label is not an integer or out
            of range, or if `divergence` is unknown.

    Example, one of two classes that are equally frequent, ln 2:

    >>> kl = histogram_divergence([0, 0], [0, 1], 2, divergence="kl")
    >>> round(kl, 4)
    0.6931
    """
    if divergence not in DIVERGENCES:
        raise ValueError(
            f"`divergence` must be one of {', '.join(DIVERGENCES)}. Received: "
            f"{divergence=}"
        )
    p = class_frequencies(labels, num_classes, "labels")
    q = class_frequencies(real_labels, num_classes, "real_labels")
    if divergence == "kl":
        return kl_divergence(p, q)
    mean = (p + q) / 2
    return (kl_divergence(p, mean) + kl_divergence(q, mean)) / 2


def kl_divergence(p: Array, q: Array) -> float:
    """KL(p || q) of class frequencies, in nats.

    With sum_k (q_k - p_k) = 0 added, no term is negative, so rounding cannot
    make the sum negative. A class with p_k = 0 contributes q_k.
    """
    occurs = p > 0
    if (q[occurs] == 0).any():
        return float("inf")
    ratio = q[occurs] / p[occurs] - 1
    terms = p[occurs] * (ratio - np.log1p(ratio))
    return float(terms.sum() + q[~occurs].sum())
