"""Scoring of table files of any length, in chunks."""

import collections
import functools
import itertools
import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dlunits.columns import (
    InvalidCellError,
    InvalidCells,
    TableChunk,
    read_columns,
)
from dlunits.columns.numeric_timestamps import unconverted
from dlunits.data.tables.anomaly_labels import anomaly_labels
from dlunits.data.tables.csv_rows import numbered_records
from dlunits.data.tables.reservoir_sample import ReservoirSample
from dlunits.data.tables.table_files import TableFile
from dlunits.data.tables.table_writer import write_scored
from dlunits.metrics.benjamini_hochberg import selection_threshold
from dlunits.metrics.detection_quality import detection_quality
from dlunits.models import AnomalyDetector
from dlunits.models.anomaly.table_drift import TableDrift
from dlunits.reporting.progress import ProgressBar, with_progress
from dlunits.tasks.anomaly.serve import EXPLAINED, ServedDetector
from dlunits.typing import Array, Path

NUM_TOP_ROWS = 20
# Upper bounds on the sample of scored rows.
MAX_SAMPLED_ROWS, MAX_SAMPLED_CELLS = 20_000, 10_000_000
MOST_ROWS = 0.5  # share of anomalies above which the whole table differs
# Names of unused columns in the summary.
MAX_LISTED_COLUMNS = 5

EXPLANATION = ("column", "expected", "seen")
NEW_COLUMNS = (
    "anomaly_score",
    "p_value",
    "is_anomaly",
    *(
        f"{name}_{rank}"
        for rank in range(1, EXPLAINED + 1)
        for name in EXPLANATION
    ),
)
# Types of these columns in Parquet.
NEW_COLUMN_TYPES = {
    "anomaly_score": pa.float32(),
    "p_value": pa.float32(),
    "is_anomaly": pa.bool_(),
    **dict.fromkeys(NEW_COLUMNS[3:], pa.string()),
}


