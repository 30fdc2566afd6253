"""Sliding windows over a series, and mapping of window scores to rows."""

from collections.abc import Callable

import numpy as np

from dlunits.data.series.resampling import ResampledSeries, TooShortError
from dlunits.typing import Array, ArrayLike

BATCH_SIZE = 4096  # windows that `SeriesWindows.map` processes at once


class SeriesWindows:
    """Sliding windows over a series; no window spans a gap in time.

    A window begins every `stride` time steps of a segment without a gap. The
    last window ends where the segment ends, so that every time step of the
    segment is covered. A segment shorter than a window has no window, and its
    rows get the score NaN.

    Args:
        series: `dlunits.data.series.resampling.ResampledSeries`.
        window: Integer of at least 2, time steps of a window.
        stride: Integer from 1 to `window`, time steps between the starts of
            two windows. Defaults to `window // 8`, at least 1.

    Attributes:
        starts: Integers `(windows,)`, the first time step of each window.

    Raises:
        ValueError: If a size is out of range.
        TooShortError: If no segment is as long as a window.

    Example:

    The scores of three windows are mapped to scores of five rows.

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

    def __init__(
        self,
        series: ResampledSeries,
        window: int = 64,
        stride: int | None = None,
    ) -> None:
        stride = max(1, window // 8) if stride is None else stride
        if not (window >= 2 and 1 <= stride <= window):
            raise ValueError(
                "`window` must be at least 2, and `stride` from 1 to `window`. "
                f"Received: {window=}, {stride=}"
            )
        self.series = series
        self.window = window
        self.stride = stride
        lengths = np.diff(series.segment_bounds)
        if lengths.max() < window:
            raise TooShortError(
                f"A window of {window} rows must fit between two gaps of the "
                f"series. Received: at most {lengths.max()} rows without a "
                "gap. Use a shorter window"
            )
        self.starts = np.concatenate(
            [
                first + window_starts(length, window, stride)
                for first, length in zip(
                    series.segment_bounds[:-1], lengths, strict=True
                )
                if length >= window
            ]
        )

    def __len__(self) -> int:
        return len(self.starts)

    def values(
        self, first: int, last: int, array: Array | None = None
    ) -> Array:
        """Values of the windows `first` to `last - 1`.

        Args:
            first, last: Integers, indices of windows.
            array: Array `(time, ...)` to take the windows from; `None` uses
                the values of the series.

        Returns:
            Array `(last - first, window, ...)`.
        """
        array = self.series.values if array is None else array
        views = np.lib.stride_tricks.sliding_window_view(array, self.window, 0)
        return np.moveaxis(views[self.starts[first:last]], -1, 1)

    def map(
        self,
        function: Callable[[Array], ArrayLike],
        array: Array | None = None,
    ) -> Array:
        """Applies a function to all windows, batch by batch.

        Args:
            function: Callable from `(batch, window, ...)` to
                `(batch, features)`.
            array: As in `values`.

        Returns:
            Float32 `(windows, features)`.
        """
        results = [
            np.asarray(
                function(self.values(first, first + BATCH_SIZE, array)),
                "float32",
            )
            for first in range(0, len(self), BATCH_SIZE)
        ]
        return np.concatenate(results)

    def to_rows(self, values: ArrayLike, look_ahead: bool = True) -> Array:
        """Maps one number for each window to one number for each row.

        With look-ahead, a row gets the mean over all windows that contain it.
        Without it, a row gets the number of the last window that ends at or
        before it, the latest one that is available when the row arrives.

        If the numbers are p-values, a row has without look-ahead the valid
        p-value of one window. With look-ahead it has a mean of p-values, which
        is below a rate alpha with a probability of at most 2 alpha, and of
        about alpha if the windows are highly correlated.

        Reference: Vovk and Wang, 2020, "Combining p-values via averaging",
        https://doi.org/10.1093/biomet/asaa027.

        Args:
            values: Finite numbers `(windows,)`.
            look_ahead: Whether windows that end after a row are used.

        Returns:
            Float64 `(rows,)`, in the original order of the rows; NaN where
            there is no window.

        Raises:
            ValueError: If there is not one finite number for each window.
        """
        values = np.asarray(values, "float64")
        if values.shape != self.starts.shape or not np.isfinite(values).all():
            raise ValueError(
                f"`values` must hold one finite number for each of {len(self)} "
                f"windows. Received: the shape {values.shape} with "
                f"{np.isfinite(values).sum()} finite numbers"
            )
        on_grid = (
            self.covering_mean(values) if look_ahead else self.latest(values)
        )
        indices = self.series.grid_indices
        return np.where(indices >= 0, on_grid[indices], np.nan)

    def covering_mean(self, values: Array) -> Array:
        """Mean over the windows with a time step: (windows,) -> (time,)."""
        num_steps = self.series.segment_bounds[-1]
        ends = self.starts + self.window

        def covering_sum(weights: Array) -> Array:
            started = np.bincount(self.starts, weights, minlength=num_steps + 1)
            ended = np.bincount(ends, weights, minlength=num_steps + 1)
            return np.cumsum(started - ended)[:num_steps]

        counts = np.round(covering_sum(np.ones(len(self))))
        # Centering keeps the rounding error of the running sum small.
        center = values.mean()
        sums = covering_sum(values - center)
        means = center + sums / np.maximum(counts, 1)
        means = np.clip(means, values.min(), values.max())
        return np.where(counts > 0, means, np.nan)

    def latest(self, values: Array) -> Array:
        """Value of the last window that has ended: (windows,) -> (time,)."""
        bounds = self.series.segment_bounds
        steps = np.arange(bounds[-1])
        ends = self.starts + self.window - 1
        last = np.searchsorted(ends, steps, side="right") - 1
        segment = np.searchsorted(bounds, steps, side="right") - 1
        same_segment = (last >= 0) & (self.starts[last] >= bounds[segment])
        return np.where(same_segment, values[last], np.nan)


def window_starts(length: int, window: int, stride: int) -> Array:
    """First time steps of the windows over one segment.

    Args:
        length: Integer, time steps of the segment.
        window, stride: Integers, as in `SeriesWindows`.

    Returns:
        Integers `(windows,)`. The last window ends with the segment.

    Example:

    >>> window_starts(8, window=4, stride=3).tolist()
    [0, 3, 4]
    """
    last = length - window
    return np.unique(np.append(np.arange(0, last, stride), last))
