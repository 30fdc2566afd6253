"""Datasets for forecasting: a series from a table, split by time."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from dlunits.columns import InvalidCells, check_columns, infer_column_types
from dlunits.data.series.forecast_windows import (
    ForecastOrigins,
    ForecastWindows,
    last_window,
)
from dlunits.data.series.resampling import ResampledSeries, resample
from dlunits.data.series.series_tables import read_series, series_column_types
from dlunits.data.series.time_axis import TimeAxis
from dlunits.data.tables.table_files import TableFile
from dlunits.typing import Array, ArrayLike, Path


@dataclasses.dataclass(frozen=True)
class ForecastingDataset:
    """A series with the windows and origins to train a forecaster on.

    Args:
        column_types: Dict of column name to column type: the timestamps first,
            then the channels.
        targets: Indices of the channels that are forecast.
        axis: `dlunits.data.series.time_axis.TimeAxis`.
        series: `dlunits.data.series.resampling.ResampledSeries`.
        windows: `dlunits.data.series.forecast_windows.ForecastWindows`.
        origins: `dlunits.data.series.forecast_windows.ForecastOrigins`.
        scale: Float32 `(targets,)`, standard deviations in the training part.
        messages: Lines for the user about what was read.
    """

    column_types: dict[str, str]
    targets: list[int]
    axis: TimeAxis
    series: ResampledSeries
    windows: ForecastWindows
    origins: ForecastOrigins
    scale: Array
    messages: list[str]

    @property
    def channels(self) -> list[str]:
        """Names of the channels."""
        return list(self.column_types)[1:]

    @property
    def target_names(self) -> list[str]:
        """Names of the channels that are forecast."""
        return [self.channels[channel] for channel in self.targets]

    @property
    def fingerprint(self) -> str:
        """Hash of the values, eight hexadecimal digits."""
        data = np.ascontiguousarray(self.series.values).tobytes()
        return hashlib.sha256(data).hexdigest()[:8]

    @property
    def training_values(self) -> Array:
        """Values `(time, channels)` of the training part."""
        last = self.origins.train[-1] + self.windows.horizon
        return self.series.values[:last]


def load_forecasting_dataset(
    table_file: TableFile,
    timestamp_column: str,
    *,
    targets: Sequence[str] = (),
    columns: Sequence[str] = (),
    column_types: Mapping[str, str] | None = None,
    window: int,
    horizon: int,
    min_calibration: int = 1,
) -> ForecastingDataset:
    """Reads a series from a table and splits it by time.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        timestamp_column: Name of the column of timestamps.
        targets: Names of the columns to forecast; all if empty.
        columns: Names of further input columns; all numeric columns if empty.
        column_types: Dict of column name to column type, for columns whose
            type must not be inferred, see `infer_column_types`.
        window, horizon: Positive integers, rows.
        min_calibration: Minimum number of windows for the calibration of
            prediction intervals.

    Returns:
        `ForecastingDataset`.

    Raises:
        ValueError: If the table is unsuitable. The message is one line that
            names the file, what is wrong and what to do.
    """
    path = table_file.path
    check_columns(
        table_file.columns, [timestamp_column, *targets, *columns], path
    )
    types, reasons = infer_column_types(
        table_file, dict(column_types or {}), timestamp_column=timestamp_column
    )
    column_types, ignored = series_column_types(
        types,
        reasons,
        timestamp_column,
        path,
        use_counters=True,
        table_file=table_file,
    )
    for name in (*targets, *columns):
        if name in ignored:
            raise ValueError(
                f"{path}: column {name!r} cannot be forecast or read: it "
                f"{ignored[name]}. Name a numeric column"
            )
    if columns:
        wanted = {timestamp_column, *targets, *columns}
        column_types = {
            name: column_type
            for name, column_type in column_types.items()
            if name in wanted
        }
        ignored = {}
    names = list(column_types)[1:]
    indices = [names.index(name) for name in targets or names]
    invalid_cells = InvalidCells()
    table = read_series(table_file, column_types, invalid_cells=invalid_cells)
    dates = column_types[timestamp_column].startswith("timestamp")
    axis = TimeAxis.infer(table.times, dates)
    try:
        series = resample_on_axis(table.values, table.times, axis)
        windows = ForecastWindows(series, window, horizon, indices)
        origins = windows.split(min_calibration)
        last_window(series, window)  # fails before training, not after
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    training_values = series.values[: origins.train[-1] + horizon]
    scale = standard_deviations(training_values, names, path)[indices]
    messages = [
        *table_file.messages,
        f"{path}: {len(table.times):,} rows of {len(names)} channels, "
        f"{format_step(axis, series.step)}.",
        *irregularity_messages(series, axis),
        *(f"Ignored: {name}, {reason}." for name, reason in ignored.items()),
        *invalid_cells.messages,
    ]
    return ForecastingDataset(
        column_types, indices, axis, series, windows, origins, scale, messages
    )


def resample_on_axis(
    values: ArrayLike,
    times: ArrayLike,
    axis: TimeAxis,
    step: float | None = None,
) -> ResampledSeries:
    """Resamples a series to a regular grid of seconds or of months.

    Args:
        values: Array `(rows, channels)`.
        times: Seconds `(rows,)`.
        axis: `dlunits.data.series.time_axis.TimeAxis`.
        step: Step of the grid in units of the axis; `None` infers it.

    Returns:
        `dlunits.data.series.resampling.ResampledSeries`, its times in units of
        the axis.
    """
    numbers = axis.to_numbers(times)
    if axis.months and step is None:
        step = float(np.round(np.median(np.diff(np.unique(numbers)))))
    return resample(values, numbers, step)


def standard_deviations(
    values: Array, names: Sequence[str], path: Path
) -> Array:
    """Standard deviations `(channels,)`.

    Raises:
        ValueError: If a channel is constant or has no value.
    """
    found = np.zeros(values.shape[1])
    for channel, column in enumerate(values.T):
        present = column[~np.isnan(column)]
        found[channel] = present.std() if len(present) else 0.0
        if len(present) and np.ptp(present) == 0:
            found[channel] = 0.0
    if (found > 0).all():
        return found.astype("float32")
    first = int(np.argmin(found > 0))
    present = values[~np.isnan(values[:, first]), first]
    problem = f"is always {present[0]:g}" if len(present) else "has no value"
    raise ValueError(
        f"{path}: column {names[first]!r} {problem} in the training rows, so "
        "it cannot be forecast or forecast from. Name the other columns to "
        "leave it out"
    )


def format_step(axis: TimeAxis, step: float) -> str:
    """Step of a time axis in words, for example "one every 60 s"."""
    if axis.months:
        return "one a month" if step == 1 else f"one every {step:g} months"
    return f"one every {step:g} s"


def irregularity_messages(series: ResampledSeries, axis: TimeAxis) -> list[str]:
    """Lines for the user about irregular timestamps."""
    counts, messages = series.irregularities, []
    for key, meaning in (
        ("out_of_order", "rows were out of order and were sorted"),
        ("duplicates", "rows had the timestamp of another and were averaged"),
        ("interpolated", "rows were missing and were interpolated linearly"),
    ):
        if counts[key]:
            messages.append(f"{counts[key]:,} {meaning}.")
    if counts["gaps"]:
        first = axis.format(axis.to_seconds(np.array(counts["gaps"][0])))
        messages.append(
            f"{len(counts['gaps'])} gap(s) in time, which no window spans; "
            f"the first from {first[0]} to {first[1]}."
        )
    return messages


def season_candidates(dataset: ForecastingDataset) -> list[int]:
    """Steps of a day, a week and a year, as far as a window holds them.

    Args:
        dataset: `ForecastingDataset`.

    Returns:
        List of numbers of time steps; empty if timestamps are not dates.
    """
    window, step = dataset.windows.window, dataset.series.step
    if not dataset.axis.dates:
        return []
    months = dataset.axis.months
    periods = [3, 12] if months else [86_400, 604_800, 31_557_600]
    steps = [round(period / step) for period in periods]
    return [number for number in steps if 2 <= number <= window]
