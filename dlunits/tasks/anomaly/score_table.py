"""Scores table files of any length, and keeps what a report shows of them."""

import functools
import itertools

import numpy as np

from dlunits.data.tables.anomaly_labels import anomaly_labels
from dlunits.data.tables.csv_rows import numbered_records
from dlunits.data.tables.reservoir_sample import ReservoirSample
from dlunits.data.tables.table_columns import columns_as_arrays
from dlunits.data.tables.table_writer import write_scored
from dlunits.metrics.detection_quality import detection_quality
from dlunits.reporting.progress import with_progress
from dlunits.tasks.anomaly.serve import EXPLAINED, ServedDetector

TOP = 20  # rows that are the most anomalous
SAMPLED, SAMPLED_CELLS = 20_000, 10_000_000  # at most

NEW_COLUMNS = (
    "anomaly_score",
    "p_value",
    "is_anomaly",
    *(
        f"{name}_{rank}"
        for rank in range(1, EXPLAINED + 1)
        for name in ("column", "expected", "seen")
    ),
)


class TableScorer:
    """Scores one chunk after the other, for `write_scored`.

    What it keeps does not grow with the table, but for the scores, labels and
    alarms of tables with labels: 6 bytes a row.

    Args:
        detector: `dlunits.models.AnomalyDetector`, or what is like it:
            `dlunits.tasks.anomaly.serve.ServedDetector`.
        false_alarm_rate: Number in (0, 1).
        label_column: Name of the column that says what is an anomaly, or
            `None`. Tables may lack it.
        normal_class: See `dlunits.data.tables.anomaly_labels`.
        seed: Integer, decides which rows are kept.

    Attributes:
        rows, alarms: Integers, how many rows, and how many called anomalous.
        verdicts: `dlunits.data.tables.reservoir_sample.ReservoirSample` of
            `row` (from 0), `anomaly_score`, `p_value` and, with labels,
            `label`, of rows that could be judged.
        inputs: The columns of the same rows, if there are labels.
        top: Dict of arrays, the most anomalous rows first: as `verdicts`,
            what `explain` says, and `place` once the table is complete.
        counted: `"line"` or `"row"`, what `place` counts.
        series: What is to be drawn of a series, or `None`.
        unused: List of the columns that the detector does not know.
    """

    def __init__(
        self,
        detector,
        false_alarm_rate,
        label_column=None,
        normal_class=None,
        seed=0,
    ):
        self.detector = detector
        self.false_alarm_rate = false_alarm_rate
        self.label_column = label_column
        self.normal_class = normal_class
        width = len(detector.table.columns)
        most = min(SAMPLED, max(1, SAMPLED_CELLS // width))
        self.causes = min(EXPLAINED, width)
        self.verdicts = ReservoirSample(most, seed)
        self.inputs = ReservoirSample(most, seed)
        self.rows = self.alarms = 0
        self.top = {}
        self.counted, self.series = "row", None
        self.unused = []
        self.judged = []  # scores, labels and alarms, if there are labels

    def __call__(self, chunk):
        """Dict of the new columns of a chunk."""
        columns, verdict, why = self.judge(chunk)
        alarms = verdict["p_value"] <= self.false_alarm_rate
        self.keep(chunk, columns, verdict, alarms, why)
        new = {**verdict, "is_anomaly": alarms}
        nothing = np.full(len(alarms), None)
        for rank, name in itertools.product(
            range(EXPLAINED), ("column", "expected", "seen")
        ):
            there = rank < self.causes
            new[f"{name}_{rank + 1}"] = why[name][:, rank] if there else nothing
        return {name: new[name] for name in NEW_COLUMNS}

    def judge(self, chunk):
        """Columns of a chunk, and what `judge` and `explain` say of them."""
        columns = columns_as_arrays(chunk, self.detector.table.kinds)
        inputs = self.detector.table.inputs(columns)
        why = self.detector.explain(columns, self.causes, inputs)
        return columns, self.detector.judge(columns, inputs), why

    def keep(self, chunk, columns, verdict, alarms, why):
        rows = chunk.table.num_rows
        kept = {
            "row": chunk.first_row + np.arange(rows),
            **{name: verdict[name] for name in ("anomaly_score", "p_value")},
        }
        if self.label_column in chunk.table.column_names:
            labels = anomaly_labels(chunk, self.label_column, self.normal_class)
            scores = np.asarray(verdict["anomaly_score"], "float32")
            self.judged.append((labels, scores, alarms))
            kept["label"] = labels
            if columns:
                self.inputs.add(columns)
        judged = np.isfinite(verdict["anomaly_score"])
        self.verdicts.add({name: kept[name][judged] for name in kept})
        self.rows += rows
        self.alarms += int(alarms.sum())
        candidates = {**kept, **why}
        if self.top:
            candidates = {
                name: np.concatenate([held, candidates[name]])
                for name, held in self.top.items()
            }
        order = np.argsort(-candidates["anomaly_score"], kind="stable")[:TOP]
        self.top = {name: array[order] for name, array in candidates.items()}

    def complete(self, table_file):
        """What can be said once the whole table was scored."""
        self.counted = "row" if table_file.dialect is None else "line"
        places = row_numbers(table_file, self.top["row"], self.rows)
        self.top["place"] = np.array(places)
        known = {*self.known_columns, self.label_column}
        self.unused = [name for name in table_file.columns if name not in known]

    @property
    def known_columns(self):
        return self.detector.table.kinds

    @functools.cached_property
    def quality(self):
        """What the labels of all rows say, see `detection_quality`; or {}."""
        if not self.judged:
            return {}
        judged = map(np.concatenate, zip(*self.judged, strict=True))
        labels, scores, alarms = judged
        there = np.isfinite(scores)
        return detection_quality(labels[there], scores[there], alarms[there])

    @property
    def has_both_labels(self):
        """Whether some rows that are kept are anomalies and some are not."""
        labels = self.verdicts.columns.get("label", np.array([]))
        return bool(labels.any() and not labels.all())

    @property
    def told(self):
        """What was found, in lines."""
        lines = [
            f"Anomalies:     {self.alarms:,} of {self.rows:,} rows "
            f"({self.alarms / self.rows:.2%})"
        ]
        named = {
            "AUC": "AUC:           {:.4f}",
            "AP": "AP:            {:.4f}",
            "false_alarm_rate": "False alarms:  {:.2%} of the normal rows",
            "recall": "Found:         {:.2%} of the anomalies",
            "VUS-PR": "VUS-PR:        {:.4f}",
            "range_precision": "Precision:     {:.4f} of ranges of alarms",
            "range_recall": "Recall:        {:.4f} of ranges of anomalies",
        }
        for name, text in named.items():
            if self.quality.get(name) is not None:
                lines.append(text.format(self.quality[name]))
        if self.unused:
            names = ", ".join(map(repr, self.unused[:5]))
            more = ", ..." if len(self.unused) > 5 else ""
            lines.append(f"Not used:      {names}{more}, which are new")
        return "\n".join(lines)


def open_model(version, false_alarm_rate=None):
    """Loads a detector, and refuses a rate at which it would find nothing.

    Args:
        version: Folder of the SavedModel.
        false_alarm_rate: Number in (0, 1), or `None` for the detector's own.

    Returns:
        `(ServedDetector, false_alarm_rate)`.

    Raises:
        ValueError: If there is no detector, or it was calibrated by so few
            rows that no p-value is as low as the rate.
    """
    detector = ServedDetector(version)
    rate = false_alarm_rate or detector.false_alarm_rate
    least = 1 / (1 + detector.card["rows_calibrated_by"])
    if rate < least - 1e-9:
        raise ValueError(
            f"{version}: no p-value of this detector is below {least:.2g}, so "
            "that it would call nothing anomalous at a false-alarm rate of "
            f"{rate:g}. Allow for a higher rate, or learn from more rows."
        )
    return detector, rate


def score_table(scorer, table_file, output, progress=None):
    """Writes the table with the new columns, and completes `scorer.top`.

    Args:
        scorer: `TableScorer`.
        table_file: `dlunits.data.tables.table_files.TableFile`.
        output: Path of the file to write, see `write_scored`.
        progress: Function that creates a progress bar over rows, see
            `dlunits.reporting.progress.with_progress`, or `None`.

    Raises:
        ValueError: If the table cannot be read or scored; one line. The
            output stays as it was.
        OSError: If it cannot be written.
    """
    write_scored(with_progress(table_file, progress, "Scoring"), output, scorer)
    scorer.complete(table_file)


def row_numbers(table_file, rows, total):
    """Where rows are in a file, as an editor or a reader counts them.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        rows: Integers, counted from 0.
        total: Integer, rows of the file.

    Returns:
        List of integers: of CSV the number of the line, with the header's as
        1; of Parquet the row from 1 on.
    """
    rows = [int(row) for row in rows]
    dialect = table_file.dialect
    if dialect is None or not rows:
        return [row + 1 for row in rows]
    before = dialect.skipped_lines + 1
    if dialect.num_lines == before + total:  # every row is one line
        return [before + row + 1 for row in rows]
    wanted, lines = set(rows), {}
    records = numbered_records(table_file.path, dialect)
    for number, (line, _) in enumerate(records):
        if number in wanted:
            lines[number] = line
        if len(lines) == len(wanted):
            break
    return [lines[row] for row in rows]
