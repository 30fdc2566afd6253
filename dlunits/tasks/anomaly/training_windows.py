"""Windows of a normal time series, for training."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dlunits.columns import (
    InvalidCells,
    check_columns,
    example_values,
    infer_column_types,
)
from dlunits.data.series.repeated_times import count_repeated_times
from dlunits.data.series.series_tables import read_series, series_column_types
from dlunits.data.series.window_features import (
    WindowFeatures,
    largest_prime,
)
from dlunits.data.tables.table_files import TableFile
from dlunits.reporting.progress import ProgressBar, with_progress
from dlunits.tasks.anomaly.training_rows import TrainingRows
from dlunits.typing import Array

MIN_WINDOW = 4  # rows, the shortest window that is proposed
MARGIN = 1.05  # of proposed windows, for those that are cut at gaps


@dataclasses.dataclass(frozen=True)
class TrainingWindows(TrainingRows):
    """Features of the windows of a time series, as rows of a table.

    Args:
        window_features: Feature extractor, fitted to the series.
        series_columns: Dict of column name to column type: the timestamps,
            then the channels.
        num_repeated: Number of rows with the time of an earlier row, with which
            they are averaged.
    """

    window_features: WindowFeatures
    series_columns: dict[str, str]
    num_repeated: int

    unit = "windows"

    @property
    def detector_column_types(self) -> dict[str, str]:
        """Column types for `AnomalyDetector.fit`; all features are numbers."""
        return dict.fromkeys(self.columns, "number")

    def shorter_window(self, factor: float) -> int | None:
        """Longest window that makes `factor` times as many windows."""
        window = self.window_features.window
        stride = largest_prime(window // 2)
        for shorter in range(window - 1, MIN_WINDOW - 1, -1):
            if stride >= MARGIN * factor * largest_prime(shorter // 2):
                return shorter
        return None

    @property
    def features(self) -> Array:
        """Array `(windows, features)`, the training data."""
        return np.stack(list(self.columns.values()), axis=1)

    @property
    def card(self) -> dict[str, Any]:
        """Entry `series` of the model card, which `SeriesScorer` reads."""
        return {
            "series": {
                "column_types": self.series_columns,
                "ignored": list(self.ignored),
                "window_features": self.window_features.get_config(),
            }
        }

    @property
    def source(self) -> str:
        """Two or three sentences about the training data."""
        hours = self.window_features.profile.period / 3600
        season = f"seasonal period {hours:g} h" if hours else "no seasonality"
        text = (
            f"{self.path}: {self.rows_read:,} rows, one every "
            f"{self.window_features.step:g} s; {self.num_rows:,} windows of "
            f"{self.window_features.window} rows used for training; "
            f"{len(self.series_columns) - 1} channels, {season}."
        )
        if self.num_repeated:
            text += (
                f" {self.num_repeated:,} rows have the time of another row and "
                "are averaged."
            )
        return f"{text} {self.labels_sentence}" if self.num_anomalies else text


def read_training_windows(
    table_file: TableFile,
    timestamp_column: str,
    window: int = 64,
    *,
    column_types: Mapping[str, str] | None = None,
    label_column: str | None = None,
    normal_class: str | None = None,
    keep_anomalies: bool = False,
    refuse_invalid: bool = False,
    progress: ProgressBar | None = None,
) -> TrainingWindows:
    """Reads a time series and computes the features of its windows.

    The series is read whole. Numbers and booleans are its channels. Rows that
    are labeled as anomalies count as missing values.

    Args:
        table_file: Table of a normal series, with or without labels.
        timestamp_column: Column with the timestamps.
        window: Number of rows in a window.
        column_types, label_column, normal_class, refuse_invalid, progress: See
            `dlunits.tasks.anomaly.training_rows.sample_training_rows`.
        keep_anomalies: Whether to keep rows that are labeled as anomalies.

    Returns:
        The windows.

    Raises:
        ValueError: If the file or a label cannot be read, there is no such
            column, many rows have the time of another, or no window fits into
            the series.
    """
    path = table_file.path
    check_columns(table_file.columns, [timestamp_column], path)
    label = label_column if label_column in table_file.columns else None
    types, reasons = infer_column_types(
        with_progress(table_file, progress, "Inferring column types"),
        dict(column_types or {}),
        label,
        timestamp_column=timestamp_column,
    )
    channels, ignored = series_column_types(
        types, reasons, timestamp_column, path, table_file=table_file
    )
    invalid_cells = InvalidCells()
    series = read_series(
        with_progress(table_file, progress, "Reading the series"),
        channels,
        label,
        normal_class,
        None if refuse_invalid else invalid_cells,
        drop_footer=True,
    )
    num_repeated = count_repeated_times(
        table_file, series.times, timestamp_column
    )
    values = series.values
    num_anomalies = None
    if series.labels is not None:
        num_anomalies = int(series.labels.sum())
        if not keep_anomalies:
            values = np.where(series.labels[:, None], np.nan, values)
    try:
        extractor = WindowFeatures.fit(values, series.times, window)
        windows = extractor.training_windows(values, series.times)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    names = feature_names(extractor.feature_names, list(channels)[1:])
    features = extractor.training_features(windows)
    return TrainingWindows(
        path,
        dict(zip(names, features.T, strict=True)),
        {**channels, **dict.fromkeys(ignored, "ignored")},
        ignored,
        example_values(table_file),
        len(values),
        num_anomalies,
        keep_anomalies,
        invalid_cells,
        extractor,
        channels,
        num_repeated,
    )


def feature_names(names: Iterable[str], channels: Iterable[str]) -> list[str]:
    """Names of window features with the names of their channels.

    Args:
        names: Names `"channel 1, level"`, channel after channel.
        channels: Names of the channels.

    Returns:
        List of names, such as `"speed: level"`.

    Example:

    >>> feature_names(["channel 1, level", "channel 2, level"], ["a", "b"])
    ['a: level', 'b: level']
    """
    names, channels = list(names), list(channels)
    per_channel = len(names) // len(channels)
    return [
        f"{channels[index // per_channel]}: {name.rpartition(', ')[2]}"
        for index, name in enumerate(names)
    ]
