"""Outlier detector with the interface of scikit-learn."""

import math
import numbers
import pathlib
import tempfile
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from dlunits import models
from dlunits.columns import table_chunk
from dlunits.columns.table_chunks import Table
from dlunits.models.anomaly.anomaly_score import BATCH_SIZE, pad_rows
from dlunits.typing import Array, Config

FALSE_ALARM_RATE = 0.05
FILE_NAME = "detector.keras"


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Outlier detector for tables, as an estimator of scikit-learn.

    Use it in pipelines and searches of scikit-learn; it is
    `dlunits.models.AnomalyDetector` with the names and signs of
    `sklearn.ensemble.IsolationForest`. Columns may be numbers, booleans, times
    and texts, and values may be missing.

    Args:
        contamination: Share of the training rows that may be outliers, in
            [0, 0.5). The detector is fitted without as many rows that are far
            from the others. 0 trusts all rows.
        false_alarm_rate: Share of normal rows that may be called outliers, in
            (0, 1). `offset_` is then the quantile of the scores of normal
            training rows, each of which is scored as a new row is. `None`
            calls the share `contamination` of the training rows outliers or,
            if that is 0, has a false-alarm rate of 0.05.
        random_state: Integer, `numpy.random.RandomState` or `None`: seed of
            all random numbers. An integer gives the detector of
            `dlunits.models.AnomalyDetector(seed=random_state)`.

    Attributes:
        detector_: The fitted `dlunits.models.AnomalyDetector`; `explain` is a
            method of it.
        offset_: Score below which a row is an outlier: `decision_function` is
            `score_samples` minus `offset_`.
        n_features_in_: Number of columns of the training table.
        feature_names_in_: Names of the columns, if all are strings.

    Raises:
        ValueError: If `fit` receives an argument that is out of range.

    Example, numbers near 0 and one row that is far from them:

    >>> rows = np.random.default_rng(0).normal(size=(120, 2))
    >>> detector = AnomalyDetector(random_state=0).fit(rows)
    >>> detector.predict([[0.0, 0.5], [9.0, -9.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        contamination: float = 0.0,
        false_alarm_rate: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.contamination = contamination
        self.false_alarm_rate = false_alarm_rate
        self.random_state = random_state

    def fit(self, X: Table, y: Any = None) -> "AnomalyDetector":
        """Fits the detector to the rows of a table.

        Args:
            X: Array `(rows, columns)`, data frame of pandas, polars or
                pyarrow, or another table of `dlunits.columns.table_chunk`.
                Arrays and data frames of numbers have columns of numbers; the
                types of the columns of others are inferred, and identifiers
                are left out, with a warning.
            y: Ignored.

        Returns:
            The estimator.
        """
        rate = self.false_alarm_rate
        self.detector_ = models.AnomalyDetector(
            contamination=self.contamination,
            false_alarm_rate=FALSE_ALARM_RATE if rate is None else rate,
            seed=integer_seed(self.random_state),
        )
        columns, column_types = self.check_table(X, reset=True)
        self.detector_.fit(columns, column_types)
        if rate is None and self.contamination:
            scores = anomaly_scores(self.detector_, columns)["anomaly_score"]
            self.offset_ = float(np.quantile(-scores, self.contamination))
        else:
            self.offset_ = -score_threshold(self.detector_)
        return self

    def score_samples(self, X: Table) -> Array:
        """Computes the negative anomaly score of each row.

        Args:
            X: Table with the columns of the training table, in their order.

        Returns:
            Array `(rows,)`. Lower is more anomalous.
        """
        return -self.score_rows(X)["anomaly_score"]

    def decision_function(self, X: Table) -> Array:
        """Computes `score_samples(X) - offset_`, negative for outliers.

        Args:
            X: Table with the columns of the training table, in their order.

        Returns:
            Array `(rows,)`.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Table) -> Array:
        """Decides which rows are outliers.

        Args:
            X: Table with the columns of the training table, in their order.

        Returns:
            Integers `(rows,)`: -1 for outliers, 1 for others.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_value(self, X: Table) -> Array:
        """Computes the share of normal rows with at least the row's score.

        Args:
            X: Table with the columns of the training table, in their order.

        Returns:
            Array `(rows,)`, in (0, 1], see `dlunits.layers.ConformalPValue`.
        """
        return self.score_rows(X)["p_value"]

    def score_rows(self, X: Table) -> dict[str, Array]:
        """Computes `anomaly_score` and `p_value` of each row."""
        check_is_fitted(self)
        columns, _ = self.check_table(X, reset=False)
        return anomaly_scores(self.detector_, columns)

    def check_table(
        self, X: Table, reset: bool
    ) -> tuple[dict[str, Any], dict[str, str] | None]:
        """Checks a table, and names its columns as in the training table.

        Args:
            X: Table.
            reset: Whether it is the training table.

        Returns:
            Dict from name to array `(rows,)`; dict from name to type, `None`
            if types are to be inferred.
        """
        columns: Any
        if not (is_named(X) or holds_texts(X)):
            X = validate_data(
                self,
                X,
                reset=reset,
                dtype="float64",
                ensure_all_finite="allow-nan",
                ensure_min_samples=2 if reset else 1,
            )
            columns, is_numeric = X.T, True
        else:
            chunk = table_chunk(X)
            columns = chunk.table.columns
            is_numeric = all(
                pa.types.is_integer(column.type)
                or pa.types.is_floating(column.type)
                for column in columns
            )
            if not is_named(X):
                X = np.asarray(X, object)
            elif not hasattr(X, "columns"):
                X = chunk.table
            validate_data(self, X, reset=reset, skip_check_array=True)
        names = getattr(
            self,
            "feature_names_in_",
            [f"column_{i}" for i in range(1, len(columns) + 1)],
        )
        column_types = dict.fromkeys(names, "number") if is_numeric else None
        return dict(zip(names, columns, strict=True)), column_types

    def __getstate__(self) -> Config:
        state = dict(super().__getstate__())
        if "detector_" in state:
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder, FILE_NAME)
                self.detector_.save(path)
                state["detector_"] = path.read_bytes()
        return state

    def __setstate__(self, state: Config) -> None:
        state = dict(state)
        if "detector_" in state:
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder, FILE_NAME)
                path.write_bytes(state["detector_"])
                state["detector_"] = models.AnomalyDetector.load(path)
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


def anomaly_scores(
    detector: models.AnomalyDetector, columns: Mapping[str, Any]
) -> dict[str, Array]:
    """Computes `anomaly_score` and `p_value` of each row, in full batches.

    The score of a row then does not depend on the others, see `pad_rows`.
    """
    inputs = detector.table_schema.inputs(columns)
    count = len(next(iter(inputs.values())))
    full = pad_rows(inputs, BATCH_SIZE)
    return {
        name: values[:count].astype("float64")
        for name, values in detector.score_rows(columns, inputs=full).items()
    }


def is_named(X: Table) -> bool:
    """Whether the columns of a table have names.

    >>> is_named([{"speed": 1.5}]), is_named([[1.5]])
    (True, False)
    """
    if isinstance(X, list | tuple):
        return bool(X) and isinstance(X[0], Mapping)
    if hasattr(X, "toarray"):  # sparse, and some of them are dicts
        return False
    return isinstance(X, Mapping) or hasattr(X, "columns")


def holds_texts(X: Any) -> bool:
    """Whether an array, or a list of rows, holds other values than numbers.

    >>> holds_texts([[1, "dry"]]), holds_texts([[1, None]])
    (True, False)
    """
    if isinstance(X, list | tuple):
        try:
            X = np.asarray(X, object)
        except ValueError:  # rows of different lengths
            return False
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    if kind == "O":
        return any(isinstance(value, str) for value in np.ravel(X))
    return kind in "USMm" and kind != ""


def integer_seed(random_state: Any) -> int:
    """Seed of a random state: an integer itself, else a random one.

    >>> integer_seed(7), integer_seed(np.random.RandomState(0))
    (7, 209652396)
    """
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def score_threshold(detector: models.AnomalyDetector) -> float:
    """Score above which a row is an outlier at the false-alarm rate.

    Of n calibration rows, k may have a score at least as high as the row,
    with (1 + k) / (1 + n) <= rate. So its score must be higher than the
    (k + 1)-th highest one.
    """
    conformal = detector.model.conformal
    scores, rate = conformal.calibration_scores(), detector.false_alarm_rate
    lowest = 1 / (1 + len(scores))
    if rate < lowest:
        warnings.warn(
            f"A false-alarm rate of {rate:g} needs at least "
            f"{math.ceil(1 / rate) - 1} normal training rows. Received: "
            f"{len(scores)}, for which the rate is {lowest:.2g}",
            stacklevel=3,
        )
    number = max(0, math.floor(rate / lowest + 1e-9) - 1)
    return float(scores[-1 - number]) + conformal.tolerance
