"""Figure of a time series with its anomaly scores, alarms and labels."""

from collections.abc import Sequence

import matplotlib.dates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlunits.metrics.range_precision_recall import contiguous_ranges
from dlunits.reporting.figure_text import shorten_names
from dlunits.reporting.style import (
    BLUE,
    TEXT_COLOR,
    VERMILLION,
    WIDTH,
    style_axes,
)
from dlunits.typing import Array, ArrayLike

NUM_INTERVALS = 720  # about the width of the figure in pixels
MAX_CHANNELS = 4
MAX_NAME_LENGTH = 18  # characters of the name of a channel
MAX_ROWS_WITH_MARKERS = 100
LABELED = "#c9c9c9"
DAY = 86_400.0  # seconds


def scored_series(
    values: ArrayLike,
    scores: ArrayLike,
    threshold: float | None = None,
    alarms: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    timestamps: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """Time series above its anomaly scores, with alarms and labels marked.

    The time axis is divided into 720 intervals. Each shows the minimum and
    the maximum of its values, and a mark if any of its rows is marked, so
    that a spike of one row in a million is visible. The line is broken where
    rows or scores are missing.

    Args:
        values: Array `(rows, channels)` or `(rows,)`; the first four channels
            are drawn.
        scores: Anomaly scores `(rows,)`; NaN for rows without a score.
        threshold: Score above which a row is an alarm, or `None`.
        alarms: Booleans `(rows,)`. Default: scores above the threshold.
        labels: Booleans `(rows,)`, true for a labeled anomaly, or `None`.
        timestamps: Seconds since 1970 UTC `(rows,)`, in any order. Default:
            the number of the row, from 1.
        names: Names of the channels.

    Returns:
        The figure. Its label describes it in words.

    Raises:
        ValueError: If there are no rows, lengths differ, or a timestamp is
            not finite.

    Example, two alarms, one of them at the labeled anomaly:

    >>> figure = scored_series(
    ...     values=[0, 0, 9, 8, 0, 1],
    ...     scores=[0, 0, 3, 3, 0, 2],
    ...     threshold=1,
    ...     labels=[0, 1, 1, 0, 0, 0],
    ... )
    >>> figure.get_label()
    'A series of 6 rows with 2 alarms; 1 of 1 labeled ranges holds an alarm.'
    """
    values = np.asarray(values, "float64")
    values = values[:, None] if values.ndim == 1 else values
    rows = len(values)
    scores = np.asarray(scores, "float64")
    times = np.arange(1.0, rows + 1) if timestamps is None else timestamps
    times = np.asarray(times, "float64")
    if alarms is None:
        above = np.inf if threshold is None else threshold
        alarms = np.nan_to_num(scores, nan=-np.inf) > above
    alarms = np.asarray(alarms, bool)
    labels = np.zeros(rows) if labels is None else labels
    labels = np.asarray(labels, bool)
    sizes = [len(some) for some in (scores, alarms, labels, times)]
    if rows == 0 or sizes != [rows] * 4 or not np.isfinite(times).all():
        raise ValueError(
            "Expected one score, alarm, label and finite timestamp for each "
            f"of at least one row. Received: {rows} rows; lengths {sizes}"
        )
    order = np.argsort(times, kind="stable")
    times, values, scores, alarms, labels = (
        some[order] for some in (times, values, scores, alarms, labels)
    )
    if timestamps is not None:
        times = times / DAY  # the unit of Matplotlib
    drawn = values.T[:MAX_CHANNELS]
    names = list(names or [])[: len(drawn)] or (
        ["Value"]
        if len(drawn) == 1
        else [f"Channel {n + 1}" for n in range(len(drawn))]
    )
    figure = Figure(
        figsize=(WIDTH, 1.5 * len(drawn) + 1.5), layout="constrained"
    )
    all_axes = figure.subplots(len(drawn) + 1, sharex=True)
    edges = np.linspace(times[0], times[-1], NUM_INTERVALS + 1)
    for axes, column, name in zip(
        all_axes,
        [*drawn, scores],
        shorten_names([*names, "Anomaly score"], MAX_NAME_LENGTH),
        strict=True,
    ):
        mark(axes, edges, times, labels, LABELED, 0.5, "labeled")
        mark(axes, edges, times, alarms, VERMILLION, 0.4, "alarm")
        axes.plot(
            *envelope(times, column, edges),
            color=TEXT_COLOR if axes is all_axes[-1] else BLUE,
            linewidth=0.7,
            marker="." if rows <= MAX_ROWS_WITH_MARKERS else None,
            markersize=3,
        )
        axes.set_ylabel(name, parse_math=False)
        axes.margins(x=0.01)
        style_axes(axes)
    if threshold is not None:
        all_axes[-1].axhline(
            threshold,
            color=VERMILLION,
            linewidth=0.9,
            linestyle=(0, (4, 3)),
            label="threshold",
        )
    handles, texts = all_axes[-1].get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            texts,
            loc="outside upper right",
            ncols=3,
            frameon=False,
            fontsize=8,
        )
    if timestamps is None:
        all_axes[-1].set_xlabel("Row")
    else:
        locator = matplotlib.dates.AutoDateLocator()
        all_axes[-1].xaxis.set_major_locator(locator)
        all_axes[-1].xaxis.set_major_formatter(
            matplotlib.dates.ConciseDateFormatter(locator)
        )
    figure.align_ylabels(all_axes)
    figure.set_label(description(rows, alarms, labels))
    return figure


