"""From a file of normal rows, of any length, to a detector that knows them."""

import dataclasses
import math
from collections.abc import Callable

import keras

from dlunits.data.tables.reservoir_sample import ReservoirSample
from dlunits.data.tables.table_columns import check_columns
from dlunits.models import AnomalyDetector
from dlunits.models.anomaly.anomaly_detector import (
    LEARNING_SETTING,
    LEAST_ROWS,
    MOST_CALIBRATED,
)
from dlunits.tasks.anomaly.baselines import baseline_scores
from dlunits.tasks.anomaly.training_rows import (
    draw_training_rows,
    ignored_lines,
)

MOST_BY_PEERS = 20_000


@dataclasses.dataclass(frozen=True)
class TrainedDetector:
    """A detector, and what is said about it.

    Args:
        detector: `dlunits.models.AnomalyDetector`.
        facts: Dict of what a report says of it.
        baselines: Function of the scorer of a table with labels. Returns a dict
            of name to what other detectors say of the rows that it kept.
        card: Dict of further entries of its model card.
    """

    detector: AnomalyDetector
    facts: dict
    baselines: Callable
    card: dict = dataclasses.field(default_factory=dict)

    def score_baselines(self, scored, log=lambda text: None):
        """What baselines say, if labels show who is right; else `None`."""
        if not scored.has_both_labels:
            return None
        log("Asking other detectors")
        return self.baselines(scored)


def learn_table(
    train,
    score=None,
    *,
    log=lambda text: None,
    progress=None,
    kinds=(),
    label_column=None,
    normal_class=None,
    verbose=0,
    **options,
):
    """Learns a detector from a table of normal rows.

    Args:
        train: `dlunits.data.tables.table_files.TableFile` to learn from.
        score: The one that will be scored, to see early whether it has the
            columns; or `None`.
        log: Function of a text: receives messages for the user.
        progress, kinds, label_column, normal_class: See `draw_training_rows`.
        verbose: As Keras' `fit`.
        **options: Of `AnomalyDetector`.

    Returns:
        `TrainedDetector`.

    Raises:
        ValueError: If it cannot be learnt from; one line.
    """
    seed = options.get("seed", 0)
    rows = draw_training_rows(
        train,
        kinds=kinds,
        label_column=label_column,
        progress=progress,
        normal_class=normal_class,
        seed=seed,
        keep_anomalies=options.get("contamination", 0) > 0,
    )
    log("\n".join([rows.source, *ignored_lines(rows.reasons)]))
    if score is not None:
        check_columns(score.columns, rows.used, score.path)
    detector = learn_detector(rows, verbose=verbose, **options)

    def baselines(scored):
        return baselines_on(detector, rows, scored.inputs.columns, seed)

    return TrainedDetector(detector, facts_of(detector, rows), baselines)


def learn_detector(rows, *, verbose=0, **options):
    """Learns a detector from the rows that were drawn.

    Args:
        rows: `dlunits.tasks.anomaly.training_rows.TrainingRows`.
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

    A p-value is at least `1 / (1 + rows)`, of rows that calibrate.
    """
    left = math.floor(rows.number * (1 - detector.contamination))
    enough = left >= LEAST_ROWS
    if detector.num_folds == 1:
        left -= int(LEARNING_SETTING[1] * left)
    left = min(left, MOST_CALIBRATED)
    rate = detector.false_alarm_rate
    needed = math.ceil(round(1 / rate - 1, 6))
    if not enough or left < needed:
        remedy = f"Add normal {rows.what}"
        if needed > MOST_CALIBRATED:
            remedy = f"No more than {MOST_CALIBRATED:,} are taken"
        if enough:
            remedy += f", or allow for {1 / (1 + left):.2g}"
        raise ValueError(
            f"{rows.path}: holds {left:,} {rows.what} to calibrate by, and a "
            f"false-alarm rate of {rate:g} needs at least "
            f"{max(needed, LEAST_ROWS):,}. {remedy}."
        )


def facts_of(detector, rows):
    """What a report says of a detector that learnt from the rows.

    Returns:
        Dict: `known`, the scores of the rows that calibrate, each as if it
        were new; `history`, dict of metric name to its values, one an epoch;
        `kinds` and `reasons` of the columns; `source`, text.
    """
    return {
        "known": detector.conformal.known_scores(),
        "history": detector.anomaly_score.autoencoders.history.history,
        "kinds": rows.kinds,
        "reasons": rows.reasons,
        "source": rows.source,
    }


def baselines_on(detector, rows, columns, seed=0):
    """What other detectors say, learnt from the same rows.

    Args:
        detector: `AnomalyDetector`, whose encoding of the columns all share.
        rows: `TrainingRows`, of which at most 20,000 are drawn.
        columns: Dict of column name to array, the rows to judge.
        seed: Integer.

    Returns:
        Dict of name to scores, see `dlunits.tasks.anomaly.baselines`.
    """
    sample = ReservoirSample(MOST_BY_PEERS, seed)
    sample.add(rows.columns)
    known, new = (
        keras.ops.convert_to_numpy(
            detector.encoding(detector.table.inputs(table))
        )
        for table in (sample.columns, columns)
    )
    return baseline_scores(known, new, seed)
