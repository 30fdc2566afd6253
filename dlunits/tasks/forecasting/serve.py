"""Export of forecasters as SavedModels, and forecasts of new tables."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from dlunits.atomic_files import atomic_write
from dlunits.columns import InvalidCells, check_columns
from dlunits.data.series.forecast_windows import last_window
from dlunits.data.series.forecasting_dataset import (
    ForecastingDataset,
    resample_each,
    resample_on_axis,
    with_known_future,
)
from dlunits.data.series.repeated_times import count_repeated_times
from dlunits.data.series.resampling import ResampledSeries
from dlunits.data.series.series_panel import (
    read_series_names,
    rows_by_series,
    standard_deviations,
)
from dlunits.data.series.series_tables import read_series
from dlunits.data.series.time_axis import TimeAxis
from dlunits.data.series.time_zones import find_time_zone, to_wall_clock
from dlunits.data.tables.table_files import TableFile
from dlunits.data.tables.table_writer import escaped
from dlunits.models import Forecaster
from dlunits.paths import expand_user
from dlunits.serving.export import export
from dlunits.serving.load import find_version, load_saved_model
from dlunits.serving.model_card import check_entry_types, read_card
from dlunits.typing import Array, Path

# Entries of `series` in the model card, and their types.
SERIES_ENTRIES = {
    "axis": dict,
    "column_types": dict,
    "horizon": int,
    "targets": list,
    "window": int,
}
MAX_STEPS = 1_000_000  # of window and horizon


def export_forecaster(
    model: Forecaster,
    directory: Path,
    *,
    dataset: ForecastingDataset,
    data: str,
    metrics: dict[str, Any],
    command: str,
) -> pathlib.Path:
    """Exports a SavedModel that forecasts from the last rows of a series.

    Its endpoint `serving_default` takes `history`, float32 `(batch, window,
    channels)` in the units of the series, and returns `forecast`, `low` and
    `high`, float32 `(batch, horizon, targets)`. The values of the columns
    `known_future` of the model card are those `horizon` steps later.

    Args:
        model: Calibrated `dlunits.models.Forecaster`.
        directory: See `dlunits.serving.export.export`.
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`
            that the model was trained on.
        data, metrics, command: Entries of the model card.

    Returns:
        `pathlib.Path` of the exported version.

    Raises:
        OSError: If it cannot be written.
    """
    half_width = keras.ops.convert_to_numpy(model.interval.half_width)

    def endpoints(predict):
        width = tf.constant(half_width)
        minimum = -np.inf if model.minimum is None else model.minimum

        def forecast(history):
            center = tf.cast(predict(history), tf.float32)
            return {
                "forecast": center,
                "low": tf.maximum(center - width, minimum),
                "high": tf.maximum(center + width, minimum),
            }

        shape = [None, model.window, model.num_channels]
        return {
            "serving_default": (
                forecast,
                [tf.TensorSpec(shape, tf.float32, "history")],
            )
        }

    card = {
        "data": data,
        "metrics": metrics,
        "command": command,
        "license": "Apache-2.0",
        "batched": ["serving_default", "predict"],
        "series": {
            "column_types": dataset.column_types,
            "targets": dataset.target_names,
            "step": dataset.series.step,
            "axis": dataset.axis.get_config(),
            "window": model.window,
            "horizon": model.horizon,
            "coverage": model.coverage,
            "method": model.method,
            "season": model.season,
            "minimum": model.minimum,
            "series_column": dataset.series_column,
            "known_future": dataset.known_future,
            "scales": {
                member.name: member.scale.tolist() for member in dataset.members
            },
        },
    }
    example = np.zeros((1, model.window, model.num_channels), "float32")
    return export(
        model,
        directory,
        endpoints=endpoints,
        card=card,
        warmup={"serving_default": {"history": example}},
    )


def load_forecaster(
    folder: Path,
) -> tuple[Callable[[Array], dict[str, Array]], dict[str, Any]]:
    """Loads a SavedModel that `export_forecaster` wrote.

    Args:
        folder: Folder of a version of the SavedModel, or of all versions; then
            the latest one is loaded.

    Returns:
        `(forecast, series)`: a function from a `(batch, window, channels)`
        array to a dict of arrays, and the entry `series` of the model card.

    Raises:
        ValueError: If the folder contains no forecaster.
    """
    folder = find_version(folder)
    try:
        series = read_card(folder, {"series": dict})["series"]
        check_entry_types(series, SERIES_ENTRIES)
        if max(series["window"], series["horizon"]) > MAX_STEPS:
            raise ValueError(
                f"'window' and 'horizon' must be at most {MAX_STEPS:,}"
            )
        loaded = load_saved_model(folder)
    except ValueError as error:
        raise ValueError(
            f"{folder}: is not a SavedModel of a forecaster ({error}). Name "
            "the folder of a version, such as saved_models/forecast_eeg/1"
        ) from error

    def forecast(history):
        # `loaded` keeps the variables of its signatures alive.
        signature = loaded.signatures["serving_default"]
        outputs = signature(history=tf.constant(history, tf.float32))
        return {name: values.numpy() for name, values in outputs.items()}

    return forecast, series


def forecast_table(
    forecast: Callable[[Array], dict[str, Array]],
    series: dict[str, Any],
    table_file: TableFile,
    invalid_cells: InvalidCells | None = None,
) -> dict[str, list]:
    """Forecasts the rows that follow a table, or each series in it.

    A series that has fewer rows than the window is extended into the past by
    its first row, and one that the model was not trained on is divided by its
    own standard deviations. Columns that are known over the horizon must also
    have values after the last value of a target.

    Args:
        forecast, series: As returned by `load_forecaster`.
        table_file: `dlunits.data.tables.table_files.TableFile` with the columns
            of the training table, in any order.
        invalid_cells: As in `dlunits.columns.read_columns`.

    Returns:
        Dict of column name to list: the series if the table has many, the
        timestamps, and for each target `NAME`, `NAME low` and `NAME high`.

    Raises:
        ValueError: If the table is unsuitable, with a one-line message.
    """
    column_types, path = series["column_types"], table_file.path
    timestamp_column, *_ = column_types
    table_file = table_file.with_timestamps(timestamp_column)
    check_columns(table_file.columns, column_types, path)
    table = read_series(
        table_file,
        column_types,
        invalid_cells=invalid_cells,
        drop_footer=not series.get("series_column"),
    )
    axis = TimeAxis(**series["axis"])
    if axis.time_zone and find_time_zone(table_file, timestamp_column):
        times = to_wall_clock(table.times, axis.time_zone)
        table = dataclasses.replace(table, times=times)
    scales = np.ones((1, table.values.shape[1]))
    names = []
    try:
        if series.get("series_column"):
            check_columns(table_file.columns, [series["series_column"]], path)
            rows = rows_by_series(
                read_series_names(table_file, series["series_column"])
            )
            each = resample_each(
                table.values,
                table.times,
                rows,
                axis,
                series["step"],
            )
            names = list(each)
            each = {
                name: known_future_part(
                    series, part, table.values[rows[name]], f"series {name!r}: "
                )
                for name, part in each.items()
            }
            scales = np.stack(
                [
                    series["scales"].get(name, standard_deviations(part.values))
                    for name, part in each.items()
                ]
            )
            parts = [
                extend_past(part, series["window"]) for part in each.values()
            ]
        else:
            count_repeated_times(table_file, table.times, timestamp_column)
            part = resample_on_axis(
                table.values, table.times, axis, series["step"]
            )
            parts = [known_future_part(series, part, table.values)]
        windows = np.concatenate(
            [last_window(part, series["window"]) for part in parts]
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    outputs = forecast(windows / scales[:, None].astype("float32"))
    steps = series["step"] * np.arange(1, series["horizon"] + 1)
    times = np.concatenate([part.times[-1] + steps for part in parts])
    columns: dict[str, list] = {}
    if names:
        columns[series["series_column"]] = np.repeat(
            names, series["horizon"]
        ).tolist()
    columns[timestamp_column] = axis.format(axis.to_seconds(times))
    channels = list(column_types)[1:]
    for target, name in enumerate(series["targets"]):
        scale = scales[:, channels.index(name), None]
        for suffix, key in (
            ("", "forecast"),
            (" low", "low"),
            (" high", "high"),
        ):
            values = outputs[key][:, :, target] * scale
            columns[name + suffix] = values.ravel().tolist()
    return columns


def known_future_part(
    series: dict[str, Any],
    part: ResampledSeries,
    values: Array,
    place: str = "",
) -> ResampledSeries:
    """Moves known columns, see `dlunits.data.series.known_future`.

    Args:
        series: Entry `series` of the model card.
        part: A resampled series.
        values: Array `(rows, channels)`, its rows before resampling.
        place: Start of an error message.

    Raises:
        ValueError: If the known columns have no values up to the end of the
            horizon.
    """
    channels = list(series["column_types"])[1:]
    known = series.get("known_future", [])
    if not known:
        return part
    moved = with_known_future(
        part, values, channels, series["targets"], known, series["horizon"]
    )
    for name in known:
        if np.isnan(moved.values[-1:, channels.index(name)]).any():
            raise ValueError(
                f"{place}a forecast needs {series['horizon']} rows after the "
                f"last value of {series['targets'][0]!r}, in which {name!r} is "
                "filled and the columns to forecast are empty. Add them to the "
                "table"
            )
    return moved


def extend_past(series: ResampledSeries, window: int) -> ResampledSeries:
    """Repeats the first row of a series that is shorter than the window.

    Args:
        series: `dlunits.data.series.resampling.ResampledSeries`.
        window: Positive integer, time steps.

    Returns:
        A series of the rows after the last gap, at least `window`.
    """
    first = series.segment_bounds[-2]
    values, times = series.values[first:], series.times[first:]
    missing = max(window - len(values), 0)
    before = times[0] - series.step * np.arange(missing, 0, -1)
    return dataclasses.replace(
        series,
        values=np.concatenate([np.repeat(values[:1], missing, 0), values]),
        times=np.concatenate([before, times]),
        segment_bounds=np.array([0, missing + len(values)]),
    )


def check_output(path: Path | None) -> None:
    """Checks that a forecast can be written to a file.

    Args:
        path: Path of a file to write, or `None`, which passes.

    Raises:
        ValueError: If it is not a CSV file in an existing folder.
    """
    if path is None:
        return
    path = expand_user(path)
    if path.suffix != ".csv" or not path.parent.is_dir():
        raise ValueError(
            f"{path}: the forecast must be written to a file whose name ends "
            "in .csv, in an existing folder. Choose another file"
        )


def write_forecast(
    path: Path, columns: dict[str, list], *, escape_formulas: bool = False
) -> pathlib.Path:
    """Writes a forecast as a CSV file, atomically.

    Args:
        path: File to write, `.csv`.
        columns: As returned by `forecast_table`.
        escape_formulas: Whether names that a spreadsheet would interpret as
            formulas get a leading `'`.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        OSError: If it cannot be written.
    """
    path = expand_user(path)
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        table = csv.writer(text, lineterminator="\n")

        def texts(cells: list[str]) -> list[str]:
            names = pa.array(cells, pa.string())
            return (escaped(names) if escape_formulas else names).to_pylist()

        table.writerow(texts(list(columns)))
        cells = [
            texts(column)
            if isinstance(column[0], str)
            else [f"{value:.7g}" for value in column]
            for column in columns.values()
        ]
        table.writerows(zip(*cells, strict=True))
        text.detach()
    return path
