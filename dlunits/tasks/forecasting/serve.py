"""Export of forecasters as SavedModels, and forecasts of new tables."""

import csv
import io
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from dlunits.atomic_files import atomic_write
from dlunits.columns import check_columns
from dlunits.data.series.forecast_windows import last_window
from dlunits.data.series.forecasting_dataset import (
    ForecastingDataset,
    resample_on_axis,
)
from dlunits.data.series.series_tables import read_series
from dlunits.data.series.time_axis import TimeAxis
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
    `high`, float32 `(batch, horizon, targets)`.

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
    """Loads what `export_forecaster` wrote.

    Args:
        folder: Folder of a SavedModel, or of its versions, of which the latest
            is loaded.

    Returns:
        `(forecast, series)`: a function from a `(batch, window, channels)`
        array to a dict of arrays, and the entry `series` of the model card.

    Raises:
        ValueError: If the folder holds no forecaster.
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
) -> dict[str, list]:
    """Forecasts what follows the last row of a table.

    Args:
        forecast, series: What `load_forecaster` returns.
        table_file: `dlunits.data.tables.table_files.TableFile` with the columns
            of the training table, in any order.

    Returns:
        Dict of column name to list: the timestamps, and for each target
        `NAME`, `NAME low` and `NAME high`.

    Raises:
        ValueError: If the table is unsuitable, with a one-line message.
    """
    column_types, path = series["column_types"], table_file.path
    timestamp_column, *_ = column_types
    check_columns(table_file.columns, column_types, path)
    table = read_series(table_file, column_types)
    axis = TimeAxis(**series["axis"])
    try:
        resampled = resample_on_axis(
            table.values, table.times, axis, series["step"]
        )
        window = last_window(resampled, series["window"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    outputs = forecast(window)
    steps = np.arange(1, series["horizon"] + 1)
    times = resampled.times[-1] + resampled.step * steps
    columns = {timestamp_column: axis.format(axis.to_seconds(times))}
    for target, name in enumerate(series["targets"]):
        for suffix, key in (
            ("", "forecast"),
            (" low", "low"),
            (" high", "high"),
        ):
            columns[name + suffix] = outputs[key][0, :, target].tolist()
    return columns


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
        columns: What `forecast_table` returns.
        escape_formulas: Whether names that a spreadsheet would take for
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
        names = pa.array(list(columns))
        names = escaped(names) if escape_formulas else names
        table.writerow(names.to_pylist())
        for time, *values in zip(*columns.values(), strict=True):
            table.writerow([time, *(f"{value:.7g}" for value in values)])
        text.detach()
    return path
