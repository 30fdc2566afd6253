"""Rows to learn from, out of a table of any length."""

import dataclasses

from dlunits.data.tables.anomaly_labels import anomaly_labels
from dlunits.data.tables.column_types import infer_column_types
from dlunits.data.tables.reservoir_sample import ReservoirSample
from dlunits.data.tables.table_columns import columns_as_arrays
from dlunits.models.anomaly.anomaly_detector import MOST_LEARNT
from dlunits.reporting.progress import with_progress

MOST_CELLS = 20_000_000  # held in memory; of wide tables less rows are drawn


@dataclasses.dataclass(frozen=True)
class TrainingRows:
    """Rows to learn from, and what is known of where they came from.

    Args:
        columns: Dict of column name to array `(rows,)`.
        kinds: Dict of column name to kind, all columns of the file.
        reasons: Dict of column name to why it is ignored.
        path: Of the file.
        seen: Integer, rows in the file.
        anomalies: Integer, how many of them are labeled as anomalies, or
            `None` without labels.
        anomalies_kept: Whether these are among the rows to learn from.
        what: Text, what a row is.
    """

    columns: dict
    kinds: dict
    reasons: dict
    path: object
    seen: int
    anomalies: int | None
    anomalies_kept: bool
    what: str = "rows"

    @property
    def number(self):
        return len(next(iter(self.columns.values())))

    @property
    def used(self):
        """Names of the columns that are learnt from."""
        return [name for name, k in self.kinds.items() if k != "ignored"]

    @property
    def source(self):
        """What is learnt from, in a sentence or two."""
        text = (
            f"{self.path}: {self.seen:,} rows, of which {self.number:,} are "
            f"learnt from; {len(self.used)} of {len(self.kinds)} columns used"
        )
        if self.anomalies is None:
            return f"{text}."
        if not self.anomalies:
            return f"{text}. All rows are normal by their labels."
        learnt = "learnt from, too" if self.anomalies_kept else "left out"
        return f"{text}. {self.anomalies:,} anomalies by label are {learnt}."


def draw_training_rows(
    table_file,
    *,
    kinds=(),
    label_column=None,
    normal_class=None,
    keep_anomalies=False,
    seed=0,
    progress=None,
):
    """Finds what the columns hold, and draws the rows to learn from.

    The file is read twice. At most 100,000 rows are drawn, less of tables
    with more than 200 columns, each with the same chance.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        kinds: Texts such as `"speed=number"`, kinds of columns that are not
            to be found, see `infer_column_types`.
        label_column: Column that says what is an anomaly, or `None`. It is
            never learnt from, and rows that it calls anomalies are not drawn.
            All rows of a file without it are taken to be normal.
        normal_class: See `dlunits.data.tables.anomaly_labels`.
        keep_anomalies: Whether they are drawn all the same.
        seed: Integer.
        progress: Function that creates a progress bar over rows, see
            `dlunits.reporting.progress.with_progress`, or `None`.

    Returns:
        `TrainingRows`.

    Raises:
        ValueError: If the file or a label cannot be read, or no row is left;
            one line.
    """
    if label_column not in table_file.columns:
        label_column = None
    kinds, reasons = infer_column_types(
        with_progress(table_file, progress, "Inferring column types"),
        parsed(kinds),
        label_column,
    )
    width = sum(kind != "ignored" for kind in kinds.values())
    sample = ReservoirSample(
        min(MOST_LEARNT, max(1, MOST_CELLS // width)), seed
    )
    seen, anomalies = 0, None if label_column is None else 0
    for chunk in with_progress(table_file, progress, "Sampling rows").chunks():
        columns = columns_as_arrays(chunk, kinds)
        seen += chunk.table.num_rows
        if label_column is not None:
            strange = anomaly_labels(chunk, label_column, normal_class)
            anomalies += int(strange.sum())
            if not keep_anomalies:
                columns = {
                    name: array[~strange] for name, array in columns.items()
                }
        sample.add(columns)
    if anomalies == seen:
        raise ValueError(
            f"{table_file.path}: column {label_column!r} calls all {seen:,} "
            "rows anomalies. Expected labels of normal rows to learn from."
        )
    return TrainingRows(
        sample.columns,
        kinds,
        reasons,
        table_file.path,
        seen,
        anomalies,
        keep_anomalies,
    )


def ignored_lines(reasons):
    """Lines that say which columns are ignored and why."""
    return [f"Ignored: {name!r} {reason}" for name, reason in reasons.items()]


def parsed(kinds):
    """Kinds of columns as a user writes them, as a dict.

    >>> parsed(["speed=number", "a=b=category"])
    {'speed': 'number', 'a=b': 'category'}
    """
    for text in kinds:
        if "=" not in text:
            raise ValueError(
                "The kind of a column must be given as NAME=KIND. Received: "
                f"{text!r}"
            )
    return dict(text.rsplit("=", 1) for text in kinds)
