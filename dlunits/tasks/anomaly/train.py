"""Training of an anomaly detector on a table or a time series."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import keras

from dlunits.columns import check_columns
from dlunits.data.tables.reservoir_sample import ReservoirSample
from dlunits.data.tables.table_files import TableFile
from dlunits.models import AnomalyDetector
from dlunits.models.anomaly.anomaly_detector import (
    MAX_CALIBRATION_ROWS,
    ONE_FOLD_SPLIT,
)
from dlunits.reporting.progress import ProgressBar
from dlunits.tasks.anomaly.baselines import baseline_scores
from dlunits.tasks.anomaly.score_series import SeriesScorer
from dlunits.tasks.anomaly.score_table import TableScorer
from dlunits.tasks.anomaly.training_rows import (
    TrainingRows,
    min_calibration_rows,
    sample_training_rows,
)
from dlunits.tasks.anomaly.training_windows import (
    TrainingWindows,
    read_training_windows,
)
from dlunits.typing import Array

MIN_ROWS = 20
MAX_BASELINE_ROWS = 20_000


@dataclasses.dataclass(frozen=True)
class TrainedDetector:
    """An anomaly detector with its training data.

    Args:
        detector: The detector.
        rows: Rows or windows that it was trained on.
    """

    detector: AnomalyDetector
    rows: TrainingRows

    def baseline_scores(self, scorer: TableScorer) -> dict[str, Array] | None:
        """Scores of the baselines, trained on the same rows.

        Args:
            scorer: Scorer of a table, after it scored all rows.

        Returns:
            Dict of name to scores of the rows in `scorer.sample`, see
            `dlunits.tasks.anomaly.baselines`; `None` unless labels show both
            normal rows and anomalies.
        """
        if not scorer.has_both_labels:
            return None
        seed = self.detector.seed
        if isinstance(self.rows, TrainingWindows) and isinstance(
            scorer, SeriesScorer
        ):
            return series_baselines(self.rows, scorer, seed)
        columns = scorer.sample_columns.columns
        return table_baselines(self.detector, self.rows, columns, seed)


def train_detector(
    train: TableFile,
    score: TableFile | None = None,
    *,
    timestamp_column: str | None = None,
    series_column: str | None = None,
    window: int = 64,
    column_types: Mapping[str, str] | None = None,
    label_column: str | None = None,
    normal_class: str | None = None,
    refuse_invalid: bool = False,
    log: Callable[[str], Any] = lambda message: None,
    progress: ProgressBar | None = None,
    **options: Any,
) -> TrainedDetector:
    """Trains an anomaly detector on the normal rows of a table.

    With a column of timestamps the rows are a time series, and the detector
    is trained on its windows.

    Args:
        train: Table of normal rows.
        score: Table that will be scored, or `None`. Its column names are
            checked before training.
        timestamp_column: Column with the timestamps of a series, or columns of
            dates and times, `"Date,Time"`. `None` if the rows are not a
            series.
        series_column: Column that names the series of each row, see
            `dlunits.tasks.anomaly.training_windows.read_training_windows`.
        window: Number of rows in a window of a series.
        column_types, label_column, normal_class, refuse_invalid: See
            `dlunits.tasks.anomaly.training_rows.sample_training_rows`.
        log: Function that prints a message for the user.
        progress: Function that creates a progress bar over rows, see
            `dlunits.reporting.progress.with_progress`, or `None`.
        **options: Arguments of `dlunits.models.AnomalyDetector`. With
            `contamination` greater than 0, rows that are labeled as anomalies
            are used for training.

    Returns:
        The trained detector.

    Raises:
        ValueError: If a table cannot be read, lacks a column, or has too few
            rows.
    """
    rows = read_training_rows(
        train,
        score,
        AnomalyDetector(**options),
        timestamp_column=timestamp_column,
        series_column=series_column,
        window=window,
        log=log,
        column_types=column_types,
        label_column=label_column,
        normal_class=normal_class,
        refuse_invalid=refuse_invalid,
        progress=progress,
    )
    detector = fit_detector(rows, **options)
    rows = rows.calibrated(detector)
    if score is None:  # otherwise the scorer reports it
        for message in rows.rate_messages(detector.false_alarm_rate):
            log(message)
    return TrainedDetector(detector, rows)


def read_training_rows(
    train: TableFile,
    score: TableFile | None,
    detector: AnomalyDetector,
    *,
    timestamp_column: str | None = None,
    series_column: str | None = None,
    window: int = 64,
    log: Callable[[str], Any] = lambda message: None,
    **options: Any,
) -> TrainingRows:
    """Reads the rows to train on, prints their columns, and checks them.

    Args:
        train, score, timestamp_column, series_column, window, log: See
            `train_detector`.
        detector: The detector, not fitted yet.
        **options: Arguments of
            `dlunits.tasks.anomaly.training_rows.sample_training_rows`.

    Returns:
        Training rows, or windows of a series.

    Raises:
        ValueError: As `train_detector`.
    """
    options["keep_anomalies"] = detector.contamination > 0
    rows: TrainingRows
    if timestamp_column is None:
        rows = sample_training_rows(train, seed=detector.seed, **options)
    else:
        rows = read_training_windows(
            train,
            timestamp_column,
            window,
            series_column=series_column,
            **options,
        )
    for message in rows.messages:
        log(message)
    if score is not None:
        check_columns(score.columns, rows.used_columns, score.path)
    check_num_rows(rows, detector)
    return rows


def fit_detector(rows: TrainingRows, **options: Any) -> AnomalyDetector:
    """Fits a detector to rows in memory.

    Args:
        rows: Training rows or windows.
        **options: Arguments of `dlunits.models.AnomalyDetector`.

    Returns:
        The detector.

    Raises:
        ValueError: If there are too few rows for the false-alarm rate, or the
            detector refuses them. The message names the file.
    """
    detector = AnomalyDetector(**options)
    check_num_rows(rows, detector)
    try:
        return detector.fit(rows.columns, rows.detector_column_types)
    except ValueError as error:
        raise ValueError(f"{rows.path}: {error}") from error


def check_num_rows(rows: TrainingRows, detector: AnomalyDetector) -> None:
    """Checks that enough rows are left for calibration.

    With n calibration rows the smallest p-value is 1 / (1 + n). A false-alarm
    rate below it would flag no row at all.

    Args:
        rows: Training rows or windows.
        detector: The detector, not fitted yet.

    Raises:
        ValueError: If there are fewer than 20 rows, or too few for the
            false-alarm rate.
    """
    left = math.floor(rows.num_rows * (1 - detector.contamination))
    enough = left >= MIN_ROWS
    if detector.num_folds == 1:
        left -= int(ONE_FOLD_SPLIT[1] * left)
    left = min(left, MAX_CALIBRATION_ROWS)
    rate = detector.false_alarm_rate
    needed = min_calibration_rows(rate)
    if not enough or left < needed:
        remedy = f"Add normal {rows.unit}"
        if needed > MAX_CALIBRATION_ROWS:
            remedy = f"At most {MAX_CALIBRATION_ROWS:,} are used"
        if left and (window := rows.shorter_window(needed / left)):
            remedy += f", set a shorter window, of {window} rows for example"
        if enough:
            lowest = round_up(1 / (1 + left))
            remedy += f", or set a false-alarm rate of {lowest:g}"
        raise ValueError(
            f"{rows.path}: leaves {left:,} {rows.unit} for calibration, but a "
            f"false-alarm rate of {rate:g} needs at least "
            f"{max(needed, MIN_ROWS):,}. {remedy}."
        )


def round_up(number: float) -> float:
    """Rounds a positive number up to two significant digits.

    >>> round_up(1 / 33)
    0.031
    """
    digits = 1 - math.floor(math.log10(number))
    return round(math.ceil(number * 10**digits - 1e-9) / 10**digits, digits)


def table_baselines(
    detector: AnomalyDetector,
    rows: TrainingRows,
    columns: Mapping[str, Array],
    seed: int = 0,
) -> dict[str, Array]:
    """Scores of the baselines for rows of a table.

    Args:
        detector: Fitted detector, whose encoding of the columns is the input
            of the baselines.
        rows: Training rows, of which at most 20,000 are sampled.
        columns: Dict of column name to array, the rows to score.
        seed: Seed of the sample and of the baselines.

    Returns:
        Dict of name to scores, see `dlunits.tasks.anomaly.baselines`.
    """
    sample = ReservoirSample(MAX_BASELINE_ROWS, seed)
    sample.add(rows.columns)
    train, new = (
        keras.ops.convert_to_numpy(
            detector.model.encoding(detector.table_schema.inputs(table))
        )
        for table in (sample.columns, columns)
    )
    return baseline_scores(train, new, seed)


def series_baselines(
    rows: TrainingWindows, scorer: SeriesScorer, seed: int = 0
) -> dict[str, Array]:
    """Scores of the baselines for rows of a time series.

    Args:
        rows: Training windows, of which at most 20,000 are sampled.
        scorer: Scorer of a series, after it scored all rows. A row has the mean
            score of the windows that cover it.
        seed: Seed of the sample and of the baselines.

    Returns:
        Dict of name to scores, see `dlunits.tasks.anomaly.baselines`.
    """
    new = rows.panel.features(scorer.windows)
    sample = ReservoirSample(MAX_BASELINE_ROWS, seed)
    sample.add({"windows": rows.features})
    sampled = scorer.sample.columns["row"]
    return {
        name: scorer.windows.to_rows(scores)[sampled]
        for name, scores in baseline_scores(
            sample.columns["windows"], new, seed
        ).items()
    }
