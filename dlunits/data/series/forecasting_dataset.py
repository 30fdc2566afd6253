"""Data sets for forecasting: a series from a table, split by time."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dlunits.columns import InvalidCells, check_columns
from dlunits.data.series.forecast_windows import (
    ForecastOrigins,
    ForecastWindows,
    last_window,
)
from dlunits.data.series.known_future import move_known_future
from dlunits.data.series.repeated_times import count_repeated_times
from dlunits.data.series.resampling import ResampledSeries, resample
from dlunits.data.series.series_panel import (
    PanelMember,
    concatenate_series,
    read_series_names,
    rows_by_series,
    scale_panel,
    split_panel,
    standard_deviations,
    training_steps,
)
from dlunits.data.series.series_tables import (
    infer_series_columns,
    list_series_columns,
    read_series,
)
from dlunits.data.series.time_axis import TimeAxis
from dlunits.data.series.time_zones import (
    check_time_zone,
    find_time_zone,
    to_wall_clock,
)
from dlunits.data.tables.table_files import TableFile
from dlunits.typing import Array, ArrayLike

MAX_DEFAULT_WINDOW, MAX_DEFAULT_SEASON = 64, 256  # rows
MIN_ROWS = 3  # after the last gap of a series that is to be forecast


@dataclasses.dataclass(frozen=True)
class ForecastingDataset:
    """A series with the windows and forecast origins to train a model on.

    Args:
        column_types: Dict from column name to column type: the timestamps
            first, then the channels.
        axis: `dlunits.data.series.time_axis.TimeAxis`.
        series: `dlunits.data.series.resampling.ResampledSeries`.
        window, horizon: Integers, time steps.
        targets: Indices of the channels that are forecast.
        split: The windows and the origins of the parts,
            `dlunits.data.series.forecast_windows.ForecastWindows` and
            `ForecastOrigins`. `None` if the series is too short to train on;
            then the whole series is the training part.
        shortage: Reason why the series is too short, or `None`.
        scale: Float32 `(targets,)`, standard deviations in the training part,
            in the units of `series`.
        messages: Lines for the user about the rows and columns of the table.
        series_column: Column that names the series of a row, or `None`.
        members: The series of a table with such a column, see
            `dlunits.data.series.series_panel`. The values of `series` are
            divided by their scales.
        known_future: Names of the channels whose values are known over the
            horizon. In `series` they are shifted back by `horizon` steps, see
            `dlunits.data.series.known_future`.

    Example:

    >>> dataset = ForecastingDataset(
    ...     {"t": "number", "load": "number"}, TimeAxis(dates=False),
    ...     resample([1.0, 2.0, 3.0]), window=2, horizon=1, targets=[0])
    >>> dataset.channels, dataset.target_names, dataset.has_future
    (['load'], ['load'], True)
    """

    column_types: dict[str, str]
    axis: TimeAxis
    series: ResampledSeries
    window: int
    horizon: int
    targets: list[int] = dataclasses.field(default_factory=list)
    split: tuple[ForecastWindows, ForecastOrigins] | None = None
    shortage: str | None = None
    scale: Array = dataclasses.field(default_factory=lambda: np.ones(0))
    messages: list[str] = dataclasses.field(default_factory=list)
    series_column: str | None = None
    members: list[PanelMember] = dataclasses.field(default_factory=list)
    known_future: list[str] = dataclasses.field(default_factory=list)

    @property
    def windows(self) -> ForecastWindows:
        """Windows to train and evaluate on."""
        return self.checked_split()[0]

    @property
    def origins(self) -> ForecastOrigins:
        """Origins of the parts of the split."""
        return self.checked_split()[1]

    def checked_split(self) -> tuple[ForecastWindows, ForecastOrigins]:
        """Windows and origins; raises ValueError if the series is too short."""
        if self.split is None:
            raise ValueError(f"Too few rows to train on: {self.shortage}")
        return self.split

    @property
    def channels(self) -> list[str]:
        """Names of the channels."""
        return list(self.column_types)[1:]

    @property
    def target_names(self) -> list[str]:
        """Names of the channels that are forecast."""
        return [self.channels[channel] for channel in self.targets]

    @property
    def has_future(self) -> bool:
        """Whether the known columns cover a forecast from the end."""
        ends = [member.last for member in self.members]
        last = np.array(ends or [len(self.series.values)]) - 1
        known = [self.channels.index(name) for name in self.known_future]
        return not np.isnan(self.series.values[last][:, known]).any()

    @property
    def fingerprint(self) -> str:
        """Hash of the values, eight hexadecimal digits."""
        data = np.ascontiguousarray(self.series.values).tobytes()
        return hashlib.sha256(data).hexdigest()[:8]

    @property
    def training_values(self) -> Array:
        """Values `(time, channels)` of the training part.

        If there are several series, the mean of each one is subtracted.
        """
        values, last = self.series.values, len(self.series.values)
        if not self.members:
            if self.split is not None:
                last = self.origins.train[-1] + self.horizon
            return values[:last]
        known = np.zeros(last, bool)
        known[training_steps(self.members, self.split, self.horizon)] = True
        parts = [
            values[member.first : member.last][
                known[member.first : member.last]
            ]
            for member in self.members
        ]
        return np.concatenate(
            [part - np.nanmean(part, axis=0) for part in parts if len(part)]
        )

    def units(self, origins: Array) -> Array:
        """Scales that targets were divided by: `(origins, 1, targets)`."""
        if not self.members:
            return np.ones((len(origins), 1, len(self.targets)))
        index = self.member_index(origins)
        scales = np.stack([member.scale for member in self.members])
        return scales[index][:, None, self.targets]

    def member_index(self, origins: Array) -> Array:
        """Index of the series of each origin `(origins,)`."""
        ends = [member.last for member in self.members]
        return np.searchsorted(ends, origins, side="right")

    def unscaled(self) -> list[tuple[str | None, Array, Array]]:
        """Name, times and values of each series, in the units of the table."""
        series = self.series
        if not self.members:
            return [(None, series.times, series.values)]
        return [
            (
                member.name,
                series.times[member.first : member.last],
                series.values[member.first : member.last] * member.scale,
            )
            for member in self.members
        ]


def load_forecasting_dataset(
    table_file: TableFile,
    timestamp_column: str,
    *,
    targets: Sequence[str] = (),
    columns: Sequence[str] = (),
    known_future: Sequence[str] = (),
    column_types: Mapping[str, str] | None = None,
    series_column: str | None = None,
    time_zone: str | None = None,
    window: int | None = None,
    horizon: int,
    min_calibration: int = 1,
    log: Callable[[str], Any] = lambda line: None,
) -> ForecastingDataset:
    r"""Reads a series from a table and splits it by time.

    A channel that is constant in the training part is dropped, unless it is
    named as a target, which is an error.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        timestamp_column: Name of the column of timestamps, or the names of a
            column of dates and one of times of day, `"Date,Time"`.
        targets: Names of the columns to forecast; all if empty, except those
            of `known_future`.
        columns: Names of additional input columns; all numeric columns if
            empty.
        known_future: Names of input columns whose values are known over the
            horizon.
        column_types: Dict from column name to column type, for columns whose
            type is not to be inferred, see `infer_column_types`.
        series_column: Column that names the series of each row, in a table
            with several series. One model is trained on all of them, each
            divided by its own standard deviations. `None` if there is one
            series.
        time_zone: Time zone to whose local time timestamps with an offset from
            UTC are converted. `None` uses that of `find_time_zone`.
        window: Positive integer, rows that a forecast is made from. `None`
            uses `default_window`.
        horizon: Positive integer, rows to forecast.
        min_calibration: Minimum number of windows for the calibration of
            prediction intervals.
        log: Function that prints a line for the user. It is called with the
            list of columns before the table is read.

    Returns:
        `ForecastingDataset`.

    Raises:
        ValueError: If the table is unsuitable. The message is one line with
            the file, the problem and a remedy.

    Example:

    >>> import pathlib, tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "load.csv")
    >>> lines = [f"{minute},{minute % 7}" for minute in range(99)]
    >>> _ = path.write_text("\n".join(["minute,load", *lines]))
    >>> data = load_forecasting_dataset(
    ...     open_table(path), "minute", window=14, horizon=7)
    >>> data.channels, len(data.origins.test)
    (['load'], 16)
    """
    path = table_file.path
    table_file = table_file.with_timestamps(timestamp_column)
    named = [*targets, *columns, *known_future]
    check_columns(table_file.columns, named, path)
    if both := set(targets) & set(known_future):
        raise ValueError(
            f"{path}: column {both.pop()!r} cannot be a target and known over "
            "the horizon. Name it only once"
        )
    column_types, ignored = infer_series_columns(
        table_file, timestamp_column, column_types, series_column
    )
    for line in list_series_columns(table_file, column_types, ignored):
        log(line)
    for name in named:
        if name in ignored:
            raise ValueError(
                f"{path}: column {name!r} cannot be used: it {ignored[name]}. "
                "Name a numeric column"
            )
    if columns:
        wanted = {timestamp_column, *named}
        column_types = {
            name: column_type
            for name, column_type in column_types.items()
            if name in wanted
        }
        ignored = {}
    invalid_cells = InvalidCells()
    table = read_series(
        table_file,
        column_types,
        invalid_cells=invalid_cells,
        drop_footer=series_column is None,
    )
    dates = column_types[timestamp_column].startswith("timestamp")
    zone = find_time_zone(table_file, timestamp_column) if dates else None
    if time_zone and not zone:
        raise ValueError(
            f"{path}: column {timestamp_column!r} has no offsets from UTC, so "
            f"its times are local times already. Omit --time_zone"
        )
    zone = time_zone or zone
    if zone:
        check_time_zone(zone)
        times = to_wall_clock(table.times, zone)
        table = dataclasses.replace(table, times=times)
    axis = TimeAxis.infer(table.times, dates, zone)
    try:
        if series_column:
            names = read_series_names(table_file, series_column)
            count_repeated_times(
                table_file, table.times, timestamp_column, names
            )
            rows = rows_by_series(names)
            parts = resample_each(table.values, table.times, rows, axis)
        else:
            count_repeated_times(table_file, table.times, timestamp_column)
            rows = {"": np.arange(len(table.times))}
            parts = {"": resample_on_axis(table.values, table.times, axis)}
        if known_future:
            parts = {
                name: with_known_future(
                    part,
                    table.values[rows[name]],
                    list(column_types)[1:],
                    targets,
                    known_future,
                    horizon,
                )
                for name, part in parts.items()
            }
        series, members = concatenate_series(parts, rows)
        window = window or max(
            default_window(series, axis), horizon if known_future else 0
        )
        if known_future and window < horizon:
            raise ValueError(
                f"--window={window} must be at least --horizon={horizon} with "
                "--known_future_columns, whose values over the horizon are "
                "read in the window"
            )
        dataset = split_series(
            ForecastingDataset(
                column_types,
                axis,
                series,
                window,
                horizon,
                series_column=series_column,
                members=members if series_column else [],
                known_future=list(known_future),
            ),
            targets,
            min_calibration,
        )
        while constants := constant_channels(dataset):
            dataset = split_series(
                without_channels(dataset, constants, targets),
                targets,
                min_calibration,
            )
            ignored |= constants
        dataset = scale_members(dataset)
        if known_future and dataset.shortage:
            raise ValueError(
                "has too few rows to train on with --known_future_columns. "
                f"{dataset.shortage}; or omit the flag to forecast with a "
                "baseline"
            )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    messages = [
        *table_file.messages,
        f"{path}: {len(table.times):,} rows of {len(dataset.channels)} "
        f"channels, {format_step(axis, series.step)}.",
        *panel_messages(dataset),
        *(f"Known over the horizon: {name}." for name in dataset.known_future),
        *irregularity_messages(series, axis),
        *(f"Ignored: {name}, {reason}." for name, reason in ignored.items()),
        *invalid_cells.messages,
    ]
    scale = standard_deviations(dataset.training_values[:, dataset.targets])
    return dataclasses.replace(
        dataset, scale=scale.astype("float32"), messages=messages
    )


def with_known_future(
    series: ResampledSeries,
    values: Array,
    channels: Sequence[str],
    targets: Sequence[str],
    known_future: Sequence[str],
    horizon: int,
) -> ResampledSeries:
    """Calls `move_known_future` with names of channels instead of indices."""
    targets = targets or [n for n in channels if n not in known_future]
    return move_known_future(
        series,
        values,
        [channels.index(name) for name in targets],
        [channels.index(name) for name in known_future],
        horizon,
    )


def scale_members(dataset: ForecastingDataset) -> ForecastingDataset:
    """Divides each series of a panel by its standard deviations."""
    if not dataset.members:
        return dataset
    known = training_steps(dataset.members, dataset.split, dataset.horizon)
    series, members = scale_panel(dataset.series, dataset.members, known)
    split = dataset.split
    if split is not None:
        windows = ForecastWindows(
            series, dataset.window, dataset.horizon, dataset.targets
        )
        split = windows, dataset.origins
    return dataclasses.replace(
        dataset, series=series, members=members, split=split
    )


def panel_messages(dataset: ForecastingDataset) -> list[str]:
    """Lines for the user about the series of a panel."""
    members = dataset.members
    if not members:
        return []
    lengths = [member.last - member.first for member in members]
    messages = [
        f"{len(members):,} series in column {dataset.series_column!r}, of "
        f"{min(lengths):,} to {max(lengths):,} time steps."
    ]
    if dataset.split is not None:
        trained = set(dataset.member_index(dataset.origins.train).tolist())
        short = [
            member.name
            for index, member in enumerate(members)
            if index not in trained
        ]
        if short:
            messages.append(
                f"{len(short):,} series are too short to train on, such as "
                f"{short[0]!r}. They are forecast by the model of the others."
            )
    return messages


def default_window(series: ResampledSeries, axis: TimeAxis) -> int:
    """Default number of rows that a forecast is made from.

    It is a sixth of the longest segment without a gap, at most 64 rows, but at
    least two seasons. The season is the longest one of `calendar_seasons` that
    has at most 256 rows and fits six times in the segment.
    """
    longest = int(np.diff(series.segment_bounds).max())
    season = max(
        (
            season
            for season in calendar_seasons(axis, series.step)
            if 6 * season <= longest and season <= MAX_DEFAULT_SEASON
        ),
        default=1,
    )
    return max(2, min(MAX_DEFAULT_WINDOW, longest // 6), 2 * season)


def split_series(
    dataset: ForecastingDataset, targets: Sequence[str], min_calibration: int
) -> ForecastingDataset:
    """Splits a series by time, unless it is too short.

    Args:
        dataset: `ForecastingDataset` without windows and origins.
        targets: Names of the channels to forecast; all if empty.
        min_calibration: See `load_forecasting_dataset`.

    Returns:
        `ForecastingDataset` with a split, or with the reason why the series is
        too short.

    Raises:
        ValueError: If no forecast can start at the end of the series.
    """
    series, window = dataset.series, dataset.window
    targets = targets or [
        name for name in dataset.channels if name not in dataset.known_future
    ]
    indices = [dataset.channels.index(name) for name in targets]
    split, shortage = None, None
    try:
        windows = ForecastWindows(series, window, dataset.horizon, indices)
        if dataset.members:
            origins = split_panel(windows, dataset.members, min_calibration)
        else:
            origins = windows.split(min_calibration)
        split = windows, origins
    except ValueError as error:
        shortage = str(error)
    if not dataset.members and dataset.has_future:
        # Raises the error before training instead of after it.
        last_window(series, MIN_ROWS if shortage else window)
    return dataclasses.replace(
        dataset,
        targets=indices,
        split=split,
        shortage=shortage,
    )


def resample_each(
    values: Array,
    times: Array,
    rows: Mapping[str, Array],
    axis: TimeAxis,
    step: float | None = None,
) -> dict[str, ResampledSeries]:
    """Resamples each series of a table to the same step.

    Args:
        values: Array `(rows, channels)`.
        times: Seconds `(rows,)`.
        rows: Dict from name to the rows of a series, from `rows_by_series`.
        axis: `dlunits.data.series.time_axis.TimeAxis`.
        step: Step of the grid in units of the axis. `None` uses the median of
            the steps of all series.

    Returns:
        Dict from name to `ResampledSeries`, in the order of the table.

    Raises:
        ValueError: If a series is unsuitable. The message starts with its name.

    Example:

    >>> times = np.array([0.0, 0, 60, 60])
    >>> rows = {"a": np.array([0, 2]), "b": np.array([1, 3])}
    >>> values = np.array([[1.0], [10], [2], [20]])
    >>> series = resample_each(values, times, rows, TimeAxis(dates=False))
    >>> series["b"].values[:, 0].tolist(), series["b"].step
    ([10.0, 20.0], 60.0)
    """
    if step is None:
        gaps = [
            np.diff(np.unique(axis.to_numbers(times[own])))
            for own in rows.values()
        ]
        steps = [float(np.median(each)) for each in gaps if len(each)]
        if not steps:
            raise ValueError(
                "A series must have at least two rows. Received: series with "
                "one row each"
            )
        step = float(np.median(steps))
        if axis.months or axis.weekmask:
            step = float(np.round(step))
    series = {}
    for name, own in rows.items():
        try:
            series[name] = resample_on_axis(values[own], times[own], axis, step)
        except ValueError as error:
            raise ValueError(f"series {name!r}: {error}") from error
    return series


def constant_channels(dataset: ForecastingDataset) -> dict[str, str]:
    """Channels that are constant in the training part, with the reason."""
    reasons = {}
    for name, column in zip(
        dataset.channels, dataset.training_values.T, strict=True
    ):
        known = column[~np.isnan(column)]
        if len(known) == 0:
            reasons[name] = "has no value in the training rows"
        elif np.ptp(known) == 0:
            reasons[name] = f"is always {known[0]:g} in the training rows"
    return reasons


def without_channels(
    dataset: ForecastingDataset,
    reasons: dict[str, str],
    targets: Sequence[str],
) -> ForecastingDataset:
    """Drops channels.

    Args:
        dataset: `ForecastingDataset`.
        reasons: Dict from the name of a dropped channel to the reason.
        targets: Names of channels that cannot be dropped.

    Returns:
        `ForecastingDataset` with the other channels.

    Raises:
        ValueError: If a channel of `targets`, or every channel, is dropped.
    """
    kept = [name for name in dataset.channels if name not in reasons]
    needed = [name for name in targets or reasons if name in reasons]
    if needed and (targets or not kept):
        raise ValueError(
            f"column {needed[0]!r} {reasons[needed[0]]}, so it cannot be "
            "forecast. Name other columns with --target"
        )
    indices = [dataset.channels.index(name) for name in kept]
    values = dataset.series.values[:, indices]
    time, *_ = dataset.column_types
    return dataclasses.replace(
        dataset,
        column_types={
            name: dataset.column_types[name] for name in (time, *kept)
        },
        series=dataclasses.replace(dataset.series, values=values),
        known_future=[n for n in dataset.known_future if n in kept],
    )


def resample_on_axis(
    values: ArrayLike,
    times: ArrayLike,
    axis: TimeAxis,
    step: float | None = None,
) -> ResampledSeries:
    """Resamples a series to a regular grid on a time axis.

    Args:
        values: Array `(rows, channels)`.
        times: Seconds `(rows,)`.
        axis: `dlunits.data.series.time_axis.TimeAxis`.
        step: Step of the grid in units of the axis; `None` infers it.

    Returns:
        `dlunits.data.series.resampling.ResampledSeries`, with times in units of
        the axis.

    Example:

    >>> months = np.array(["2024-01", "2024-02", "2024-03"], "M8[s]")
    >>> axis = TimeAxis(months=True)
    >>> resample_on_axis([1, 2, 3], months.astype(float), axis).step
    1.0
    """
    numbers = axis.to_numbers(times)
    if (axis.months or axis.weekmask) and step is None:
        step = float(np.round(np.median(np.diff(np.unique(numbers)))))
    return resample(values, numbers, step)


def format_step(axis: TimeAxis, step: float) -> str:
    """Step of a time axis as text, such as "one every 60 s"."""
    if axis.weekmask:
        return f"one a day on {axis.weekmask.count('1')} days of the week"
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
    """Seasons of the calendar that are not longer than a window.

    Args:
        dataset: `ForecastingDataset`.

    Returns:
        List of numbers of time steps, see `calendar_seasons`; empty if
        timestamps are not dates.
    """
    seasons = calendar_seasons(dataset.axis, dataset.series.step)
    return [season for season in seasons if season <= dataset.window]


def calendar_seasons(axis: TimeAxis, step: float) -> list[int]:
    """Seasons of the calendar, as numbers of time steps.

    Args:
        axis: `dlunits.data.series.time_axis.TimeAxis`.
        step: Step of the series in units of the axis.

    Returns:
        List of the numbers of steps in a day, a week and a year; on an axis of
        months, in a quarter and a year; on an axis of working days, in a week
        and a year. Numbers below 2, and seasons of an axis without dates, are
        left out.

    Example:

    >>> calendar_seasons(TimeAxis(), 3600.0)
    [24, 168, 8766]
    >>> calendar_seasons(TimeAxis(months=True), 3.0)
    [4]
    >>> calendar_seasons(TimeAxis(weekmask="1111100"), 1.0)
    [5, 261]
    """
    if not axis.dates:
        return []
    if axis.weekmask:
        days = axis.weekmask.count("1")
        periods = [float(days), days * 365.25 / 7]
    elif axis.months:
        periods = [3.0, 12.0]
    else:
        periods = [86_400.0, 604_800.0, 31_557_600.0]
    steps = [round(period / step) for period in periods]
    return [number for number in steps if number >= 2]
