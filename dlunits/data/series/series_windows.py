"""Overlapping windows of a series, and back to its rows."""

import numpy as np

WINDOWS_AT_ONCE = 4096


class SeriesWindows:
    """Windows that lie on a series without spanning a hole.

    A window begins every `stride` slots of a stretch without a hole, and the
    last one ends where the stretch ends, so that each of its slots is
    covered. A stretch shorter than a window has none, and its rows cannot be
    judged: they get NaN.

    Args:
        series: `dlunits.data.series.resampling.ResampledSeries`.
        window: Integer of at least 2, slots in a window.
        stride: Positive integer, slots from one window to the next, at most
            `window`; `None` is an eighth of `window`.

    Attributes:
        starts: Integers `(windows,)`, the first slot of each.

    Raises:
        ValueError: If a size is out of range, or no window fits anywhere.

    Example, the scores of three windows to those of five rows:

    >>> from dlunits.data.series.resampling import resample
    >>> series = resample([1, 2, 4, 8, 16.0])
    >>> windows = SeriesWindows(series, window=3, stride=1)
    >>> windows.values(0, 2)[:, :, 0].tolist()
    [[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]]
    >>> windows.to_rows([0.0, 0.0, 3.0]).tolist()
    [0.0, 0.0, 1.0, 1.5, 3.0]
    >>> windows.to_rows([0.0, 0.0, 3.0], look_ahead=False).tolist()
    [nan, nan, 0.0, 0.0, 3.0]
    """

    def __init__(self, series, window=64, stride=None):
        stride = max(1, window // 8) if stride is None else stride
        if not (window >= 2 and 1 <= stride <= window):
            raise ValueError(
                "`window` must be at least 2, and `stride` from 1 to that. "
                f"Received: {window=}, {stride=}"
            )
        self.series = series
        self.window = window
        self.stride = stride
        lengths = np.diff(series.bounds)
        if lengths.max() < window:
            raise ValueError(
                f"A window of {window} rows must fit between two holes of the "
                f"series. Received: at most {lengths.max()} rows in a row. "
                "Take a shorter window"
            )
        self.starts = np.concatenate(
            [
                first + places(length, window, stride)
                for first, length in zip(
                    series.bounds[:-1], lengths, strict=True
                )
                if length >= window
            ]
        )

    def __len__(self):
        return len(self.starts)

    def values(self, first, last, of=None):
        """Values of the windows from `first` to before `last`.

        Args:
            first, last: Integers, numbers of windows.
            of: Array `(slots, ...)` to cut the windows from; `None` is the
                series.

        Returns:
            Array `(last - first, window, ...)`.
        """
        of = self.series.values if of is None else of
        views = np.lib.stride_tricks.sliding_window_view(of, self.window, 0)
        return np.moveaxis(views[self.starts[first:last]], -1, 1)

    def map(self, function, of=None):
        """Applies a function of windows to all of them, some at a time.

        Args:
            function: From `(some, window, ...)` to `(some, features)`.
            of: As in `values`.

        Returns:
            Float32 `(windows, features)`.
        """
        parts = [
            np.asarray(
                function(self.values(first, first + WINDOWS_AT_ONCE, of)),
                "float32",
            )
            for first in range(0, len(self), WINDOWS_AT_ONCE)
        ]
        return np.concatenate(parts)

    def to_rows(self, values, look_ahead=True):
        """Turns a number for each window into one for each row.

        With look-ahead it is the mean over all windows that cover the row:
        those that hold an anomaly agree where it is. Without, it is that of
        the last window that has ended, all that is known when the row comes.

        A p-value so taken from one window is as honest as the window's. A
        mean of p-values falls below a rate at most twice as often as the rate
        says, and hardly more often where windows agree.

        Reference: Vovk and Wang, 2020, "Combining p-values via averaging",
        https://doi.org/10.1093/biomet/asaa027.

        Args:
            values: Numbers `(windows,)`.
            look_ahead: Whether windows that end after the row count.

        Returns:
            Float64 `(rows,)`, in the order in which the rows came; NaN where
            there is no such window.

        Raises:
            ValueError: If there is not one finite number for each window.
        """
        values = np.asarray(values, "float64")
        if values.shape != self.starts.shape or not np.isfinite(values).all():
            raise ValueError(
                f"There must be one finite number for each of {len(self)} "
                f"windows. Received: an array of the shape {values.shape}, of "
                f"which {np.isfinite(values).sum()} are"
            )
        of_slots = self.mean(values) if look_ahead else self.latest(values)
        slots = self.series.grid_indices
        return np.where(slots >= 0, of_slots[slots], np.nan)

    def mean(self, values):
        """(windows,) -> (slots,), mean over the windows that cover a slot"""
        slots = self.series.bounds[-1]
        ends = self.starts + self.window

        def covering(weights):
            begun = np.bincount(self.starts, weights, minlength=slots + 1)
            ended = np.bincount(ends, weights, minlength=slots + 1)
            return np.cumsum(begun - ended)[:slots]

        counts = np.round(covering(np.ones(len(self))))
        # About their mean, so that little is lost in the running sum.
        middle = values.mean()
        sums = covering(values - middle)
        means = middle + sums / np.maximum(counts, 1)
        means = np.clip(means, values.min(), values.max())
        return np.where(counts > 0, means, np.nan)

    def latest(self, values):
        """(windows,) -> (slots,), of the last window that ended by then"""
        bounds = self.series.bounds
        slots = np.arange(bounds[-1])
        ends = self.starts + self.window - 1
        last = np.searchsorted(ends, slots, side="right") - 1
        stretch = np.searchsorted(bounds, slots, side="right") - 1
        own = (last >= 0) & (self.starts[last] >= bounds[stretch])
        return np.where(own, values[last], np.nan)


def places(length, window, stride):
    """Where windows begin on so many slots.

    >>> places(8, window=4, stride=3).tolist()
    [0, 3, 4]
    """
    last = length - window
    return np.unique(np.append(np.arange(0, last, stride), last))
