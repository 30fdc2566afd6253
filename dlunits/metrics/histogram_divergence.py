"""How far the classes that a generator makes are from the real ones."""

import numpy as np

from dlunits.metrics.class_coverage import class_frequencies

KINDS = ("jensen_shannon", "kl")


def histogram_divergence(
    labels, real_labels, num_classes, kind="jensen_shannon"
):
    """Measures how far one histogram of labels is from another, in nats.

    Use it, on the labels that a classifier finds, to see whether a generator
    makes some classes too often and others too seldom. With `p` the shares of
    the classes among `labels`, `q` those among `real_labels`,

        KL(p || q) = sum_k p_k ln(p_k / q_k)
        JS(p, q)   = 1/2 KL(p || (p + q) / 2) + 1/2 KL(q || (p + q) / 2)

    Both are 0 if the histograms are equal. The Jensen-Shannon divergence is at
    most ln 2 = 0.693; KL(p || q) is `-ln q_k` if all labels are one class k,
    and infinite if there is a label that no real example has.

    Few labels differ by chance: two samples of `n` from one distribution over
    `K` classes have on average KL = (K - 1) / n and JS = (K - 1) / (4 n), for
    large `n`.

    Reference: Lin, 1991, "Divergence measures based on the Shannon entropy",
    https://doi.org/10.1109/18.61115; for its use, Metz et al., 2017, "Unrolled
    generative adversarial networks", https://arxiv.org/abs/1611.02163.

    Args:
        labels: Integers `(examples,)` from 0 to `num_classes - 1`, of
            generated examples.
        real_labels: Integers `(others,)`, of real ones.
        num_classes: Positive integer.
        kind: `"jensen_shannon"` or `"kl"`.

    Returns:
        Float, in nats, not negative.

    Raises:
        ValueError: If there are no labels, one is not an integer or out of
            range, or there is no such `kind`.

    Example, one class of two that are equally frequent, ln 2:

    >>> divergence = histogram_divergence([0, 0], [0, 1], 2, kind="kl")
    >>> round(divergence, 4)
    0.6931
    """
    if kind not in KINDS:
        raise ValueError(
            f"Expected a `kind` among {', '.join(KINDS)}. Received: {kind=}"
        )
    p = class_frequencies(labels, num_classes, "labels")
    q = class_frequencies(real_labels, num_classes, "real_labels")
    if kind == "kl":
        return kl(p, q)
    middle = (p + q) / 2
    return (kl(p, middle) + kl(q, middle)) / 2


def kl(p, q):
    """KL(p || q) of shares; a class with no p adds q, which is not negative.

    Written with sum_k (q_k - p_k) = 0 added, so that no term is negative and
    rounding cannot make the sum so.
    """
    seen = p > 0
    if (q[seen] == 0).any():
        return float("inf")
    ratio = q[seen] / p[seen] - 1
    terms = p[seen] * (ratio - np.log1p(ratio))
    return float(terms.sum() + q[~seen].sum())
