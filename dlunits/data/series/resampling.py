"""Resampling of an irregularly sampled series to a regular time grid."""

import dataclasses
from typing import Any

import numpy as np

from dlunits.typing import Array, ArrayLike

MAX_INTERPOLATED_STEPS = 3.0  # steps; a longer gap is not interpolated
REGULAR_GAPS = 0.5, 1.5  # range of the time between most rows, in steps


class TooShortError(ValueError):
    """A series has too few rows."""


@dataclasses.dataclass(frozen=True)
class ResampledSeries:
    """A series on a regular time grid.

    Attributes:
        values: Float64 `(time, channels)`.
        times: Seconds `(time,)`.
        segment_bounds: Integers `(segments + 1,)`. Segment i has no gap in
            time and consists of the time steps from `segment_bounds[i]` to
            `segment_bounds[i + 1] - 1`.
        grid_indices: Integers `(rows,)`, the time step of each row; -1 for a
            row inside a gap.
        step: Seconds between two time steps.
        irregularities: Dict with the numbers of rows that were
            `out_of_order` and `duplicates` (rows with the timestamp of
            another row), the number of time steps that were `interpolated`,
            and `gaps`, a list of pairs of the seconds at which each gap begins
            and ends.

    Example:

    >>> series = resample([1.0, 3.0], timestamps=[0, 60])
    >>> series.step, series.times.tolist(), series.values[:, 0].tolist()
    (60.0, [0.0, 60.0], [1.0, 3.0])
    """

    values: Array
    times: Array
    segment_bounds: Array
    grid_indices: Array
    step: float
    irregularities: dict[str, Any]


def resample(
    values: ArrayLike,
    timestamps: ArrayLike | None = None,
    step: float | None = None,
) -> ResampledSeries:
    """Resamples a series to a regular time grid.

    Rows may be late, duplicated, out of order or missing. They are sorted by
    time and split into segments wherever two consecutive rows are more than 3
    steps apart. Within a segment, row i at time t_i belongs to the time step

        k_i = round((t_i - t_first) / step)

    where t_first is the time of the first row of the segment. Rows of the same
    time step are averaged. A time step without a row, or without a value of
    one channel, is interpolated linearly between its neighbors. Rows without
    any value are ignored. A channel that is missing in a whole segment stays
    missing.

    Args:
        values: Array `(rows, channels)` or `(rows,)`; NaN where missing.
        timestamps: Seconds `(rows,)`. `None` means rows that are one second
            apart.
        step: Seconds between two time steps. `None` uses the median time
            between rows of different timestamps.

    Returns:
        `ResampledSeries`.

    Raises:
        TooShortError: If fewer than two rows have a value.
        ValueError: If a timestamp is missing, a value is infinite, or most
            rows are not about `step` apart.

    Example:

    A row every 60 s. One row is late, one is missing, one is out of order, and
    two more follow after an hour.

    >>> seconds = [0, 61, 180, 240, 120 + 180, 3600, 3660]
    >>> series = resample([1, 2, 4, 5, 6, 7, 8.0], seconds)
    >>> series.values[:, 0].tolist(), series.segment_bounds.tolist()
    ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [0, 6, 8])
    >>> series.grid_indices.tolist()
    [0, 1, 3, 4, 5, 6, 7]
    >>> series.irregularities["interpolated"], series.irregularities["gaps"]
    (1, [(300.0, 3600.0)])
    """
    values = as_matrix(values)
    times = checked_times(timestamps, len(values))
    order = np.argsort(times, kind="stable")
    present = order[~np.isnan(values[order]).all(axis=1)]
    if len(present) < 2:
        raise TooShortError(
            "A series must have at least two rows with a value. Received: "
            f"{len(present)}"
        )
    sorted_times = times[present]
    intervals = np.diff(sorted_times)
    step = checked_step(intervals, step)
    gaps = np.flatnonzero(intervals > MAX_INTERPOLATED_STEPS * step)
    first = sorted_times[np.r_[0, gaps + 1]]
    last = sorted_times[np.r_[gaps, len(sorted_times) - 1]]
    lengths = np.round((last - first) / step).astype(int) + 1
    bounds = np.r_[0, np.cumsum(lengths)]

    segment = np.searchsorted(first, times, side="right") - 1
    offset = np.round((times - first[segment]) / step).astype(int)
    inside = (segment >= 0) & (offset < lengths[segment])
    grid_indices = np.where(inside, bounds[segment] + offset, -1)

    segments = np.repeat(np.arange(len(first)), lengths)
    grid = first[segments] + step * (np.arange(bounds[-1]) - bounds[segments])
    on_grid = grid_means(values[present], grid_indices[present], bounds[-1])
    interpolated = int(np.isnan(on_grid).all(axis=1).sum())
    interpolate(on_grid, bounds)
    return ResampledSeries(
        on_grid,
        grid,
        bounds,
        grid_indices,
        step,
        {
            "out_of_order": int((np.diff(times) < 0).sum()),
            "duplicates": int((np.diff(times[order]) == 0).sum()),
            "interpolated": interpolated,
            "gaps": [
                (sorted_times[gap].item(), sorted_times[gap + 1].item())
                for gap in gaps
            ],
        },
    )


