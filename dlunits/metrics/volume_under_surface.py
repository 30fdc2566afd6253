"""How well scores rank the rows of a series, near enough in time."""

import numpy as np

from dlunits.metrics.range_precision_recall import contiguous_ranges


def volume_under_surface(labels, scores, max_buffer):
    """VUS-PR: the area under precision and recall, over widths of a buffer.

    Labels of anomalies in time begin and end about where they are said to. So
    rows before and after them count in part, by a label that falls off over
    half a buffer of b rows, d rows away from the anomaly:

        l_b = 1 inside,   sqrt(1 - d / b) for 0 < d <= b / 2,   0 beyond

    For the rows A whose score is at least a threshold,

        precision = sum of l_b over A / |A|
        recall    = min(1, sum of l_b over A / P) * share of ranges that A meets
        P         = (sum of l_0 + sum of l_b) / 2

    where ranges are those of l_b > 0. All scores are tried as thresholds, from
    the highest to the lowest, and

        area_b = sum over thresholds t of (recall_t - recall_(t-1)) precision_t
        VUS-PR = mean of area_b over b = 0, 1, ..., max_buffer

    No threshold has to be chosen, and nothing is adjusted. Scores that mean
    nothing have about the share of anomalous rows.

    Reference: Paparrizos et al., 2022, "Volume under the surface",
    https://doi.org/10.14778/3551793.3551830. Their code takes 250 thresholds.

    Args:
        labels: Booleans `(rows,)`, whether a row is anomalous.
        scores: Numbers `(rows,)`, higher for what is stranger. NaN where a row
            was not judged: it is in no sum, but keeps its place in time.
        max_buffer: Integer, 0 or more; a usual choice is the length of the
            windows that were judged.

    Returns:
        Number in [0, 1].

    Raises:
        ValueError: If lengths differ, no row that was judged is anomalous, a
            score is infinite, or the buffer is negative.

    Example: row 2 is anomalous, row 3 is found.

    >>> labels, scores = [0, 0, 1, 0, 0], [0, 0, 1, 2, 0]
    >>> volume_under_surface(labels, scores, max_buffer=0)  # second of two
    0.5
    >>> v = volume_under_surface(labels, scores, max_buffer=2)
    >>> round(v, 3)  # (0.5 + 0.5 + 0.793) / 3
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
    judged = ~np.isnan(scores)
    if not (labels & judged).any() or np.isinf(scores).any():
        raise ValueError(
            "Scores must be finite (NaN: not judged), and one at least be of "
            f"an anomalous row. Received: {(labels & judged).sum()} of such "
            f"rows, {np.isinf(scores).sum()} infinite scores"
        )
    order = np.flatnonzero(judged)
    order = order[np.argsort(-scores[order], kind="stable")]
    # Thresholds let in all rows of the same score.
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    away = rows_away(labels)
    rank = np.full(len(scores), len(scores))
    rank[order] = np.arange(len(order))
    areas = [
        area(buffered(away, buffer), labels, rank, order, last)
        for buffer in range(max_buffer + 1)
    ]
    return float(np.mean(areas))


def area(weights, labels, rank, order, last):
    """Area under precision and recall for one buffer."""
    hits = np.cumsum(weights[order])[last]
    precision = hits / (last + 1)
    positives = (labels[order].sum() + weights[order].sum()) / 2
    first, _ = contiguous_ranges(weights > 0)
    # For each range, how many rows go before the first of it.
    inside = np.flatnonzero(weights > 0)
    number = np.searchsorted(first, inside, side="right") - 1
    found = np.full(len(first), len(rank))
    np.minimum.at(found, number, rank[inside])
    found = np.sort(found[found < len(rank)])  # with a row that was judged
    existing = np.searchsorted(found, last, side="right") / len(found)
    recall = np.minimum(hits / positives, 1) * existing
    return np.sum(np.diff(recall, prepend=0) * precision)


def rows_away(labels):
    """How far each row is from the nearest anomalous one, `(rows,)`.

    >>> rows_away(np.array([0, 0, 1, 0], bool)).tolist()
    [2, 1, 0, 1]
    """
    rows = np.arange(len(labels))
    anomalous = np.flatnonzero(labels)
    after = np.searchsorted(anomalous, rows)
    left = anomalous[np.maximum(after - 1, 0)]
    right = anomalous[np.minimum(after, len(anomalous) - 1)]
    return np.minimum(np.abs(rows - left), np.abs(right - rows))


def buffered(away, buffer):
    """Rows away from an anomaly -> label in [0, 1].

    >>> buffered(np.arange(4), 4).round(2).tolist()
    [1.0, 0.87, 0.71, 0.0]
    """
    near = away <= buffer // 2
    return np.sqrt(np.where(near, 1 - away / max(buffer, 1), 0.0))