def description(rows: int, alarms: Array, labels: Array) -> str:
    """Alternative text of the figure: number of alarms, of ranges detected."""
    count = len(contiguous_ranges(alarms)[0])
    text = f"A series of {rows:,} rows with {count:,} alarm{'s'[: count != 1]}"
    first, last = contiguous_ranges(labels)
    if len(first) == 0:
        return f"{text}."
    before = np.r_[0, np.cumsum(alarms)]
    found = int((before[last] > before[first]).sum())
    return (
        f"{text}; {found:,} of {len(first):,} labeled ranges "
        f"hold{'s'[: found == 1]} an alarm."
    )


def interval_of(times: Array, edges: Array) -> Array:
    """Index of the interval of each row, `(rows,)`."""
    intervals = np.searchsorted(edges, times, side="right") - 1
    return np.clip(intervals, 0, len(edges) - 2)


def envelope(
    times: Array, values: Array, edges: ArrayLike
) -> tuple[Array, Array]:
    """Line through the minimum and the maximum of each interval.

    With at most two rows per interval, it is the line through the rows. It is
    broken by NaN where values are missing, and where the distance of two rows
    exceeds both three median steps and one interval.

    Args:
        times: Sorted times `(rows,)`.
        values: Values `(rows,)`.
        edges: Bounds of the intervals `(intervals + 1,)`.

    Returns:
        `(x, y)` of the line.

    Example:

    >>> envelope(np.arange(6.0), np.array([0, 5, 1, 2, 2, 3.0]), [0, 3, 5])
    (array([1., 1., 4., 4.]), array([0., 5., 2., 3.]))
    """
    edges = np.asarray(edges, "float64")
    count = len(edges) - 1
    steps = np.diff(times)
    if len(times) <= 2 * count:
        median = np.median(steps) if len(steps) else 0.0
        gaps = np.flatnonzero(
            steps > np.maximum(3 * median, edges[1] - edges[0])
        )
        return (
            np.insert(times, gaps + 1, times[gaps]),
            np.insert(values, gaps + 1, np.nan),
        )
    intervals = interval_of(times, edges)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    there = ~np.isnan(values)
    np.minimum.at(low, intervals[there], values[there])
    np.maximum.at(high, intervals[there], values[there])
    shown = np.stack([low, high], axis=1)
    shown[low > high] = np.nan  # no value in the interval
    x: Array = np.repeat(np.bincount(intervals, times, count), 2)
    x = x / np.repeat(np.maximum(np.bincount(intervals, minlength=count), 1), 2)
    empty = np.repeat(np.bincount(intervals, minlength=count) == 0, 2)
    x[empty] = np.repeat((edges[:-1] + edges[1:]) / 2, 2)[empty]
    return x, shown.reshape(-1)


def mark(
    axes: Axes,
    edges: Array,
    times: Array,
    flags: Array,
    color: str,
    opacity: float,
    label: str,
) -> None:
    """Colors the intervals within half a step of a flagged row."""
    if not flags.any():
        return
    marked = np.zeros(len(edges) - 1, bool)
    first, last = contiguous_ranges(flags)
    half = np.median(np.diff(times)) / 2 if len(times) > 1 else 0.0
    for begin, end in zip(
        interval_of(times[first] - half, edges),
        interval_of(times[last - 1] + half, edges),
        strict=True,
    ):
        marked[begin : end + 1] = True
    begin, end = contiguous_ranges(marked)
    axes.broken_barh(
        list(zip(edges[begin], edges[end] - edges[begin], strict=True)),
        (0, 1),
        transform=axes.get_xaxis_transform(),
        color=color,
        alpha=opacity,
        linewidth=0,
        label=label,
    )
