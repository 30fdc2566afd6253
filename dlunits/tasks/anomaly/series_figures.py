"""A series, its scores, and where the anomalies are said to be."""

import matplotlib.dates
import numpy as np
from matplotlib.figure import Figure

from dlunits.metrics.range_precision_recall import ranges_of
from dlunits.reporting.style import BLUE, INK, VERMILLION, WIDTH, plain

COLUMNS = 720  # of a figure, about as many as a screen shows
MOST_CHANNELS = 4
LABELED = "#c9c9c9"
DAY = 86_400.0


def scored_series(
    values,
    scores,
    threshold=None,
    alarms=None,
    labels=None,
    timestamps=None,
    names=None,
):
    """Draws a series above its scores, with alarms and labels marked.

    However long the series, each of 720 columns shows the lowest and the
    highest of what falls in it, and a mark if anything in it is marked: a
    spike of one row in a million is seen. Where there are no rows or no
    score, the line is broken.

    Args:
        values: Array `(rows, channels)` or `(rows,)`; the first four channels
            are drawn.
        scores: Numbers `(rows,)`; NaN where a row was not judged.
        threshold: Number, drawn among the scores, or `None`.
        alarms: Booleans `(rows,)`; `None` takes the scores above the
            threshold.
        labels: Booleans `(rows,)`, whether a row is known to be anomalous,
            or `None`.
        timestamps: Seconds since 1970 `(rows,)`, in any order; `None` numbers
            the rows.
        names: Names of the channels.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If lengths differ or there is nothing to draw.

    Example, two alarms, of which one is where it should be:

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
            "There must be rows, and for each a score, an alarm, a label and "
            f"a time. Received: {rows} rows, {sizes}"
        )
    order = np.argsort(times, kind="stable")
    times, values, scores, alarms, labels = (
        some[order] for some in (times, values, scores, alarms, labels)
    )
    if timestamps is not None:
        times = times / DAY  # as Matplotlib counts
    drawn = values.T[:MOST_CHANNELS]
    names = list(names or [])[: len(drawn)] or (
        ["Value"]
        if len(drawn) == 1
        else [f"Channel {n + 1}" for n in range(len(drawn))]
    )
    figure = Figure(
        figsize=(WIDTH, 1.5 * len(drawn) + 1.5), layout="constrained"
    )
    all_axes = figure.subplots(len(drawn) + 1, sharex=True)
    edges = np.linspace(times[0], times[-1], COLUMNS + 1)
    for axes, column, name in zip(
        all_axes, [*drawn, scores], [*names, "Anomaly score"], strict=True
    ):
        mark(axes, edges, times, labels, LABELED, 0.5, "labeled")
        mark(axes, edges, times, alarms, VERMILLION, 0.4, "alarm")
        axes.plot(
            *envelope(times, column, edges),
            color=INK if axes is all_axes[-1] else BLUE,
            linewidth=0.7,
            marker="." if rows <= 100 else None,
            markersize=3,
        )
        axes.set_ylabel(name, parse_math=False)
        axes.margins(x=0.01)
        plain(axes)
    if threshold is not None:
        all_axes[-1].axhline(
            threshold,
            color=VERMILLION,
            linewidth=0.9,
            linestyle=(0, (4, 3)),
            label="threshold",
        )
    handles, said = all_axes[-1].get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            said,
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
    figure.set_label(sentence(rows, alarms, labels))
    return figure


def sentence(rows, alarms, labels):
    """What the figure shows, for those who cannot see it."""
    count = len(ranges_of(alarms)[0])
    text = f"A series of {rows:,} rows with {count:,} alarm{'s'[: count != 1]}"
    first, last = ranges_of(labels)
    if len(first) == 0:
        return f"{text}."
    before = np.r_[0, np.cumsum(alarms)]
    found = int((before[last] > before[first]).sum())
    return (
        f"{text}; {found:,} of {len(first):,} labeled ranges "
        f"hold{'s'[: found == 1]} an alarm."
    )


def columns_of(times, edges):
    """The column of each row, `(rows,)`."""
    columns = np.searchsorted(edges, times, side="right") - 1
    return np.clip(columns, 0, len(edges) - 2)


def envelope(times, values, edges):
    """A line through the lowest and highest value of each column.

    With no more than two rows a column, it is the line through the rows. It
    is broken by NaN where values are missing, and where rows are both more
    than three usual steps and more than one column apart.

    >>> envelope(np.arange(6.0), np.array([0, 5, 1, 2, 2, 3.0]), [0, 3, 5])
    (array([1., 1., 4., 4.]), array([0., 5., 2., 3.]))
    """
    edges = np.asarray(edges, "float64")
    count = len(edges) - 1
    steps = np.diff(times)
    if len(times) <= 2 * count:
        usual = np.median(steps) if len(steps) else 0.0
        hole = np.flatnonzero(
            steps > np.maximum(3 * usual, edges[1] - edges[0])
        )
        return (
            np.insert(times, hole + 1, times[hole]),
            np.insert(values, hole + 1, np.nan),
        )
    columns = columns_of(times, edges)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    there = ~np.isnan(values)
    np.minimum.at(low, columns[there], values[there])
    np.maximum.at(high, columns[there], values[there])
    shown = np.stack([low, high], axis=1)
    shown[low > high] = np.nan  # no value falls in the column
    x = np.repeat(np.bincount(columns, times, count), 2)
    x /= np.repeat(np.maximum(np.bincount(columns, minlength=count), 1), 2)
    empty = np.repeat(np.bincount(columns, minlength=count) == 0, 2)
    x[empty] = np.repeat((edges[:-1] + edges[1:]) / 2, 2)[empty]
    return x, shown.reshape(-1)


def mark(axes, edges, times, flags, color, opacity, label):
    """Colors the columns in which a row is flagged, half a row around it."""
    if not flags.any():
        return
    marked = np.zeros(len(edges) - 1, bool)
    first, last = ranges_of(flags)
    half = np.median(np.diff(times)) / 2 if len(times) > 1 else 0.0
    for begin, end in zip(
        columns_of(times[first] - half, edges),
        columns_of(times[last - 1] + half, edges),
        strict=True,
    ):
        marked[begin : end + 1] = True
    begin, end = ranges_of(marked)
    axes.broken_barh(
        list(zip(edges[begin], edges[end] - edges[begin], strict=True)),
        (0, 1),
        transform=axes.get_xaxis_transform(),
        color=color,
        alpha=opacity,
        linewidth=0,
        label=label,
    )
