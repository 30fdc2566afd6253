"""From a file of normal rows, of any length, to a detector that knows them."""

import dataclasses
import math
from collections.abc import Callable

import keras
import numpy as np

from dlunits.data.anomaly_labels import anomaly_labels
from dlunits.data.column_kinds import find_kinds
from dlunits.data.row_sample import RowSample
from dlunits.data.table_columns import check_columns, columns_as_arrays
from dlunits.diagnostics.anomaly_peers import peer_scores
from dlunits.models import AnomalyDetector
from dlunits.models.anomaly_detector import LEAST_ROWS, MOST_LEARNT

MOST_CELLS = 20_000_000  # held in memory; of wide tables less rows are drawn
MOST_BY_PEERS = 20_000


@dataclasses.dataclass(frozen=True)
class TrainingRows:
    """Rows to learn from, and what is known of where they came from.

    Args:
        columns: Dict of column name to array `(rows,)`.
        kinds: Dict of column name to kind, all columns of the file.
        reasons: Dict of column name to why it is ignored.
        path: Of the file.
        seen: Integer, rows in the file.
        anomalies: Integer, how many of them are labelled as anomalies, or
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


@dataclasses.dataclass(frozen=True)
class Learnt:
    """A detector, and what is said about it.

    Args:
        detector: `dlunits.models.AnomalyDetector`.
        facts: Dict of what a report says of it.
        peers: Function of the scorer of a table with labels. Returns a dict
            of name to what other detectors say of the rows that it kept.
        card: Dict of further entries of its model card.
    """

    detector: AnomalyDetector
    facts: dict
    peers: Callable
    card: dict = dataclasses.field(default_factory=dict)


def learn_table(
    train,
    score=None,
    *,
    tell=lambda text: None,
    watch=lambda doing, table_file: table_file,
    kinds=(),
    label_column=None,
    normal_class=None,
    verbose=0,
    **options,
):
    """Learns a detector from a table of normal rows.

    Args:
        train: `dlunits.data.table_files.TableFile` to learn from.
        score: The one that will be scored, to see early whether it has the
            columns; or `None`.
        tell: Function of a text, what is learnt from.
        watch, kinds, label_column, normal_class: See `draw_training_rows`.
        verbose: As Keras' `fit`.
        **options: Of `AnomalyDetector`.

    Returns:
        `Learnt`.

    Raises:
        ValueError: If it cannot be learnt from; one line.
    """
    seed = options.get("seed", 0)
    rows = draw_training_rows(
        train, kinds=kinds, label_column=label_column, watch=watch,
        normal_class=normal_class, seed=seed,
        keep_anomalies=options.get("contamination", 0) > 0,
    )  # fmt: skip
    tell("\n".join([rows.source, *ignored_lines(rows.reasons)]))
    if score is not None:
        check_columns(score.columns, rows.used, score.path)
    detector = learn_detector(rows, verbose=verbose, **options)

    def peers(scored):
        return peers_on(detector, rows, scored.inputs.columns, seed)

    return Learnt(detector, facts_of(detector, rows), peers)


def draw_training_rows(
    table_file,
    *,
    kinds=(),
    label_column=None,
    normal_class=None,
    keep_anomalies=False,
    seed=0,
    watch=lambda doing, table_file: table_file,
):
    """Finds what the columns hold, and draws the rows to learn from.

    The file is read twice. At most 100,000 rows are drawn, less of tables
    with more than 200 columns, each with the same chance.

    Args:
        table_file: `dlunits.data.table_files.TableFile`.
        kinds: Texts such as `"speed=number"`, kinds of columns that are not
            to be found, see `find_kinds`.
        label_column: Column that says what is an anomaly, or `None`. It is
            never learnt from, and rows that it calls anomalies are not drawn.
            All rows of a file without it are taken to be normal.
        normal_class: See `dlunits.data.anomaly_labels`.
        keep_anomalies: Whether they are drawn all the same.
        seed: Integer.
        watch: Function of a text, what is done, and the table file. Returns
            the one to read, see `dlunits.data.watched_table`.

    Returns:
        `TrainingRows`.

    Raises:
        ValueError: If the file or a label cannot be read, or no row is left;
            one line.
    """
    if label_column not in table_file.columns:
        label_column = None
    kinds, reasons = find_kinds(
        watch("Looking at columns", table_file), parsed(kinds), label_column
    )
    width = sum(kind != "ignored" for kind in kinds.values())
    sample = RowSample(min(MOST_LEARNT, max(1, MOST_CELLS // width)), seed)
    seen, anomalies = 0, None if label_column is None else 0
    for chunk in watch("Drawing rows", table_file).chunks():
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
        sample.columns, kinds, reasons, table_file.path, seen, anomalies,
        keep_anomalies,
    )  # fmt: skip


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


def learn_detector(rows, *, verbose=0, **options):
    """Learns a detector from the rows that were drawn.

    Args:
        rows: `TrainingRows`.
        verbose: As Keras' `fit`.
        **options: Of `dlunits.models.AnomalyDetector`.

    Returns:
        `AnomalyDetector`.

    Raises:
        ValueError: If there are too few rows for the false-alarm rate, or the
            detector cannot learn from them; one line that names the file.
    """
    detector = AnomalyDetector(**options)
    check_enough_rows(rows, detector)
    try:
        return detector.fit(rows.columns, rows.kinds, verbose)
    except ValueError as error:
        raise ValueError(f"{rows.path}: {error}") from error


def check_enough_rows(rows, detector):
    """Refuses so few rows that none could ever be called anomalous.

    A p-value is at least `1 / (1 + rows)`.
    """
    left = math.floor(rows.number * (1 - detector.contamination))
    rate = detector.false_alarm_rate
    needed = max(LEAST_ROWS, math.ceil(round(1 / rate - 1, 6)))
    if left < needed:
        raise ValueError(
            f"{rows.path}: holds {left} {rows.what} to calibrate by, and a "
            f"false-alarm rate of {rate:g} needs at least {needed}. Add normal "
            f"{rows.what}"
            + (f", or allow for {1 / (1 + left):.2g}." if left >= 20 else ".")
        )


def facts_of(detector, rows):
    """What a report says of a detector that learnt from the rows.

    Returns:
        Dict: `known`, the scores of the rows that calibrate, each as if it
        were new; `history`, dict of metric name to its values, one an epoch;
        `kinds` and `reasons` of the columns; `source`, text.
    """
    known = np.ravel(keras.ops.convert_to_numpy(detector.conformal.known))
    return {
        "known": np.sort(known[np.isfinite(known)]),
        "history": detector.anomaly_score.autoencoders.history.history,
        "kinds": rows.kinds,
        "reasons": rows.reasons,
        "source": rows.source,
    }


def peers_on(detector, rows, columns, seed=0):
    """What other detectors say, learnt from the same rows.

    Args:
        detector: `AnomalyDetector`, whose encoding of the columns all share.
        rows: `TrainingRows`, of which at most 20,000 are drawn.
        columns: Dict of column name to array, the rows to judge.
        seed: Integer.

    Returns:
        Dict of name to scores, see `dlunits.diagnostics.anomaly_peers`.
    """
    sample = RowSample(MOST_BY_PEERS, seed)
    sample.add(rows.columns)
    known, new = (
        keras.ops.convert_to_numpy(
            detector.encoding(detector.table.inputs(table))
        )
        for table in (sample.columns, columns)
    )
    return peer_scores(known, new, seed)