def as_matrix(values: ArrayLike) -> Array:
    """Converts a series to a float64 matrix.

    Args:
        values: Array `(rows, channels)` or `(rows,)`; NaN where missing.

    Returns:
        Float64 `(rows, channels)`.

    Raises:
        ValueError: If the shape is another one or a value is infinite.

    Example:

    >>> as_matrix([1, 2, 3]).shape
    (3, 1)
    """
    values = np.asarray(values, "float64")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            "A series must have the shape (rows, channels) or (rows,). "
            f"Received: {values.shape}"
        )
    infinite = np.isinf(values).any(axis=1)
    if infinite.any():
        raise ValueError(
            "Values must be finite, or NaN where missing. Received: an "
            f"infinite value in row {infinite.argmax() + 1}"
        )
    return values


def checked_times(timestamps: ArrayLike | None, rows: int) -> Array:
    """Timestamps as float64 `(rows,)`, without missing ones."""
    if timestamps is None:
        return np.arange(rows, dtype="float64")
    times = np.asarray(timestamps, "float64")
    if times.shape != (rows,):
        raise ValueError(
            f"`timestamps` must have the shape ({rows},), one for each row. "
            f"Received: {times.shape}"
        )
    missing = ~np.isfinite(times)
    if missing.any():
        raise ValueError(
            "Every row must have a timestamp. Received: none in row "
            f"{missing.argmax() + 1}. Remove rows without one"
        )
    return times


def checked_step(intervals: Array, step: float | None) -> float:
    """Step of the time grid, if most intervals between rows are close to it.

    Args:
        intervals: Seconds between consecutive rows.
        step: Seconds, or `None` for the median interval.
    """
    positive = intervals[intervals > 0]
    if len(positive) == 0:
        raise ValueError(
            "The rows of a series must have different timestamps. Received: "
            "the same timestamp in all rows"
        )
    median = float(np.median(positive))
    step = median if step is None else float(step)
    low, high = (bound * step for bound in REGULAR_GAPS)
    share = ((positive >= low) & (positive <= high)).mean()
    if not low <= median <= high or share < 0.5:
        raise ValueError(
            f"Rows must be about {step:g} s apart. Received: a median of "
            f"{median:g} s, and {share:.0%} of the intervals from {low:g} to "
            f"{high:g} s. Resample the series first"
        )
    return step


def grid_means(values: Array, indices: Array, num_steps: int) -> Array:
    """Mean of the rows of each time step.

    Args:
        values: Float64 `(rows, channels)`; NaN where missing.
        indices: Integers `(rows,)`, the time step of each row.
        num_steps: Number of time steps.

    Returns:
        Float64 `(num_steps, channels)`; NaN where there is no value.
    """
    means = np.empty((num_steps, values.shape[1]))
    for channel, column in enumerate(values.T):
        present = ~np.isnan(column)
        counts = np.bincount(indices[present], minlength=num_steps)
        sums = np.bincount(
            indices[present], column[present], minlength=num_steps
        )
        means[:, channel] = np.where(
            counts, sums / np.maximum(counts, 1), np.nan
        )
    return means


def interpolate(values: Array, bounds: Array) -> None:
    """Interpolates missing values linearly within each segment, in place.

    At the ends of a segment the nearest value is repeated.
    """
    segment = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    steps = np.arange(len(values))
    for column in values.T:
        missing = np.flatnonzero(np.isnan(column))
        present = np.flatnonzero(~np.isnan(column))
        if len(missing) == 0 or len(present) == 0:
            continue
        after = np.searchsorted(present, missing)
        left = present[np.maximum(after - 1, 0)]
        right = present[np.minimum(after, len(present) - 1)]
        # Only neighbors in the same segment are used.
        left_ok = (after > 0) & (segment[left] == segment[missing])
        right_ok = (after < len(present)) & (segment[right] == segment[missing])
        left = np.where(left_ok, left, right)
        right = np.where(right_ok, right, left)
        share = (steps[missing] - left) / np.maximum(right - left, 1)
        filled = column[left] + share * (column[right] - column[left])
        column[missing] = np.where(left_ok | right_ok, filled, np.nan)
