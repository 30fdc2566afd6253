"""Anomaly detection in a stream of rows, with an adaptive threshold."""

import bisect
import collections
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from dlunits.columns.sentinel_values import split_sentinel
from dlunits.models.anomaly.anomaly_detector import AnomalyDetector
from dlunits.models.anomaly.table_drift import TableDrift
from dlunits.models.anomaly.table_schema import float32
from dlunits.typing import Array

MIN_WINDOW = 1_000  # minimum number of latest rows that a row is compared with
WINDOW_PER_RATE = 10  # minimum of that number times the rate
MAX_KNOWN_SCORES = 100_000  # scores among which the drift test ranks a score
MAX_CACHED_TEXTS = 10_000
LEARNING_RATE = 0.1  # gamma / rate
MAX_CAPITAL = 100.0  # the stream has drifted if the capital reaches it
JUMP = 0.01  # fraction of the capital that is redistributed to all bets
BETS = np.array([-1.0, 0.0, 1.0])


@dataclasses.dataclass(frozen=True)
class StreamedRow:
    """Result for one row of a stream.

    Args:
        anomaly_score: Score of `AnomalyDetector.score`.
        p_value: Fraction of the latest rows whose score is at least this score.
        is_anomaly: Whether the p-value is at most `threshold`.
        threshold: Adaptive threshold that the p-value was compared with.
    """

    anomaly_score: float
    p_value: float
    is_anomaly: bool
    threshold: float