class TableScorer:
    """Anomaly scores of table rows, chunk by chunk, with summary statistics.

    Memory does not depend on the number of rows, except for tables with
    labels: scores, labels and flags take 6 bytes per row.

    Args:
        detector: Fitted detector, or an exported one.
        false_alarm_rate: Number in (0, 1). Rows with a p-value of at most
            this rate are flagged as anomalous.
        label_column: Column with the anomaly labels, or `None`. The table may
            lack it.
        normal_class: Label of normal rows, see
            `dlunits.data.tables.anomaly_labels`.
        seed: Seed of the sample.
        invalid_cells: `InvalidCells`, to which cells are added that are not of
            the type of their column; their rows have no score. `None` refuses
            them.
        fdr: Bound of the false discovery rate, in (0, 1). Rows are then
            flagged by `dlunits.metrics.benjamini_hochberg`, see `score_table`.
            `None` flags them by the false-alarm rate.

    Attributes:
        threshold: P-value up to which rows are flagged.
        num_rows: Number of rows.
        num_anomalies: Number of rows flagged as anomalous.
        num_skipped: Number of rows without a score, due to invalid cells.
        causes: Counter of the columns in which the flagged rows differ most.
        sample: `ReservoirSample` of scored rows with `row` (from 0),
            `anomaly_score`, `p_value` and, with labels, `label`.
        sample_columns: `ReservoirSample` of the columns of the same rows;
            empty without labels.
        top: Dict of arrays for the most anomalous rows, highest score first:
            the names of `sample`, the explanation (`column`, `expected`,
            `seen`, `share`) and, after `finish`, `position`.
        position_unit: What `position` counts: `"line"` or `"row"`.
        series: Dict of name to the arguments of
            `dlunits.tasks.anomaly.series_figures` to draw the rows of a
            series; empty if the rows are not a series.
        drift: `TableDrift` of the table, or `None` for a series.
        unused_columns: Columns of the table that the detector was not trained
            on.
    """

    def __init__(
        self,
        detector: AnomalyDetector | ServedDetector,
        false_alarm_rate: float,
        label_column: str | None = None,
        normal_class: str | None = None,
        seed: int = 0,
        invalid_cells: InvalidCells | None = None,
        fdr: float | None = None,
    ) -> None:
        self.invalid_cells = invalid_cells
        self.fdr = fdr
        self.threshold = false_alarm_rate
        self.detector = detector
        self.false_alarm_rate = false_alarm_rate
        self.label_column = label_column
        self.normal_class = normal_class
        width = len(detector.table_schema.columns)
        size = min(MAX_SAMPLED_ROWS, max(1, MAX_SAMPLED_CELLS // width))
        self.num_explained = min(EXPLAINED, width)
        self.sample = ReservoirSample(size, seed)
        self.sample_columns = ReservoirSample(size, seed)
        self.num_rows = self.num_anomalies = self.num_skipped = 0
        self.causes: collections.Counter[str] = collections.Counter()
        self.top: dict[str, Array] = {}
        self.position_unit = "row"
        self.series: dict[str, dict[str, Any]] = {}
        self.drift: TableDrift | None = TableDrift(
            detector.table_schema, detector.num_calibration_rows
        )
        self.unused_columns: list[str] = []
        # Labels, scores and flags of each chunk, if there are labels.
        self.labeled_chunks: list[tuple[Array, Array, Array]] = []

    def __call__(self, chunk: TableChunk) -> dict[str, Array]:
        """Scores a chunk and updates the statistics.

        Args:
            chunk: Consecutive rows of the table.

        Returns:
            Dict of the columns `NEW_COLUMNS` to arrays `(rows,)`.
        """
        columns, scores, explanation = self.score_chunk(chunk)
        flags = scores["p_value"] <= self.threshold
        self.update(chunk, columns, scores, flags, explanation)
        new = {**scores, "is_anomaly": flags}
        empty = np.full(len(flags), None)
        for rank, name in itertools.product(range(EXPLAINED), EXPLANATION):
            new[f"{name}_{rank + 1}"] = (
                explanation[name][:, rank]
                if rank < self.num_explained
                else empty
            )
        return {name: new[name] for name in NEW_COLUMNS}

    def count_p_values(
        self, chunks: Iterable[TableChunk]
    ) -> collections.Counter[float]:
        """Counts the p-values of a table, without those of skipped rows.

        Args:
            chunks: Chunks of the whole table.

        Returns:
            Counter of p-values. There are at most as many different ones as
            calibration rows.
        """
        schema = self.detector.table_schema
        counts: collections.Counter[float] = collections.Counter()
        for chunk in chunks:
            cells = None if self.invalid_cells is None else InvalidCells()
            inputs = schema.inputs(chunk, invalid_cells=cells)
            p_values = self.detector.score_rows(chunk, inputs=inputs)["p_value"]
            if cells:
                p_values = np.delete(p_values, cells.rows_of(chunk))
            counts.update(p_values.tolist())
        return counts

    def score_chunk(
        self, chunk: TableChunk
    ) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        """Columns of a chunk, their scores and p-values, and explanations."""
        schema = self.detector.table_schema
        cells = self.invalid_cells
        columns = read_columns(chunk, unconverted(schema.column_types), cells)
        inputs = schema.inputs(columns)
        explanation = self.detector.explain(
            columns, self.num_explained, inputs=inputs
        )
        scores = self.detector.score_rows(columns, inputs=inputs)
        if cells and (rows := cells.rows_of(chunk)):
            self.num_skipped += len(rows)
            for name, values in scores.items():
                scores[name] = values.copy()
                scores[name][rows] = np.nan
            for values in explanation.values():
                values[rows] = None
        if self.drift is not None:
            self.drift.update(inputs, scores["p_value"])
        return columns, scores, explanation

    def update(
        self,
        chunk: TableChunk,
        columns: dict[str, Array],
        scores: dict[str, Array],
        flags: Array,
        explanation: dict[str, Array],
    ) -> None:
        """Adds the scores of a chunk to the counts, the sample and the top."""
        num_rows = chunk.table.num_rows
        scored = {
            "row": chunk.first_row + np.arange(num_rows),
            "anomaly_score": scores["anomaly_score"],
            "p_value": scores["p_value"],
        }
        label_column = self.label_column
        if label_column and label_column in chunk.table.column_names:
            labels = anomaly_labels(chunk, label_column, self.normal_class)
            values = np.asarray(scores["anomaly_score"], "float32")
            self.labeled_chunks.append((labels, values, flags))
            scored["label"] = labels
            if columns:
                self.sample_columns.add(columns)
        finite = np.isfinite(scores["anomaly_score"])
        self.sample.add({name: scored[name][finite] for name in scored})
        self.num_rows += num_rows
        self.num_anomalies += int(flags.sum())
        self.causes.update(explanation["column"][flags, 0].tolist())
        candidates = {**scored, **explanation}
        if self.top:
            candidates = {
                name: np.concatenate([top, candidates[name]])
                for name, top in self.top.items()
            }
        order = np.argsort(-candidates["anomaly_score"], kind="stable")
        self.top = {
            name: array[order[:NUM_TOP_ROWS]]
            for name, array in candidates.items()
        }

    def finish(self, table_file: TableFile) -> None:
        """Completes the statistics after the last chunk.

        Args:
            table_file: The table that was scored.
        """
        self.position_unit = "row" if table_file.dialect is None else "line"
        positions = row_positions(table_file, self.top["row"], self.num_rows)
        self.top["position"] = np.array(positions)
        known = {*self.known_columns, self.label_column}
        self.unused_columns = [
            name for name in table_file.columns if name not in known
        ]

    @property
    def series_table(self) -> list[dict[str, Any]]:
        """Results of each series of a table with many; empty otherwise."""
        return []

    @property
    def known_columns(self) -> Collection[str]:
        """Names of the columns of the training data."""
        return self.detector.table_schema.column_types

    @functools.cached_property
    def metrics(self) -> dict[str, Any]:
        """Detection metrics on all labeled rows, see `detection_quality`.

        Empty without labels.
        """
        if not self.labeled_chunks:
            return {}
        labels, scores, flags = map(
            np.concatenate, zip(*self.labeled_chunks, strict=True)
        )
        finite = np.isfinite(scores)
        return detection_quality(labels[finite], scores[finite], flags[finite])

    @property
    def has_both_labels(self) -> bool:
        """Whether the sample has both normal rows and anomalies."""
        labels = self.sample.columns.get("label", np.array([]))
        return bool(labels.any() and not labels.all())

    @property
    def most_are_anomalous(self) -> bool:
        """Whether more than half of the rows are flagged."""
        return self.num_anomalies > MOST_ROWS * self.num_rows

    @property
    def selection(self) -> str:
        """Rule by which rows are flagged."""
        if self.fdr is None:
            return f"p-values up to {self.threshold:g}"
        rule = f"Benjamini-Hochberg, false discovery rate {self.fdr:g}"
        if self.threshold:
            return f"{rule}: p-values up to {self.threshold:.3g}"
        tested = self.num_rows - self.num_skipped
        calibration_rows = self.detector.num_calibration_rows
        least = math.ceil(tested / (self.fdr * (1 + calibration_rows)))
        return (
            f"{rule}: no row. At least {least:,} rows would need a score as "
            f"high as the highest of the {calibration_rows:,} calibration "
            "rows"
        )

    @property
    def messages(self) -> list[str]:
        """Lines for the user: number of anomalies, metrics, unused columns."""
        lines = [
            f"Anomalies:     {self.num_anomalies:,} of {self.num_rows:,} rows "
            f"({self.num_anomalies / self.num_rows:.2%})"
        ]
        if self.most_are_anomalous:
            columns = ", ".join(
                f"{name!r} ({count / self.num_anomalies:.0%} of them)"
                for name, count in self.causes.most_common(EXPLAINED)
            )
            lines.append(
                "Most rows are anomalous: the table as a whole differs from "
                f"the training table, most in {columns}"
            )
        formats = {
            "AUC": "AUC:           {:.4f}",
            "AP": "AP:            {:.4f}",
            "false_alarm_rate": "False alarms:  {:.2%} of the normal rows",
            "recall": "Recall:        {:.2%} of the anomalies",
            "false_discovery_rate": "False discoveries: {:.2%} of the alarms",
            "VUS-PR": "VUS-PR:        {:.4f}",
            "range_precision": "Range precision: {:.4f}",
            "range_recall": "Range recall:  {:.4f}",
        }
        for name, text in formats.items():
            if self.metrics.get(name) is not None:
                lines.append(text.format(self.metrics[name]))
        if self.fdr is not None:
            lines.append(f"Selection:     {self.selection}")
        if self.drift is not None:
            found = self.drift.column_messages
            if not self.most_are_anomalous:  # the line above includes it
                found += self.drift.whole_messages
            lines += [f"Drift:         {line}" for line in found]
        if self.invalid_cells:
            lines += self.invalid_cells.messages
        if self.num_skipped:
            lines.append(
                f"Not scored:    {self.num_skipped:,} rows with invalid cells"
            )
        if self.unused_columns:
            names = ", ".join(
                map(repr, self.unused_columns[:MAX_LISTED_COLUMNS])
            )
            more = ", ..." if self.unused_columns[MAX_LISTED_COLUMNS:] else ""
            lines.append(
                f"Unused:        {names}{more}, not in the training data"
            )
        return lines


def load_detector(
    version: Path, false_alarm_rate: float | None = None, model: Any = None
) -> tuple[ServedDetector, float]:
    """Loads an exported detector and checks its false-alarm rate.

    Args:
        version: Folder of the SavedModel.
        false_alarm_rate: Number in (0, 1), or `None` for the rate that the
            detector was exported with.
        model: See `dlunits.tasks.anomaly.serve.ServedDetector`.

    Returns:
        `(detector, false_alarm_rate)`.

    Raises:
        ValueError: If the folder has no detector, or its smallest possible
            p-value is above the rate.
    """
    detector = ServedDetector(version, model)
    rate = false_alarm_rate or detector.false_alarm_rate
    smallest = 1 / (1 + detector.card["num_calibration_rows"])
    if rate < smallest - 1e-9:
        raise ValueError(
            f"{version}: the smallest p-value of this detector is "
            f"{smallest:.2g}, so that no row would be flagged at a "
            f"false-alarm rate of {rate:g}. Set a higher rate, or train on "
            "more rows."
        )
    return detector, rate


def score_table(
    scorer: TableScorer,
    table_file: TableFile,
    output: Path,
    progress: ProgressBar | None = None,
    escape_formulas: bool = False,
) -> None:
    """Writes a table with its anomaly scores, and finishes the scorer.

    With `scorer.fdr` the table is read twice, since the selection needs all
    p-values.

    Args:
        scorer: Scorer of the table.
        table_file: Table to score.
        output: Path of the file to write, see
            `dlunits.data.tables.table_writer.write_scored`.
        progress: Function that creates a progress bar over rows, see
            `dlunits.reporting.progress.with_progress`, or `None`.
        escape_formulas: Whether texts that a spreadsheet would interpret as
            formulas get a leading `'`, in CSV.

    Raises:
        ValueError: If the table cannot be read or scored. An existing output
            file stays unchanged.
        OSError: If the output cannot be written.
    """
    if scorer.fdr is not None:
        chunks = with_progress(table_file, progress, "Selecting").chunks()
        counts = scorer.count_p_values(chunks)
        scorer.threshold = selection_threshold(counts, scorer.fdr)
    write_scored(
        with_progress(table_file, progress, "Scoring"),
        output,
        scorer,
        escape_formulas=escape_formulas,
    )
    scorer.finish(table_file)


def invalid_cell_message(error: InvalidCellError) -> str:
    """Line for the user about a cell of a table to score."""
    return (
        f"{error} Or set --invalid_cells=missing, so that rows with such "
        "cells get no score."
    )


def row_positions(
    table_file: TableFile, rows: Sequence[int] | Array, num_rows: int
) -> list[int]:
    """Positions of rows in a file, as an editor shows them.

    Args:
        table_file: The table.
        rows: Row indices, from 0.
        num_rows: Number of rows in the table.

    Returns:
        List of integers: for CSV the line number, with the header in line 1;
        for Parquet the row number, from 1.
    """
    rows = [int(row) for row in rows]
    dialect = table_file.dialect
    if dialect is None or not rows:
        return [row + 1 for row in rows]
    header_lines = dialect.header_lines
    if dialect.num_lines == header_lines + num_rows:  # one line per row
        return [header_lines + row + 1 for row in rows]
    wanted, lines = set(rows), {}
    records = numbered_records(table_file.path, dialect)
    for number, (line, _) in enumerate(records):
        if number in wanted:
            lines[number] = line
        if len(lines) == len(wanted):
            break
    return [lines[row] for row in rows]
