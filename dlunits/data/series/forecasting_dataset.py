"""From a table to what a forecaster learns: windows and what follows."""

import dataclasses
import hashlib

import numpy as np

from dlunits.columns import check_columns, infer_column_types
from dlunits.data.series.forecast_windows import (
    ForecastWindows,
    Origins,
    last_window,
)
from dlunits.data.series.resampling import ResampledSeries, resample
from dlunits.data.series.series_tables import read_series, series_column_types
from dlunits.data.series.time_axis import TimeAxis


@dataclasses.dataclass(frozen=True)
class ForecastingDataset:
    """A series to forecast.

    Args:
        kinds: Dict of column name to kind: the time, then the channels.
        targets: Places among the channels of those that are forecast.
        axis: `dlunits.data.series.time_axis.TimeAxis`.
        series: `dlunits.data.series.resampling.ResampledSeries`.
        windows: `dlunits.data.series.forecast_windows.ForecastWindows`.
        origins: `dlunits.data.series.forecast_windows.Origins`.
        scale: Float32 `(targets,)`, their spreads where it is learnt from.
        told: Lines for people to read.
    """

    kinds: dict
    targets: list
    axis: TimeAxis
    series: ResampledSeries
    windows: ForecastWindows
    origins: Origins
    scale: np.ndarray
    told: list

    @property
    def channels(self):
        return list(self.kinds)[1:]

    @property
    def target_names(self):
        return [self.channels[place] for place in self.targets]

    @property
    def fingerprint(self):
        """Eight letters that are others for another series."""
        data = np.ascontiguousarray(self.series.values).tobytes()
        return hashlib.sha256(data).hexdigest()[:8]

    @property
    def training_values(self):
        """Values `(slots, channels)` that training windows may see."""
        last = self.origins.train[-1] + self.windows.horizon
        return self.series.values[:last]


def load_forecasting_dataset(
    table_file,
    timestamp_column,
    *,
    targets=(),
    columns=(),
    window,
    horizon,
    min_calibration=1,
):
    """Reads a series whole and parts it by time.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        timestamp_column: Name of the column of times.
        targets: Names of the columns that are forecast; without any, all.
        columns: Names of the further columns that are read; without any, all
            columns of numbers.
        window, horizon: Positive integers, rows.
        min_calibration: Fewest windows to make intervals of.

    Returns:
        `ForecastingDataset`.

    Raises:
        ValueError: If it cannot be learnt from: one line that names the file,
            what is wrong and what to do.
    """
    path = table_file.path
    check_columns(
        table_file.columns, [timestamp_column, *targets, *columns], path
    )
    kinds, ignored = series_column_types(
        *infer_column_types(table_file), timestamp_column, path
    )
    for name in (*targets, *columns):
        if name in ignored:
            raise ValueError(
                f"{path}: column {name!r} cannot be forecast or read: it "
                f"{ignored[name]}. Name a column of numbers"
            )
    if columns:
        wanted = {timestamp_column, *targets, *columns}
        kinds = {name: kind for name, kind in kinds.items() if name in wanted}
        ignored = {}
    names = list(kinds)[1:]
    targets = [names.index(name) for name in targets or names]
    table = read_series(table_file, kinds)
    axis = TimeAxis.infer(
        table.times, text=kinds[timestamp_column].startswith("timestamp")
    )
    try:
        series = on_axis(table.values, table.times, axis)
        windows = ForecastWindows(series, window, horizon, targets)
        origins = windows.parts(min_calibration)
        last_window(series, window)  # before training, not after
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    scale = spreads(series.values[: origins.train[-1] + horizon], names, path)[
        targets
    ]
    told = [
        f"{path}: {len(table.times):,} rows of {len(names)} channels, "
        f"{every(axis, series.step)}.",
        *findings(series, axis),
        *(f"Left out: {name}, {why}." for name, why in ignored.items()),
    ]
    return ForecastingDataset(
        kinds, targets, axis, series, windows, origins, scale, told
    )


def on_axis(values, times, axis, step=None):
    """A series on an even grid of seconds, or of months."""
    numbers = axis.numbers(times)
    if axis.months and step is None:
        step = float(np.round(np.median(np.diff(np.unique(numbers)))))
    return resample(values, numbers, step)


def spreads(values, names, path):
    """Standard deviations (channels,), none of them 0."""
    found = np.zeros(values.shape[1])
    for place, column in enumerate(values.T):
        known = column[~np.isnan(column)]
        found[place] = known.std() if len(known) else 0.0
        if len(known) and np.ptp(known) == 0:
            found[place] = 0.0
    if (found > 0).all():
        return found.astype("float32")
    first = int(np.argmin(found > 0))
    known = values[~np.isnan(values[:, first]), first]
    what = f"is always {known[0]:g}" if len(known) else "has no value"
    raise ValueError(
        f"{path}: column {names[first]!r} {what} in the rows that are learnt "
        "from: there is nothing to forecast from. Leave it out by naming the "
        "other columns"
    )


def every(axis, step):
    """How often rows come, in words."""
    if axis.months:
        return "one a month" if step == 1 else f"one every {step:g} months"
    return f"one every {step:g} s"


def findings(series, axis):
    found, lines = series.findings, []
    for name, meaning in (
        ("out_of_order", "rows were out of order and were sorted"),
        ("repeated", "rows had the time of another and were averaged"),
        ("bridged", "rows were missing and lie on a straight line"),
    ):
        if found[name]:
            lines.append(f"{found[name]:,} {meaning}.")
    if found["holes"]:
        first = axis.texts(axis.seconds(np.array(found["holes"][0])))
        lines.append(
            f"{len(found['holes'])} hole(s) in time, which no window spans; "
            f"the first from {first[0]} to {first[1]}."
        )
    return lines


def season_candidates(task):
    """Steps that may be a season: of a day, a week, a year, as they fit.

    Those of the calendar are only tried where times are dates.
    """
    window, step = task.windows.window, task.series.step
    if not task.axis.text:
        return []
    periods = [3, 12] if task.axis.months else [86_400, 604_800, 31_557_600]
    steps = [round(period / step) for period in periods]
    return [number for number in steps if 2 <= number <= window]
