"""Precision and recall of ranges of time rather than of points."""

import numpy as np

WEIGHTS = {
    "flat": lambda place, length: np.ones_like(place),
    "front": lambda place, length: length - place,
    "middle": lambda place, length: np.minimum(place + 1, length - place),
    "back": lambda place, length: place + 1,
}


def range_precision_recall(labels, alarms, existence=0.0, bias="flat"):
    """How much of what happened was found, and how much of what was said is so.

    Anomalies and alarms are ranges: rows without a break. Each range counts
    alike, however long it is:

        recall    = mean over anomalies R of
                        e [R meets an alarm] + (1 - e) covered(R, alarms)
        precision = mean over alarms A of covered(A, anomalies)

        covered(R, S) = 1/x * sum of w_i over rows i of R that are in S
                            / sum of w_i over rows i of R

    `x` is the number of ranges of S that R meets, at least 1: an anomaly found
    in pieces is found less. `e` is what it is worth to find an anomaly at all,
    and `w_i` says which of its rows count more. A single row of an anomaly
    that is met does not make all of its rows found, as in point-adjusted
    scores, by which random alarms look good.

    Reference: Tatbul et al., 2018, "Precision and recall for time series",
    https://arxiv.org/abs/1803.03639. There `e` is alpha, `w` is delta and 1/x
    is gamma.

    Args:
        labels: Booleans `(rows,)`, whether a row is anomalous.
        alarms: Booleans `(rows,)`, whether it was called so.
        existence: Number in [0, 1].
        bias: Which rows of an anomaly count more: `"flat"` (none), `"front"`,
            `"middle"` or `"back"`, with weights that fall evenly to 1. All
            rows of an alarm count alike.

    Returns:
        Dict: `precision`, `recall` and their harmonic mean `f1`. Precision is
        `None` if there are no alarms, recall if there are no anomalies; then
        `f1` is 0 or `None`.

    Raises:
        ValueError: If lengths differ or an argument is out of range.

    Example, three of four rows found by two alarms, one of them half right:

    >>> labels = [0, 1, 1, 1, 1, 0, 0]
    >>> alarms = [0, 1, 0, 0, 1, 1, 0]
    >>> range_precision_recall(labels, alarms)  # (1 + 1/2) / 2; 1/2 * 2/4
    {'precision': 0.75, 'recall': 0.25, 'f1': 0.375}
    """
    labels, alarms = np.asarray(labels, bool), np.asarray(alarms, bool)
    if labels.ndim != 1 or labels.shape != alarms.shape:
        raise ValueError(
            "`labels` and `alarms` must be vectors of equal length. Received: "
            f"shapes {labels.shape} and {alarms.shape}"
        )
    if not 0 <= existence <= 1 or bias not in WEIGHTS:
        raise ValueError(
            "`existence` must be in [0, 1], and `bias` one of "
            f"{', '.join(WEIGHTS)}. Received: {existence=}, {bias=}"
        )
    met, covered = coverage(labels, alarms, bias)
    _, right = coverage(alarms, labels, "flat")
    recall = precision = f1 = None
    if len(covered):
        recall = float(np.mean(existence * met + (1 - existence) * covered))
        f1 = 0.0
    if len(right):
        precision = float(np.mean(right))
    if precision and recall:
        f1 = 2 * precision * recall / (precision + recall)
    return {"precision": precision, "recall": recall, "f1": f1}


def coverage(ranges, others, bias):
    """For each range whether it meets another, and how much is covered."""
    first, last = contiguous_ranges(ranges)
    if len(first) == 0:
        return np.zeros(0, bool), np.zeros(0)
    rows = np.flatnonzero(ranges)
    number = np.searchsorted(first, rows, side="right") - 1
    weights = WEIGHTS[bias](rows - first[number], (last - first)[number])
    inside = others[rows]
    shares = np.bincount(number, weights * inside, len(first))
    shares /= np.bincount(number, weights, len(first))
    # A range meets as many others as begin in it, and the one it begins in.
    begins = np.diff(others, prepend=False) & others
    begins = begins[rows] | (inside & (rows == first[number]))
    meets = np.bincount(number, begins, len(first))
    return meets > 0, shares / np.maximum(meets, 1)


def contiguous_ranges(flags):
    """First rows of the ranges, and the rows after their last.

    >>> first, last = contiguous_ranges(np.array([0, 1, 1, 0, 1], bool))
    >>> first.tolist(), last.tolist()
    ([1, 4], [3, 5])
    """
    steps = np.diff(np.r_[0, np.asarray(flags, "int8"), 0])
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
