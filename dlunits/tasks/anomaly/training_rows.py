"""Random sample of the normal rows of a table, for training."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from dlunits.columns import (
    InvalidCells,
    example_values,
    infer_column_types,
    list_columns,
    read_columns,
)
from dlunits.columns.numeric_timestamps import unconverted
from dlunits.data.tables.anomaly_labels import anomaly_labels
from dlunits.data.tables.reservoir_sample import ReservoirSample
from dlunits.data.tables.table_files import TableFile
from dlunits.models import AnomalyDetector
from dlunits.reporting.progress import ProgressBar, with_progress
from dlunits.typing import Array, Path

# Upper bounds on the sampled rows and cells.
MAX_ROWS = 100_000
MAX_CELLS = 20_000_000


def min_calibration_rows(false_alarm_rate: float) -> int:
    """Smallest number n of rows with 1 / (1 + n) <= `false_alarm_rate`.

    1 / (1 + n) is the smallest p-value that n calibration rows can give.

    >>> min_calibration_rows(0.1), min_calibration_rows(0.03)
    (9, 33)
    """
    return math.ceil(round(1 / false_alarm_rate - 1, 6))


@dataclasses.dataclass(frozen=True)
class TrainingRows:
    """Rows to train a detector on, and a description of their table.

    Args:
        path: Path of the table.
        columns: Dict of column name to array `(rows,)`, the training data.
        column_types: Dict of column name to column type, all columns of the
            table.
        ignored: Dict of column name to the reason why it is ignored.
        examples: Dict of column name to a value as text.
        rows_read: Number of rows in the table.
        num_anomalies: Number of rows with an anomaly label, or `None` without
            labels.
        anomalies_kept: Whether these rows are part of the training data.
        invalid_cells: Cells that are not of the type of their column and count
            as missing.
    """

    path: Path
    columns: dict[str, Array]
    column_types: dict[str, str]
    ignored: dict[str, str]
    examples: dict[str, str]
    rows_read: int
    num_anomalies: int | None
    anomalies_kept: bool
    invalid_cells: InvalidCells

    unit = "rows"

    @property
    def num_rows(self) -> int:
        """Number of training examples."""
        return len(next(iter(self.columns.values())))

    def shorter_window(self, factor: float) -> int | None:
        """Window of a series that makes more training examples.

        Args:
            factor: How many times as many examples are needed.

        Returns:
            Number of rows; `None` if there is none.
        """
        del factor
        return None

    def calibrated(self, detector: AnomalyDetector) -> "TrainingRows":
        """Adds the calibration scores of the detector, fitted to these rows."""
        del detector
        return self

    def rate_messages(self, false_alarm_rate: float) -> list[str]:
        """Lines for the user about p-values at a false-alarm rate."""
        del false_alarm_rate
        return []

    @property
    def detector_column_types(self) -> dict[str, str]:
        """Column types for `AnomalyDetector.fit`."""
        return self.column_types

    @property
    def used_columns(self) -> list[str]:
        """Names of the columns of the table that are not ignored."""
        return [
            name
            for name, column_type in self.column_types.items()
            if column_type != "ignored"
        ]

    @property
    def card(self) -> dict[str, Any]:
        """Additional entries of the model card."""
        return {}

    @property
    def source(self) -> str:
        """One or two sentences about the training data."""
        text = (
            f"{self.path}: {self.rows_read:,} rows, {self.num_rows:,} used for "
            f"training; {len(self.used_columns)} of {len(self.column_types)} "
            "columns used"
        )
        if self.num_anomalies is None:
            return f"{text}."
        if not self.num_anomalies:
            return f"{text}. All rows are labeled as normal."
        return f"{text}. {self.labels_sentence}"

    @property
    def labels_sentence(self) -> str:
        """Sentence about the rows with an anomaly label."""
        use = "used for training" if self.anomalies_kept else "excluded"
        return f"{self.num_anomalies:,} rows labeled as anomalies are {use}."

    @property
    def messages(self) -> list[str]:
        """Lines for the user: the source, the columns, invalid cells."""
        columns = list_columns(self.column_types, self.ignored, self.examples)
        return [self.source, *columns, *self.invalid_cells.messages]


def sample_training_rows(
    table_file: TableFile,
    *,
    column_types: Mapping[str, str] | None = None,
    label_column: str | None = None,
    normal_class: str | None = None,
    keep_anomalies: bool = False,
    refuse_invalid: bool = False,
    seed: int = 0,
    progress: ProgressBar | None = None,
) -> TrainingRows:
    """Infers the column types of a table and samples its normal rows.

    The file is read twice. The sample holds at most 100,000 rows and 20
    million cells, each row with the same probability.

    Args:
        table_file: Table of normal rows, with or without labels.
        column_types: Dict of column name to column type, for columns whose
            type must not be inferred, see `infer_column_types`.
        label_column: Column with the anomaly labels, or `None`. It is not
            used as an input. Rows that it labels as anomalies are excluded.
            All rows of a table without this column count as normal.
        normal_class: Label of normal rows, see
            `dlunits.data.tables.anomaly_labels`.
        keep_anomalies: Whether to keep rows that are labeled as anomalies.
        refuse_invalid: Whether to refuse cells that are not of the type of
            their column. By default they count as missing.
        seed: Seed of the sample.
        progress: Function that creates a progress bar over rows, see
            `dlunits.reporting.progress.with_progress`, or `None`.

    Returns:
        The sampled rows.

    Raises:
        ValueError: If the file or a label cannot be read, no row is left, or a
            cell is refused.
    """
    if label_column not in table_file.columns:
        label_column = None
    types, ignored = infer_column_types(
        with_progress(table_file, progress, "Inferring column types"),
        dict(column_types or {}),
        label_column,
    )
    width = sum(column_type != "ignored" for column_type in types.values())
    sample = ReservoirSample(min(MAX_ROWS, max(1, MAX_CELLS // width)), seed)
    rows_read = num_anomalies = 0
    invalid_cells = InvalidCells()
    reading = with_progress(table_file, progress, "Sampling rows")
    for chunk in reading.chunks():
        columns = read_columns(
            chunk,
            unconverted(types),
            None if refuse_invalid else invalid_cells,
        )
        rows_read += chunk.table.num_rows
        if label_column is not None:
            anomalies = anomaly_labels(chunk, label_column, normal_class)
            num_anomalies += int(anomalies.sum())
            if not keep_anomalies:
                columns = {
                    name: array[~anomalies] for name, array in columns.items()
                }
        sample.add(columns)
    if label_column is not None and num_anomalies == rows_read:
        raise ValueError(
            f"{table_file.path}: column {label_column!r} labels all "
            f"{rows_read:,} rows as anomalies. Expected normal rows to train "
            "on."
        )
    return TrainingRows(
        table_file.path,
        sample.columns,
        types,
        ignored,
        example_values(table_file),
        rows_read,
        None if label_column is None else num_anomalies,
        keep_anomalies,
        invalid_cells,
    )
