"""A forecaster as a SavedModel, and forecasts from new tables by it."""

import csv
import io
import json
import pathlib

import keras
import numpy as np
import tensorflow as tf

from dlunits.atomic_files import atomic_write
from dlunits.columns import check_columns
from dlunits.data.series.forecast_windows import last_window
from dlunits.data.series.forecasting_dataset import on_axis
from dlunits.data.series.series_tables import read_series
from dlunits.data.series.time_axis import TimeAxis
from dlunits.serving.export import export


def export_forecaster(model, directory, *, task, data, metrics, command):
    """Writes a SavedModel that takes `history`, the last rows of a series.

    Its endpoint `serving_default` takes float32 `(batch, window, channels)`
    in the units of the series and returns `forecast`, `low` and `high`,
    `(batch, horizon, targets)`.

    Args:
        model: Calibrated `dlunits.models.Forecaster`.
        directory: See `dlunits.serving.export.export`.
        task: `dlunits.data.series.forecasting_dataset.ForecastingDataset`.
        data, metrics, command: Of the model card.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        OSError: If it cannot be written.
    """
    half = keras.ops.convert_to_numpy(model.interval.half_width)

    def endpoints(predict):
        width = tf.constant(half)

        def forecast(history):
            said = tf.cast(predict(history), tf.float32)
            return {"forecast": said, "low": said - width, "high": said + width}

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
            "kinds": task.kinds,
            "targets": task.target_names,
            "step": task.series.step,
            "axis": task.axis.get_config(),
            "window": model.window,
            "horizon": model.horizon,
            "coverage": model.coverage,
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


def open_forecaster(folder):
    """Loads what `export_forecaster` wrote.

    Returns:
        `(serve, facts)`: a function of a `(batch, window, channels)` array to
        a dict of arrays, and the card's dict about the series.

    Raises:
        ValueError: If it is no forecaster.
    """
    folder = pathlib.Path(folder).expanduser()
    try:
        card = json.loads((folder / "model_card.json").read_text())
        facts = card["series"]
        missing = {"kinds", "targets", "window", "horizon", "axis"} - {*facts}
        if missing:
            raise KeyError(*missing)
        loaded = tf.saved_model.load(folder)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder}: is no SavedModel of a forecaster. Name a version's "
            "folder, such as saved_models/forecast_eeg/1"
        ) from error
    signature = loaded.signatures["serving_default"]

    def serve(history):
        said = signature(history=tf.constant(history, tf.float32))
        return {name: values.numpy() for name, values in said.items()}

    serve.loaded = loaded  # owns what the signature uses
    return serve, facts


def forecast_table(serve, facts, table_file):
    """Goes on from the end of a table.

    Args:
        serve, facts: What `open_forecaster` returns.
        table_file: `dlunits.data.tables.table_files.TableFile` with the columns
            of the training table; their order is free.

    Returns:
        Dict of column name to a list: the times, and for each target its
        forecast, and that with ` low` and ` high` behind its name.

    Raises:
        ValueError: If it cannot be gone on from: one line.
    """
    kinds, path = facts["kinds"], table_file.path
    time, *_ = kinds
    check_columns(table_file.columns, kinds, path)
    table = read_series(table_file, kinds)
    axis = TimeAxis(**facts["axis"])
    try:
        series = on_axis(table.values, table.times, axis, facts["step"])
        window = last_window(series, facts["window"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    said = serve(window)
    steps = series.times[-1] + series.step * np.arange(1, facts["horizon"] + 1)
    columns = {time: axis.texts(axis.seconds(steps))}
    for place, name in enumerate(facts["targets"]):
        for ending, key in (
            ("", "forecast"),
            (" low", "low"),
            (" high", "high"),
        ):
            columns[name + ending] = said[key][0, :, place].tolist()
    return columns


def check_output(path):
    """Refuses where a forecast cannot be written, before it is made.

    Args:
        path: File to write, or `None`, which is well.

    Raises:
        ValueError: If it is no CSV file in a folder that exists.
    """
    if path is None:
        return
    path = pathlib.Path(path).expanduser()
    if path.suffix != ".csv" or not path.parent.is_dir():
        raise ValueError(
            f"{path}: a forecast is written to a file whose name ends in .csv, "
            "in a folder that exists. Choose another"
        )


def write_forecast(path, columns):
    """Writes a forecast as CSV, whole or not at all.

    Args:
        path: File to write, `.csv`.
        columns: What `forecast_table` returns.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        OSError: If it cannot be written.
    """
    path = pathlib.Path(path).expanduser()
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns)
        for time, *values in zip(*columns.values(), strict=True):
            table.writerow([time, *(f"{value:.7g}" for value in values)])
        text.detach()
    return path
