"""Windows of normal time series, for training."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dlunits.columns import InvalidCells, example_values
from dlunits.data.series.panel_features import (
    PanelFeatures,
    PanelWindows,
    first_names,
)
from dlunits.data.series.repeated_times import count_repeated_times
from dlunits.data.series.series_panel import read_series_names
from dlunits.data.series.series_tables import infer_series_columns, read_series
from dlunits.data.series.window_features import largest_prime
from dlunits.data.tables.table_files import TableFile
from dlunits.models import AnomalyDetector
from dlunits.reporting.progress import ProgressBar, with_progress
from dlunits.tasks.anomaly.training_rows import (
    TrainingRows,
    min_calibration_rows,
)
from dlunits.typing import Array

MIN_WINDOW = 4  # rows; shorter windows are not suggested
MARGIN = 1.05  # factor for the windows that are cut at gaps


@dataclasses.dataclass(frozen=True)
class TrainingWindows(TrainingRows):
    """Features of the windows of time series, as rows of a table.

    Args:
        panel: Feature extractors, fitted to the series.
        windows: The windows.
        series_columns: Dict of column name to column type: the timestamps,
            then the channels.
        series_column: Column that names the series of each row, or `None`.
        date_and_time: Columns of dates and times that form the timestamps, or
            none.
        num_repeated: Number of rows with the timestamp of an earlier row of the
            same series, with which they are averaged.
        calibration_scores: Dict of the name of each series to the scores of
            its calibration windows, in rising order. Empty if there is one
            series, or the detector is not fitted.
    """

    panel: PanelFeatures
    windows: PanelWindows
    series_columns: dict[str, str]
    series_column: str | None
    date_and_time: tuple[str, ...]
    num_repeated: int
    calibration_scores: dict[str, Array] = dataclasses.field(
        default_factory=dict
    )

    unit = "windows"

    @property
    def detector_column_types(self) -> dict[str, str]:
        """Column types for `AnomalyDetector.fit`; all features are numbers."""
        return dict.fromkeys(self.columns, "number")

    @property
    def used_columns(self) -> list[str]:
        """Names of the columns that a table to score must have."""
        series = [self.series_column] if self.series_column else []
        timestamps, *channels = self.series_columns
        return [*series, *(self.date_and_time or [timestamps]), *channels]

    def shorter_window(self, factor: float) -> int | None:
        """Longest window that makes `factor` times as many windows."""
        window, stride = self.windows.window, self.windows.stride
        for shorter in range(window - 1, MIN_WINDOW - 1, -1):
            if stride >= MARGIN * factor * largest_prime(shorter // 2):
                return shorter
        return None

    @property
    def features(self) -> Array:
        """Array `(windows, features)`, the training data."""
        return np.stack(list(self.columns.values()), axis=1)

    def calibrated(self, detector: AnomalyDetector) -> "TrainingWindows":
        """Adds the calibration scores of each series."""
        if len(self.panel.extractors) == 1 or detector.calibration is None:
            return self
        rows, scores = detector.calibration
        index = self.windows.member_index[rows]
        return dataclasses.replace(
            self,
            calibration_scores={
                member.name: np.sort(scores[index == number])
                for number, member in enumerate(self.windows.members)
            },
        )

    @property
    def card(self) -> dict[str, Any]:
        """Entry `series` of the model card, which `SeriesScorer` reads."""
        return {
            "series": {
                "column_types": self.series_columns,
                "ignored": list(self.ignored),
                "series_column": self.series_column,
                "window_features": self.panel.get_config(),
                "calibration_scores": {
                    name: np.round(scores, 5).tolist()
                    for name, scores in self.calibration_scores.items()
                },
            }
        }

    @property
    def source(self) -> str:
        """Two or more sentences about the training data."""
        extractors = self.panel.extractors
        steps = sorted({extractor.step for extractor in extractors.values()})
        step = " to ".join(
            dict.fromkeys(f"{end:g}" for end in (steps[0], steps[-1]))
        )
        text = (
            f"{self.path}: {self.rows_read:,} rows, one every {step} s; "
            f"{self.num_rows:,} windows of {self.windows.window} rows used for "
            f"training; {len(self.series_columns) - 1} channels, "
            f"{self.seasons}."
        )
        if self.series_column:
            text += (
                f" {len(extractors):,} series in column {self.series_column!r}."
            )
        if short := self.panel.short:
            text += (
                f" {len(short):,} series have no window of "
                f"{self.windows.window} rows and are left out: "
                f"{first_names(short)}."
            )
        if self.num_repeated:
            text += (
                f" {self.num_repeated:,} rows have the timestamp of another "
                "row and are averaged."
            )
        return f"{text} {self.labels_sentence}" if self.num_anomalies else text

    @property
    def seasons(self) -> str:
        """The seasonal periods, with the numbers of series that have them."""
        counts = Counter(
            extractor.profile.period
            for extractor in self.panel.extractors.values()
        )
        texts = {
            period: f"seasonal period {period / 3600:g} h"
            if period
            else "no seasonality"
            for period in sorted(counts)
        }
        if len(texts) == 1:
            return "".join(texts.values())
        return ", ".join(
            f"{text} in {counts[period]:,} series"
            for period, text in texts.items()
        )

    def rate_messages(self, false_alarm_rate: float) -> list[str]:
        """See `calibration_messages`."""
        return calibration_messages(self.calibration_scores, false_alarm_rate)


def has_own_threshold(num_scores: int, false_alarm_rate: float) -> bool:
    """Whether the smallest p-value is at most the false-alarm rate."""
    return num_scores >= min_calibration_rows(false_alarm_rate)


def calibration_messages(
    calibration_scores: Mapping[str, Array], false_alarm_rate: float
) -> list[str]:
    """Lines for the user about series without p-values of their own.

    Args:
        calibration_scores: Dict of name to calibration scores.
        false_alarm_rate: Number in (0, 1).

    Returns:
        List of one line, or of none.

    Example:

    >>> calibration_messages({"a": np.zeros(30), "b": np.zeros(9)}, 0.1)
    []
    >>> few = calibration_messages({"a": np.zeros(30), "b": np.zeros(8)}, 0.1)
    >>> few[0][15:44]
    "'b' (1 of 2 series) has fewer"
    """
    few = [
        name
        for name, scores in calibration_scores.items()
        if not has_own_threshold(len(scores), false_alarm_rate)
    ]
    if not few:
        return []
    needed = min_calibration_rows(false_alarm_rate)
    return [
        f"P-values:      {first_names(few)} ({len(few):,} of "
        f"{len(calibration_scores):,} series) "
        f"{'has' if len(few) == 1 else 'have'} fewer than the {needed:,} "
        f"windows that a false-alarm rate of {false_alarm_rate:g} needs. They "
        "are compared with the windows of all series."
    ]


def read_training_windows(
    table_file: TableFile,
    timestamp_column: str,
    window: int = 64,
    *,
    series_column: str | None = None,
    column_types: Mapping[str, str] | None = None,
    label_column: str | None = None,
    normal_class: str | None = None,
    keep_anomalies: bool = False,
    refuse_invalid: bool = False,
    progress: ProgressBar | None = None,
) -> TrainingWindows:
    """Reads time series and computes the features of their windows.

    The table is read into memory. Numbers and booleans are its channels. Rows
    that are labeled as anomalies count as missing values.

    Args:
        table_file: Table of normal series, with or without labels.
        timestamp_column: Column with the timestamps, or columns of dates and
            times, `"Date,Time"`.
        window: Number of rows in a window.
        series_column: Column that names the series of each row. Each series
            has its own season and scale. `None` if there is one series.
        column_types, label_column, normal_class, refuse_invalid, progress: See
            `dlunits.tasks.anomaly.training_rows.sample_training_rows`.
        keep_anomalies: Whether to keep rows that are labeled as anomalies.

    Returns:
        The windows.

    Raises:
        ValueError: If the file or a label cannot be read, there is no such
            column, many rows share a timestamp, or no window fits into a
            series.
    """
    path = table_file.path
    table_file = table_file.with_timestamps(timestamp_column)
    label = label_column if label_column in table_file.columns else None
    if series_column and label == series_column:
        raise ValueError(
            f"{path}: column {label!r} cannot be the column of labels and of "
            "series at the same time. Choose another column."
        )
    channels, ignored = infer_series_columns(
        with_progress(table_file, progress, "Inferring column types"),
        timestamp_column,
        column_types,
        series_column,
        label,
        use_counters=False,
    )
    invalid_cells = InvalidCells()
    series = read_series(
        with_progress(table_file, progress, "Reading the series"),
        channels,
        label,
        normal_class,
        None if refuse_invalid else invalid_cells,
        drop_footer=series_column is None,
    )
    names = None
    if series_column:
        names = read_series_names(table_file, series_column)
    num_repeated = count_repeated_times(
        table_file, series.times, timestamp_column, names
    )
    values = series.values
    num_anomalies = None
    if series.labels is not None:
        num_anomalies = int(series.labels.sum())
        if not keep_anomalies:
            values = np.where(series.labels[:, None], np.nan, values)
    try:
        panel = PanelFeatures.fit(values, series.times, names, window)
        windows = panel.training_windows(values, series.times, names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    columns = feature_names(panel.first.feature_names, list(channels)[1:])
    features = panel.training_features(windows)
    return TrainingWindows(
        path,
        dict(zip(columns, features.T, strict=True)),
        {**channels, **dict.fromkeys(ignored, "ignored")},
        ignored,
        example_values(table_file),
        len(values),
        num_anomalies,
        keep_anomalies,
        invalid_cells,
        panel,
        windows,
        channels,
        series_column,
        table_file.date_and_time,
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
