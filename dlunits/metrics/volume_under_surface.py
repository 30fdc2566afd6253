"""Volume under the precision-recall surface (VUS-PR) of anomaly scores."""

import numpy as np

from dlunits.metrics.range_precision_recall import contiguous_ranges
from dlunits.typing import Array, ArrayLike


def volume_under_surface(
    labels: ArrayLike, scores: ArrayLike, max_buffer: int
) -> float:
    """Volume under the precision-recall surface (VUS-PR) of anomaly scores.

    It is the area under the precision-recall curve, averaged over buffer
    lengths. Labels of anomalies in time series have imprecise ends, so a
    buffer of b rows adds soft labels before and after each anomaly. At a
    distance of d rows from the anomaly,

        l_b = 1 inside,   sqrt(1 - d / b) for 0 < d <= b / 2,   0 beyond

    For the rows A whose score is at least a threshold,

        precision = sum of l_b over A / |A|
        recall    = min(1, sum of l_b over A / P)
                    * fraction of ranges that intersect A
        P         = (sum of l_0 + sum of l_b) / 2

    where ranges are those of l_b > 0. All scores are used as thresholds t, in
    descending order, and

        area_b = sum over t of (recall_t - recall_(t-1)) precision_t
        VUS-PR = mean of area_b over b = 0, 1, ..., max_buffer

    It needs no threshold and no point adjustment. The value of random scores is
    about the fraction of anomalous rows.

    Reference: Paparrizos et al., 2022, "Volume under the surface",
    https://doi.org/10.14778/3551793.3551830. The code of the authors uses 250
    thresholds.

    Args:
        labels: Boolean array `(rows,)`, whether a row is anomalous.
        scores: Array `(rows,)`, higher for more anomalous rows. Rows without a
            score have NaN: they are excluded from all sums, but keep their
            position in time.
        max_buffer: Integer of at least 0, maximum buffer length in rows;
            usually the length of the detector's windows.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If lengths differ, if no row with a score is anomalous, if
            a score is infinite, or if `max_buffer` is negative.

    Example, where row 2 is anomalous and row 3 has the highest score:

    >>> labels, scores = [0, 0, 1, 0, 0], [0, 0, 1, 2, 0]
    >>> volume_under_surface(labels, scores, max_buffer=0)  # rank 2: 1/2
    0.5
    >>> vus_pr = volume_under_surface(labels, scores, max_buffer=2)
    >>> round(vus_pr, 3)  # (0.5 + 0.5 + 0.793) / 3
    0.598
    """
    labels = np.asarray(labels, bool)
    scores = np.asarray(scores, "float64")
    if labels.ndim != 1 or labels.shape != scores.shape or max_buffer < 0:
        raise ValueError(
            "`labels` and `scores` must be vectors of equal length, and "
            "`max_buffer` not negative. Received: shapes "
            f"{labels.shape} and {scores.shape}, {max_buffer=}"
        )
    has_score = ~np.isnan(scores)
    if not (labels & has_score).any() or np.isinf(scores).any():
        raise ValueError(
            "`scores` must be finite (NaN for rows without a score), and at "
            "least one anomalous row must have a score. Received: "
            f"{(labels & has_score).sum()} anomalous rows with a score, "
            f"{np.isinf(scores).sum()} infinite scores"
        )
    order = np.flatnonzero(has_score)
    order = order[np.argsort(-scores[order], kind="stable")]
    # A threshold includes all rows with the same score.
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    distance = anomaly_distance(labels)
    rank = np.full(len(scores), len(scores))
    rank[order] = np.arange(len(order))
    areas = [
        area(soft_labels(distance, buffer), labels, rank, order, last)
        for buffer in range(max_buffer + 1)
    ]
    return float(np.mean(areas))


def area(
    soft: Array, labels: Array, rank: Array, order: Array, last: Array
) -> float:
    """Area under the precision-recall curve for one buffer length.

    Args:
        soft: Array `(rows,)`, soft labels l_b.
        labels: Boolean array `(rows,)`, l_0.
        rank: Integer array `(rows,)`, rank of each row by descending score;
            the number of rows for a row without a score.
        order: Integer array, rows with a score, by descending score.
        last: Integer array, for each threshold the last rank that it includes.

    Returns:
        Float in [0, 1].
    """
    hits = np.cumsum(soft[order])[last]
    precision = hits / (last + 1)
    positives = (labels[order].sum() + soft[order].sum()) / 2
    first, _ = contiguous_ranges(soft > 0)
    inside = np.flatnonzero(soft > 0)
    number = np.searchsorted(first, inside, side="right") - 1
    # Rank at which each range is detected.
    detected_at = np.full(len(first), len(rank))
    np.minimum.at(detected_at, number, rank[inside])
    detected_at = np.sort(detected_at[detected_at < len(rank)])
    num_detected = np.searchsorted(detected_at, last, side="right")
    existence = num_detected / len(detected_at)
    recall = np.minimum(hits / positives, 1) * existence
    return np.sum(np.diff(recall, prepend=0) * precision)


def anomaly_distance(labels: Array) -> Array:
    """Distance in rows to the nearest anomalous row, `(rows,)`.

    >>> anomaly_distance(np.array([0, 0, 1, 0], bool)).tolist()
    [2, 1, 0, 1]
    """
    rows = np.arange(len(labels))
    anomalous = np.flatnonzero(labels)
    after = np.searchsorted(anomalous, rows)
    left = anomalous[np.maximum(after - 1, 0)]
    right = anomalous[np.minimum(after, len(anomalous) - 1)]
    return np.minimum(np.abs(rows - left), np.abs(right - rows))


def soft_labels(distance: Array, buffer: int) -> Array:
    """Soft labels l_b in [0, 1] from the distance to the nearest anomaly.

    >>> soft_labels(np.arange(4), 4).round(2).tolist()
    [1.0, 0.87, 0.71, 0.0]
    """
    near = distance <= buffer // 2
    return np.sqrt(np.where(near, 1 - distance / max(buffer, 1), 0.0))