class AnomalyStream:
    r"""Online anomaly detection with adaptive conformal inference.

    Use it where rows arrive one at a time and the distribution of normal rows
    changes: with a fixed threshold, most rows of a drifting stream would raise
    an alarm. The row x_t with the score s_t is compared with the latest N rows,
    at first with the calibration rows of the detector:

        p_t     = (1 + #{i of the latest N rows: s_i >= s_t}) / (N + 1)
        alarm_t = 1 if p_t <= a_t, else 0
        a_{t+1} = a_t + gamma (rate - alarm_t), a_1 = rate, gamma = rate / 10

    a_t is the threshold and gamma its learning rate. So the fraction of alarms
    among T rows differs from the rate by at most (1 + gamma) / (gamma T), for
    any rows. As a drawback, a run of more than ten anomalies is treated as a
    change of the stream, and later ones raise no alarm.

    Whether the stream has drifted from the training rows is tested by a
    conformal test martingale, the simple jumper, on the ranks u_t of s_t among
    all rows so far, with ties broken at random:

        new C_e = (0.99 C_e + 0.01 / 3 sum over e' of C_e') (1 + e (u_t - 1/2))

    for the bets e in {-1, 0, 1}, with the initial value C_e = 1 / 3. If rows
    are exchangeable with the calibration rows, the probability that the
    capital, the sum of the C_e, ever reaches 100 is at most 1 %. A few
    anomalies hardly increase it.

    References: Gibbs and Candes, 2021, "Adaptive conformal inference under
    distribution shift", https://arxiv.org/abs/2106.00170; Vovk et al., 2021,
    "Retrain or not retrain: conformal test martingales for change-point
    detection", https://arxiv.org/abs/2102.10439.

    Args:
        detector: Fitted `AnomalyDetector`.
        false_alarm_rate: Fraction of rows that raise an alarm, in (0, 1).
            `None` for that of the detector.
        seed: Integer, seed of the order in which calibration rows are dropped
            from the latest N rows, and of the ranks of ties.

    Attributes:
        num_rows: Number of processed rows.
        num_anomalies: Number of alarms.
        threshold: `a_t` of the next row.
        log_capital: Logarithm of the capital of the martingale.
        has_drifted: Whether the capital has reached 100.

    Raises:
        ValueError: If the rate is out of range, or the detector is not fitted.

    Example:

    >>> rows = np.random.default_rng(0).normal(size=(200, 2))
    >>> stream = AnomalyDetector().fit(rows).stream()
    >>> stream.update({"column_1": 0.0, "column_2": 0.5}).is_anomaly
    False
    >>> stream.update([9.0, -9.0]).is_anomaly
    True
    """

    def __init__(
        self,
        detector: AnomalyDetector,
        false_alarm_rate: float | None = None,
        seed: int = 0,
    ) -> None:
        rate = detector.false_alarm_rate
        if false_alarm_rate is not None:
            rate = false_alarm_rate
        if not 0 < rate < 1:
            raise ValueError(
                "`false_alarm_rate` must be in (0, 1). Received: "
                f"{false_alarm_rate=}"
            )
        self.detector = detector
        self.predict = compiled_prediction(detector.model)
        schema = detector.table_schema
        self.numbers = [
            (name, *split_sentinel(schema.column_types[name]))
            for name in schema.numbers
        ]
        self.categories = schema.categories
        self.false_alarm_rate = rate
        self.generator = np.random.default_rng(seed)
        self.threshold = rate
        self.num_rows = self.num_anomalies = 0
        self.window = max(MIN_WINDOW, math.ceil(WINDOW_PER_RATE / rate))
        scores = detector.model.conformal.calibration_scores()
        self.known_scores = np.sort(scores).tolist()
        self.latest_scores = collections.deque(
            self.generator.permutation(scores)[: self.window].tolist()
        )
        self.sorted_scores = sorted(self.latest_scores)
        self.capital = np.full(len(BETS), 1 / len(BETS))  # share of each bet
        self.log_capital = 0.0
        self.has_drifted = False
        self.latest_rows: collections.deque[tuple[dict[str, Array], Array]] = (
            collections.deque(maxlen=self.window)
        )
        self.category_ids: dict[tuple[str, str | None], int] = {}

    def update(
        self, row: Mapping[str, Any] | Sequence[Any] | Array
    ) -> StreamedRow:
        """Scores the next row and adapts the threshold.

        Args:
            row: Dict from column name to value; or, for a detector that was
                fitted to an array or a list of rows, the values of a row.

        Returns:
            `StreamedRow`.

        Raises:
            ValueError: If a column is missing, or a value is not of the type of
                its column. The stream is then unchanged.
        """
        inputs = self.inputs(row)
        result = self.predict(inputs)
        score = float(result["anomaly_score"][0])
        count = len(self.sorted_scores)
        higher = count - bisect.bisect_left(self.sorted_scores, score)
        p_value = (1 + higher) / (1 + count)
        threshold, rate = self.threshold, self.false_alarm_rate
        is_anomaly = p_value <= threshold
        self.threshold += LEARNING_RATE * rate * (rate - is_anomaly)
        self.num_rows += 1
        self.num_anomalies += is_anomaly
        self.add_to_latest(score)
        self.bet(score)
        self.latest_rows.append((inputs, result["p_value"]))
        return StreamedRow(score, p_value, is_anomaly, threshold)

    def add_to_latest(self, score: float) -> None:
        """Adds a score to the latest ones, and drops the oldest."""
        ordered = self.sorted_scores
        if len(ordered) == self.window:
            oldest = self.latest_scores.popleft()
            del ordered[bisect.bisect_left(ordered, oldest)]
        self.latest_scores.append(score)
        bisect.insort(ordered, score)

    def bet(self, score: float) -> None:
        """Updates the martingale by the rank of a score among all scores."""
        known = self.known_scores
        low = bisect.bisect_left(known, score)
        high = bisect.bisect_right(known, score)
        # Ties, and the score itself, are ranked at random.
        above = len(known) - high + self.generator.random() * (1 + high - low)
        rank = above / (1 + len(known))
        if len(known) < MAX_KNOWN_SCORES:
            known.insert(low, score)
        mixed = (1 - JUMP) * self.capital + JUMP / len(BETS)
        capital = mixed * (1 + BETS * (rank - 0.5))
        self.capital = capital / capital.sum()
        self.log_capital += math.log(capital.sum())
        self.has_drifted |= self.log_capital >= math.log(MAX_CAPITAL)

    @property
    def drift(self) -> TableDrift:
        """`TableDrift` of the latest rows from the training table."""
        drift = TableDrift(
            self.detector.table_schema, self.detector.num_calibration_rows
        )
        if self.latest_rows:
            rows, p_values = zip(*self.latest_rows, strict=True)
            inputs = {
                key: np.concatenate([row[key] for row in rows])
                for key in rows[0]
            }
            drift.update(inputs, np.concatenate(p_values))
        return drift

    @property
    def drifted_columns(self) -> list[str]:
        """Columns whose latest values differ from those in training."""
        return [
            column.name for column in self.drift.columns if column.has_drifted
        ]

    def inputs(
        self, row: Mapping[str, Any] | Sequence[Any] | Array
    ) -> dict[str, Array]:
        """Converts a row to the inputs of the model, see `TableSchema.inputs`.

        Rows of numbers, booleans and known texts are converted directly, rows
        with other values as a table.
        """
        schema = self.detector.table_schema
        if not isinstance(row, Mapping):
            if len(row) != len(schema.column_types):
                raise ValueError(
                    f"A row must have {len(schema.column_types)} values, as "
                    f"the training table. Received: {len(row)}"
                )
            row = {f"column_{i}": value for i, value in enumerate(row, 1)}
        if not schema.timestamps:
            try:
                return self.direct_inputs(row)
            except (KeyError, TypeError, OverflowError):
                pass
        inputs = schema.inputs([row])
        if len(self.category_ids) < MAX_CACHED_TEXTS:
            for index, name in enumerate(self.categories):
                if isinstance(row[name], str | None):
                    category = int(inputs["category_ids"][0, index])
                    self.category_ids[name, row[name]] = category
        return inputs

    def direct_inputs(self, row: Mapping[str, Any]) -> dict[str, Array]:
        inputs = {}
        if self.numbers:
            numbers = [
                as_float(row[name], column_type == "boolean", sentinel)
                for name, column_type, sentinel in self.numbers
            ]
            inputs["numbers"] = float32(np.array([numbers]))
        if self.categories:
            ids = [
                self.category_ids[name, row[name]] for name in self.categories
            ]
            inputs["category_ids"] = np.array([ids], "int32")
        return inputs


