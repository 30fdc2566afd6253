"""Outlier detector with the scikit-learn interface."""

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
    """Outlier detector for tables, a scikit-learn estimator.

    Use it in pipelines and searches of scikit-learn. It is
    `dlunits.models.AnomalyDetector` with the names and signs of
    `sklearn.ensemble.IsolationForest`. Columns may contain numbers, booleans,
    timestamps and text, and values may be missing.

    Args:
        contamination: Fraction of the training rows that may be outliers, in
            [0, 0.5). This fraction of the rows, those with the highest scores,
            is left out, and the detector is fitted on the others. With 0, all
            rows are used.
        false_alarm_rate: Fraction of normal rows that may be classified as
            outliers, in (0, 1). `offset_` is then a quantile of the scores of
            normal training rows, each scored like a new row. With `None`, the
            fraction `contamination` of the training rows are outliers; if that
            is 0, the false-alarm rate is 0.05.
        random_state: Integer, `numpy.random.RandomState` or `None`: seed of all
            random numbers. With an integer, the detector is that of
            `dlunits.models.AnomalyDetector(seed=random_state)`.

    Attributes:
        detector_: The fitted `dlunits.models.AnomalyDetector`, which has the
            method `explain`.
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
        """Fits the detector on the rows of a table.

        Args:
            X: Array `(rows, columns)`, data frame of pandas, polars or
                pyarrow, or another table of `dlunits.columns.table_chunk`.
                All columns of arrays and data frames of numbers are numbers.
                For other tables, the column types are inferred, and identifiers
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
        """Predicts which rows are outliers.

        Args:
            X: Table with the columns of the training table, in their order.

        Returns:
            Integers `(rows,)`: -1 for outliers, 1 for others.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_value(self, X: Table) -> Array:
        """Computes the conformal p-value of each row.

        Args:
            X: Table with the columns of the training table, in their order.

        Returns:
            Array `(rows,)`, in (0, 1]: the fraction of normal rows whose score
            is at least that of the row, see `dlunits.layers.ConformalPValue`.
        """
        return self.score_rows(X)["p_value"]

    def score_rows(self, X: Table) -> dict[str, Array]:
        """Computes the anomaly score and the p-value of each row.

        Args:
            X: Table with the columns of the training table, in their order.

        Returns:
            Dict of `anomaly_score` and `p_value`, each `(rows,)`.
        """
        check_is_fitted(self)
        columns, _ = self.check_table(X, reset=False)
        return anomaly_scores(self.detector_, columns)

    def check_table(
        self, X: Table, reset: bool
    ) -> tuple[dict[str, Any], dict[str, str] | None]:
        """Checks a table and names its columns as in the training table.

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
    if hasattr(X, "toarray"):  # sparse; some sparse matrices are dicts
        return False
    return isinstance(X, Mapping) or hasattr(X, "columns")


def holds_texts(X: Any) -> bool:
    """Whether an array, or a list of rows, contains values other than numbers.

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
    """Integer seed from a random state; an integer is returned unchanged.

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
