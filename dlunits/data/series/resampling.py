"""A series as it was logged, on an even grid of times."""

import dataclasses

import numpy as np

# A hole is bridged by a straight line if its ends are no more steps apart.
BRIDGED = 3.0
NEARLY = 0.5, 1.5  # steps, between most rows


@dataclasses.dataclass(frozen=True)
class ResampledSeries:
    """A series on a grid, and where its rows went.

    Attributes:
        values: Float64 `(slots, channels)`.
        times: Seconds `(slots,)`.
        bounds: Integers `(stretches + 1,)`: stretch i, which has no hole, is
            made of the slots from `bounds[i]` to before `bounds[i + 1]`.
        grid_indices: Integers `(rows,)`; -1 for rows that are in a hole.
        step: Seconds from one slot to the next.
        findings: Dict of how many rows were `out_of_order` and `repeated`,
            and how many slots were `bridged`; and `holes`, a list of pairs
            of the seconds at which each begins and ends.
    """

    values: np.ndarray
    times: np.ndarray
    bounds: np.ndarray
    grid_indices: np.ndarray
    step: float
    findings: dict


def resample(values, timestamps=None, step=None):
    """Puts the rows of a series on an even grid of times.

    Loggers stammer: rows come a little late, twice, in the wrong order, or
    not at all. Rows are sorted by time and dealt into stretches wherever two
    are more than 3 steps apart. In a stretch, row i at time t_i goes to

        slot_i = round((t_i - t_first) / step)

    Rows in one slot are averaged. A slot without a row, or without a value of
    one channel, lies on the straight line between its neighbors. Rows
    without any value count as if they were not there. A channel that is
    missing in all of a stretch stays missing.

    Args:
        values: Array `(rows, channels)` or `(rows,)`; NaN where missing.
        timestamps: Array `(rows,)` of seconds; `None` if rows follow each
            other evenly, which then are a second apart.
        step: Seconds between rows; `None` takes the median of what is
            between rows of different times.

    Returns:
        A `ResampledSeries`.

    Raises:
        ValueError: If there are fewer than two rows with a value, a time is
            missing, a value is infinite, or rows are not nearly `step` apart.

    Example, every 60 s; one row came late, one not at all, one before its
    time, and after an hour there are two more:

    >>> seconds = [0, 61, 180, 240, 120 + 180, 3600, 3660]
    >>> series = resample([1, 2, 4, 5, 6, 7, 8.0], seconds)
    >>> series.values[:, 0].tolist(), series.bounds.tolist()
    ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [0, 6, 8])
    >>> series.grid_indices.tolist()
    [0, 1, 3, 4, 5, 6, 7]
    >>> series.findings["bridged"], series.findings["holes"]
    (1, [(300.0, 3600.0)])
    """
    values = two_dimensional(values)
    times = checked_times(timestamps, len(values))
    order = np.argsort(times, kind="stable")
    present = order[~np.isnan(values[order]).all(axis=1)]
    if len(present) < 2:
        raise ValueError(
            "A series must have at least two rows with a value. Received: "
            f"{len(present)}"
        )
    own = times[present]
    gaps = np.diff(own)
    step = checked_step(gaps, step)
    cuts = np.flatnonzero(gaps > BRIDGED * step)
    first = own[np.r_[0, cuts + 1]]
    last = own[np.r_[cuts, len(own) - 1]]
    lengths = np.round((last - first) / step).astype(int) + 1
    bounds = np.r_[0, np.cumsum(lengths)]

    stretch = np.searchsorted(first, times, side="right") - 1
    place = np.round((times - first[stretch]) / step).astype(int)
    inside = (stretch >= 0) & (place < lengths[stretch])
    slots = np.where(inside, bounds[stretch] + place, -1)

    which = np.repeat(np.arange(len(first)), lengths)
    grid = first[which] + step * (np.arange(bounds[-1]) - bounds[which])
    on_grid = mean_of_slots(values[present], slots[present], bounds[-1])
    bridged = int(np.isnan(on_grid).all(axis=1).sum())
    bridge(on_grid, bounds)
    return ResampledSeries(
        on_grid,
        grid,
        bounds,
        slots,
        step,
        {
            "out_of_order": int((np.diff(times) < 0).sum()),
            "repeated": int((np.diff(times[order]) == 0).sum()),
            "bridged": bridged,
            "holes": [(own[cut].item(), own[cut + 1].item()) for cut in cuts],
        },
    )


def two_dimensional(values):
    """(rows,) or (rows, channels) -> (rows, channels), finite or NaN"""
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
            f"infinite one in row {infinite.argmax() + 1}"
        )
    return values


def checked_times(timestamps, rows):
    if timestamps is None:
        return np.arange(rows, dtype="float64")
    times = np.asarray(timestamps, "float64")
    if times.shape != (rows,):
        raise ValueError(
            f"There must be one time for each of the {rows} rows. Received: "
            f"times of the shape {times.shape}"
        )
    missing = ~np.isfinite(times)
    if missing.any():
        raise ValueError(
            "Every row must have a time. Received: none in row "
            f"{missing.argmax() + 1}; leave such rows out"
        )
    return times


def checked_step(gaps, step):
    """Seconds between rows, if most of the gaps are near to it."""
    positive = gaps[gaps > 0]
    if len(positive) == 0:
        raise ValueError(
            "The rows of a series must be of different times. Received: all "
            "of one"
        )
    usual = float(np.median(positive))
    step = usual if step is None else float(step)
    low, high = (bound * step for bound in NEARLY)
    share = ((positive >= low) & (positive <= high)).mean()
    if not low <= usual <= high or share < 0.5:
        raise ValueError(
            f"Rows must come nearly every {step:g} s. Received: rows that are "
            f"{usual:g} s apart in the median, {share:.0%} of them from "
            f"{low:g} to {high:g} s. Resample the series first"
        )
    return step


def mean_of_slots(values, slots, number):
    """(rows, channels), (rows,) -> (number, channels); NaN where none is"""
    means = np.empty((number, values.shape[1]))
    for channel, column in enumerate(values.T):
        there = ~np.isnan(column)
        counts = np.bincount(slots[there], minlength=number)
        sums = np.bincount(slots[there], column[there], minlength=number)
        means[:, channel] = np.where(counts, sums / np.maximum(counts, 1), None)
    return means


def bridge(values, bounds):
    """Fills what is missing in a channel by straight lines, in place."""
    stretch = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    places = np.arange(len(values))
    for column in values.T:
        missing = np.flatnonzero(np.isnan(column))
        there = np.flatnonzero(~np.isnan(column))
        if len(missing) == 0 or len(there) == 0:
            continue
        after = np.searchsorted(there, missing)
        left = there[np.maximum(after - 1, 0)]
        right = there[np.minimum(after, len(there) - 1)]
        # Only what stands in the same stretch counts; at its ends, one side.
        left_ok = (after > 0) & (stretch[left] == stretch[missing])
        right_ok = (after < len(there)) & (stretch[right] == stretch[missing])
        left = np.where(left_ok, left, right)
        right = np.where(right_ok, right, left)
        share = (places[missing] - left) / np.maximum(right - left, 1)
        filled = column[left] + share * (column[right] - column[left])
        column[missing] = np.where(left_ok | right_ok, filled, np.nan)