def compiled_prediction(
    model: keras.Model,
) -> Callable[[dict[str, Array]], dict[str, Array]]:
    """Compiles the prediction of a model for batches of one row.

    XLA computes a row in one thread, without waiting for others: on a busy
    machine it took a tenth of the time of `predict_on_batch`. On JAX,
    `predict_on_batch` uses XLA.

    Args:
        model: Model that maps a dict of arrays `(1, columns)` to a dict of
            tensors.

    Returns:
        Function that maps NumPy arrays to NumPy arrays. It is compiled at its
        first call.
    """
    if keras.backend.backend() != "tensorflow":
        return model.predict_on_batch
    import tensorflow as tf

    function = tf.function(
        lambda inputs: model(inputs, training=False), jit_compile=True
    )

    def predict(inputs: dict[str, Array]) -> dict[str, Array]:
        tensors = {key: tf.constant(rows) for key, rows in inputs.items()}
        outputs = function(tensors)
        return {key: output.numpy() for key, output in outputs.items()}

    return predict


def as_float(
    value: Any, is_boolean: bool, sentinel: float | None = None
) -> float:
    """Converts a number or a boolean; `None` and the sentinel value to NaN.

    Raises:
        TypeError: If the value is none of these, or infinite.
    """
    if value is None:
        return math.nan
    if isinstance(value, bool | np.bool_) != is_boolean or not isinstance(
        value, float | int | np.number | np.bool_
    ):
        raise TypeError("Not a number")
    number = float(value)
    if math.isinf(number):
        raise TypeError("Infinite")
    return math.nan if number == sentinel else number
