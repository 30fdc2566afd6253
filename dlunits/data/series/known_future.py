"""Covariates with known future values, such as holidays and prices."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from dlunits.data.series.resampling import ResampledSeries
from dlunits.typing import Array


def move_known_future(
    series: ResampledSeries,
    values: Array,
    targets: Sequence[int],
    known: Sequence[int],
    horizon: int,
) -> ResampledSeries:
    """Shifts known columns back in time by the horizon of a forecast.

    In the result, a window contains the values of these columns up to the end
    of the forecast that starts after it. To contain all of them it must be at
    least as long as the horizon. The series ends with the last value of a
    target.

    Args:
        series: The resampled series.
        values: Array `(rows, channels)`, the rows before resampling, NaN where
            missing.
        targets, known: Indices of the channels to forecast, and of those that
            are known.
        horizon: Positive integer, time steps.

    Returns:
        `ResampledSeries`. Known channels are NaN where the table does not have
        the value `horizon` steps later.

    Raises:
        ValueError: If no row has a value of a target.

    Example:

    The second channel is known for two more steps.

    >>> from dlunits.data.series.resampling import resample
    >>> table = np.array([[1, 10], [2, 20], [np.nan, 30], [np.nan, 40]])
    >>> move_known_future(resample(table), table, [0], [1], 2).values.tolist()
    [[1.0, 30.0], [2.0, 40.0]]
    """
    end = last_step(series, values, targets) + 1
    if not end:
        raise ValueError(
            "A series must have a value to forecast in some row. Received: "
            "none in the target columns"
        )
    moved = np.full((len(series.values), len(known)), np.nan)
    bounds = series.segment_bounds
    for index, channel in enumerate(known):
        column = series.values[:, channel].copy()
        # Resampling repeats the last value of a segment.
        column[last_step(series, values, [channel]) + 1 :] = np.nan
        for first, last in itertools.pairwise(bounds):
            length = max(0, last - first - horizon)
            moved[first : first + length, index] = column[last - length : last]
    new_values = series.values[:end].copy()
    new_values[:, known] = moved[:end]
    grid = series.grid_indices
    return dataclasses.replace(
        series,
        values=new_values,
        times=series.times[:end],
        segment_bounds=np.append(bounds[bounds < end], end),
        grid_indices=np.where(grid < end, grid, -1),
    )


def last_step(
    series: ResampledSeries, values: Array, channels: Sequence[int]
) -> int:
    """Last time step of a row with a value of one of the channels.

    Args:
        series, values: See `move_known_future`.
        channels: Indices of channels.

    Returns:
        Index of the time step, -1 if there is no value.
    """
    has_value = ~np.isnan(values[:, channels]).all(axis=1)
    return int(series.grid_indices[has_value].max(initial=-1))
