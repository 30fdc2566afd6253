"""Range-based precision and recall of anomalies in time series."""

import numpy as np

from dlunits.typing import Array, ArrayLike

# Positional bias: weights of the rows of a range, by position and length.
POSITIONAL_WEIGHTS = {
    "flat": lambda position, length: np.ones_like(position),
    "front": lambda position, length: length - position,
    "middle": lambda position, length: np.minimum(
        position + 1, length - position
    ),
    "back": lambda position, length: position + 1,
}


def range_precision_recall(
    labels: ArrayLike,
    alarms: ArrayLike,
    alpha: float = 0.0,
    bias: str = "flat",
) -> dict[str, float | None]:
    """Range-based precision and recall (Tatbul et al., 2018).

    Anomalies and alarms are ranges of consecutive rows. All ranges have the
    same weight, whatever their length:

        recall    = mean over anomalies R of
                    alpha existence(R, alarms) + (1 - alpha) overlap(R, alarms)
        precision = mean over alarms A of overlap(A, anomalies)

        existence(R, S) = 1 if R intersects S, else 0
        overlap(R, S)   = 1/x * sum of w_i over rows i of R that are in S
                              / sum of w_i over rows i of R

    `x` is the number of ranges of S that intersect R, at least 1, so that a
    fragmented detection counts less; 1/x is the cardinality factor gamma of
    the paper. `w_i` is the positional bias delta. Unlike point-adjusted
    scores, one detected row does not make all rows of an anomaly detected, by
    which random alarms get high scores.

    Reference: Tatbul et al., 2018, "Precision and recall for time series",
    https://arxiv.org/abs/1803.03639.

    Args:
        labels: Boolean array `(rows,)`, whether a row is anomalous.
        alarms: Boolean array `(rows,)`, whether a row is predicted to be
            anomalous.
        alpha: Float in [0, 1], weight of the existence of a detection, which
            is independent of its overlap.
        bias: Positional bias of the recall: `"flat"` (none), `"front"`,
            `"middle"` or `"back"`, with weights that decrease linearly to 1.
            The precision has a flat bias.

    Returns:
        Dict: `precision`, `recall` and their harmonic mean `f1`. Precision is
        `None` without alarms, and then `f1` is 0. Recall is `None` without
        anomalies, and then `f1` is `None`.

    Raises:
        ValueError: If lengths differ or an argument is out of range.

    Example, an anomaly of four rows and two alarms, one of them half correct:

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
    if not 0 <= alpha <= 1 or bias not in POSITIONAL_WEIGHTS:
        raise ValueError(
            "`alpha` must be in [0, 1], and `bias` one of "
            f"{', '.join(POSITIONAL_WEIGHTS)}. Received: {alpha=}, {bias=}"
        )
    existence, overlap = existence_and_overlap(labels, alarms, bias)
    _, alarm_overlap = existence_and_overlap(alarms, labels, "flat")
    recall = precision = f1 = None
    if len(overlap):
        recall = float(np.mean(alpha * existence + (1 - alpha) * overlap))
        f1 = 0.0
    if len(alarm_overlap):
        precision = float(np.mean(alarm_overlap))
    if precision and recall:
        f1 = 2 * precision * recall / (precision + recall)
    return {"precision": precision, "recall": recall, "f1": f1}


def existence_and_overlap(
    ranges: Array, others: Array, bias: str
) -> tuple[Array, Array]:
    """Existence and overlap of each range, as in `range_precision_recall`.

    Args:
        ranges: Boolean array `(rows,)`, `True` in the ranges R.
        others: Boolean array `(rows,)`, `True` in the ranges S.
        bias: Positional bias.

    Returns:
        Two arrays, with one value for each range R.
    """
    first, stop = contiguous_ranges(ranges)
    if len(first) == 0:
        return np.zeros(0, bool), np.zeros(0)
    rows = np.flatnonzero(ranges)
    number = np.searchsorted(first, rows, side="right") - 1
    weights = POSITIONAL_WEIGHTS[bias](
        rows - first[number], (stop - first)[number]
    )
    inside = others[rows]
    total = np.bincount(number, weights, len(first))
    overlap = np.bincount(number, weights * inside, len(first)) / total
    # A range intersects the others that start in it, and the one it starts in.
    starts = np.diff(others, prepend=False) & others
    starts = starts[rows] | (inside & (rows == first[number]))
    cardinality = np.bincount(number, starts, len(first))
    return cardinality > 0, overlap / np.maximum(cardinality, 1)


def contiguous_ranges(flags: ArrayLike) -> tuple[Array, Array]:
    """Ranges of consecutive `True` values.

    Args:
        flags: Boolean array `(rows,)`.

    Returns:
        `(first, stop)`: first row of each range, and the row after its end.

    >>> first, stop = contiguous_ranges(np.array([0, 1, 1, 0, 1], bool))
    >>> first.tolist(), stop.tolist()
    ([1, 4], [3, 5])
    """
    steps = np.diff(np.r_[0, np.asarray(flags, "int8"), 0])
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
