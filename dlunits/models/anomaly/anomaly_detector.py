"""Anomaly detector for the rows of tables."""

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from dlunits.columns.table_chunks import InvalidCells, Table
from dlunits.layers import ConformalPValue
from dlunits.models.anomaly.anomaly_score import (
    AnomalyScore,
    in_batches,
    num_rows,
    own_fold,
    take_rows,
)
from dlunits.models.anomaly.column_attribution import ColumnAttribution
from dlunits.models.anomaly.row_explanation import explain_rows
from dlunits.models.anomaly.table_schema import TableSchema
from dlunits.models.layer_states import layer_states, model_from_config
from dlunits.typing import Array, Config, Path, Tensor

if TYPE_CHECKING:
    from dlunits.models.anomaly.anomaly_stream import AnomalyStream

MAX_CALIBRATION_ROWS = 20_000  # and maximum number of training rows
MIN_ROWS = 6

COLUMN_DTYPES = {
    "numbers": "float32",
    "timestamps": "float64",  # single precision would be off by a minute
    "category_ids": "int32",
}

# With one fold: the first 60 % of the rows are for training, those up to 75 %
# scale the score, and the others calibrate it.
ONE_FOLD_SPLIT = 0.6, 0.75

CLEANING_FOLDS = 5  # minimum number of folds to find rows to leave out


@keras.saving.register_keras_serializable(package="dlunits")
class AnomalyDetector:
    """Anomaly detector for the rows of a table, with conformal p-values.

    The score of a row is `dlunits.models.anomaly.anomaly_score.AnomalyScore`:
    the maximum of three distances to training rows. It is cross-fitted: the
    training rows are split into folds, and for each fold a score is fitted on
    the other folds. The score of a training row is that of its own fold, the
    score of a new row the mean over all folds. The p-value is conformal, see
    `dlunits.layers.ConformalPValue`: it is the fraction of normal rows whose
    score is at least that of the row. A row is anomalous if its p-value is at
    most the false-alarm rate.

    The detector is an estimator in the style of scikit-learn: it takes tables
    and returns NumPy arrays. Its layers are in `model`, a `keras.Model`.

    Args:
        num_folds: Number of folds, of at least two rows each. With 1, 15 % of
            the rows are held out to scale the score and 25 % to calibrate it,
            and the false-alarm rate is guaranteed, except that vocabularies and
            missing indicators are those of all rows. With 3 or more, all rows
            are used for training and calibration, and the rate holds
            approximately.
        contamination: Fraction of the training rows that may be anomalies, in
            [0, 0.5). This fraction of the rows, those with the highest scores,
            is left out, and the detector is fitted on the others. The
            false-alarm rate among all normal rows may then be higher by up to
            this fraction. With 0, all rows are used.
        false_alarm_rate: Fraction of normal rows that may be classified as
            anomalous, in (0, 1).
        seed: Integer, seed of all random numbers.

    Attributes:
        model: `AnomalyModel`, the layers. Reading it before `fit` raises a
            `ValueError`.
        attribution: `ColumnAttribution`, the model of `explain`.
        calibration: `(rows, scores)`, the indices of the training rows that
            calibrate the p-values, and their scores, each by its own fold.
            `None` if the detector was loaded.

    Raises:
        ValueError: If an argument is out of range.

    Example, numbers near 0 and one row that is far from them; the smallest
    p-value with 120 calibration rows is 1 / 121:

    >>> rows = np.random.default_rng(0).normal(size=(120, 2))
    >>> detector = AnomalyDetector().fit(rows)
    >>> p = detector.p_value(np.array([[0.0, 0.5], [9.0, -9.0]]))
    >>> bool(p[0] > 0.05), round(121 * float(p[1]), 3)
    (True, 1.0)
    """

    def __init__(
        self,
        num_folds: int = 5,
        contamination: float = 0.0,
        false_alarm_rate: float = 0.01,
        seed: int = 0,
    ) -> None:
        if num_folds < 1:
            raise ValueError(
                f"There must be at least one fold. Received: {num_folds=}"
            )
        if not 0 <= contamination < 0.5:
            raise ValueError(
                "`contamination` must be in [0, 0.5): most rows must be "
                f"normal. Received: {contamination=}"
            )
        if not 0 < false_alarm_rate < 1:
            raise ValueError(
                "`false_alarm_rate` must be in (0, 1). Received: "
                f"{false_alarm_rate=}"
            )
        self.num_folds = num_folds
        self.contamination = contamination
        self.false_alarm_rate = false_alarm_rate
        self.seed = seed
        self.calibration: tuple[Array, Array] | None = None
        self._model: AnomalyModel | None = None

    @property
    def model(self) -> "AnomalyModel":
        if self._model is None:
            raise ValueError("The detector is not fitted yet: call `fit`.")
        return self._model

    def fit(
        self,
        table: Table,
        column_types: Mapping[str, str] | None = None,
        *,
        decimal: str = ".",
    ) -> "AnomalyDetector":
        """Fits the detector on normal rows.

        Args:
            table: Array `(rows, columns)` of numbers, data frame of pandas,
                polars or pyarrow, or dict from column name to array
                `(rows,)`. Its rows should be normal, except for the fraction
                `contamination`.
            column_types: Dict from column name to type, see
                `dlunits.columns.COLUMN_TYPES`. `None` infers the types from the
                values, see `dlunits.columns.infer_column_types`. The few values
                of another type that the inference allows are treated as
                missing, with a warning.
            decimal: Decimal separator of numbers in strings, `"."` or `","`.

        Returns:
            The detector.

        Raises:
            ValueError: If the table has too few rows, or a value is not of
                the type of its column.
        """
        schema = TableSchema.from_table(table, column_types, decimal)
        cells = InvalidCells() if column_types is None else None
        inputs = schema.inputs(table, decimal, cells)
        for message in cells.messages if cells else ():
            warnings.warn(f"{message}; treated as missing", stacklevel=2)
        count = num_rows(inputs)
        if count < MIN_ROWS:
            raise ValueError(
                f"There must be at least {MIN_ROWS} rows to fit to. "
                f"Received: {count}"
            )
        order = np.random.default_rng(self.seed).permutation(count)
        if self.contamination:
            order = self.without_anomalies(schema, inputs, order)
        self.set_model(self.fitted_model(schema, inputs, order, self.num_folds))
        return self

    def fitted_model(
        self,
        schema: TableSchema,
        inputs: Mapping[str, Array],
        order: Array,
        num_folds: int,
    ) -> "AnomalyModel":
        """Fits the layers on rows, given by their indices in random order."""
        num_folds = min(num_folds, len(order) // 2)
        train = scale = calibrate = order[:MAX_CALIBRATION_ROWS]
        if num_folds == 1:
            train, scale, calibrate = (
                rows[:MAX_CALIBRATION_ROWS]
                for rows in np.split(
                    order, [int(share * len(order)) for share in ONE_FOLD_SPLIT]
                )
            )
        model = AnomalyModel(
            self,
            schema,
            num_rows=len(train),
            num_calibration_rows=len(calibrate),
            num_folds=num_folds,
        )
        model.encoding.adapt(take_rows(inputs, train))
        train_features, scale_features, calibration_features = (
            in_batches(model.encoding, take_rows(inputs, rows))
            for rows in (train, scale, calibrate)
        )
        model.anomaly_score.adapt(train_features)
        model.anomaly_score.adapt_scale(scale_features)
        scores = own_fold(in_batches(model.anomaly_score, calibration_features))
        model.conformal.adapt(scores)
        self.calibration = calibrate, scores
        return model

    def without_anomalies(
        self, schema: TableSchema, inputs: Mapping[str, Array], order: Array
    ) -> Array:
        """Indices without those of the rows with the highest scores."""
        model = self.fitted_model(
            schema, inputs, order, max(self.num_folds, CLEANING_FOLDS)
        )
        scores = in_batches(
            lambda batch: model.anomaly_score(model.encoding(batch)),
            take_rows(inputs, order),
        )
        count = model.num_rows
        scores = np.concatenate(
            [own_fold(scores[:count]), scores[count:].mean(axis=1)]
        )
        return order[scores <= np.quantile(scores, 1 - self.contamination)]

    def set_model(self, model: "AnomalyModel") -> None:
        self._model = model
        self.attribution = ColumnAttribution(
            model.encoding, model.anomaly_score.neighborhood
        )

    @property
    def table_schema(self) -> TableSchema:
        """`TableSchema` of the training table."""
        return self.model.table_schema

    @property
    def num_calibration_rows(self) -> int:
        """Number of rows that calibrate the p-values."""
        return self.model.num_calibration_rows

    def score_rows(
        self,
        table: Table,
        *,
        inputs: Mapping[str, Array] | None = None,
        decimal: str = ".",
    ) -> dict[str, Array]:
        """Computes the anomaly score and the p-value of each row.

        Args:
            table: Table with the columns of the training table.
            inputs: `self.table_schema.inputs(table)`, if it is already
                computed.
            decimal: Decimal separator of numbers in strings, `"."` or `","`.

        Returns:
            Dict of `anomaly_score` and `p_value`, each `(rows,)`.
        """
        if inputs is None:
            inputs = self.table_schema.inputs(table, decimal)
        return in_batches(self.model.predict_on_batch, inputs)

    def score(self, table: Table, *, decimal: str = ".") -> Array:
        """Computes the anomaly score of each row.

        Args:
            table: Table with the columns of the training table.
            decimal: Decimal separator of numbers in strings, `"."` or `","`.

        Returns:
            Array `(rows,)`. Normal rows are near 0; higher is more anomalous.
        """
        return self.score_rows(table, decimal=decimal)["anomaly_score"]

    def p_value(self, table: Table, *, decimal: str = ".") -> Array:
        """Computes the conformal p-value of each row.

        Args:
            table: Table with the columns of the training table.
            decimal: Decimal separator of numbers in strings, `"."` or `","`.

        Returns:
            Array `(rows,)`, in (0, 1]: the fraction of normal rows whose score
            is at least that of the row.
        """
        return self.score_rows(table, decimal=decimal)["p_value"]

    def predict(
        self,
        table: Table,
        false_alarm_rate: float | None = None,
        *,
        decimal: str = ".",
    ) -> Array:
        """Predicts which rows are anomalous.

        Args:
            table: Table with the columns of the training table.
            false_alarm_rate: Fraction of normal rows that may be classified as
                anomalous, in (0, 1). `None` for that of the detector.
            decimal: Decimal separator of numbers in strings, `"."` or `","`.

        Returns:
            Boolean array `(rows,)`, true where the p-value is at most the
            rate.

        Raises:
            ValueError: If there are too few calibration rows for any row to
                be anomalous at this rate.
        """
        rate = false_alarm_rate or self.false_alarm_rate
        count = self.num_calibration_rows
        if rate < 1 / (1 + count):
            raise ValueError(
                f"A false-alarm rate of {rate:g} needs at least "
                f"{math.ceil(1 / rate) - 1} calibration rows. Received: "
                f"{count}, for which the lowest rate is {1 / (1 + count):.2g}"
            )
        return self.p_value(table, decimal=decimal) <= rate

    def explain(
        self,
        table: Table,
        top: int = 3,
        *,
        inputs: Mapping[str, Array] | None = None,
        decimal: str = ".",
    ) -> dict[str, Array]:
        """Finds the columns in which each row differs most from normal rows.

        Args:
            table: Table with the columns of the training table.
            top: Number of columns for each row.
            inputs: `self.table_schema.inputs(table)`, if known.
            decimal: Decimal separator of numbers in strings, `"."` or `","`.

        Returns:
            Dict of arrays `(rows, top)`, the column that differs most first:
            `column` (its name), `expected` and `seen` (the typical and the
            actual value, as text) and `share` (the column's fraction of the
            squared difference in units of the spread).
        """
        schema = self.table_schema
        if inputs is None:
            inputs = schema.inputs(table, decimal)
        attribution = in_batches(self.attribution.predict_on_batch, inputs)
        return explain_rows(schema, table, inputs, attribution, top, decimal)

    def stream(
        self, false_alarm_rate: float | None = None, seed: int = 0
    ) -> "AnomalyStream":
        """Scores rows one by one, with an adaptive threshold.

        Args:
            false_alarm_rate: Fraction of rows that raise an alarm, in (0, 1).
                `None` for that of the detector.
            seed: See `AnomalyStream`.

        Returns:
            `AnomalyStream`, whose `update` takes the next row.

        Raises:
            ValueError: If the rate is out of range, or the detector is not
                fitted.
        """
        from dlunits.models.anomaly.anomaly_stream import AnomalyStream

        return AnomalyStream(self, false_alarm_rate, seed)

    def save(self, path: Path) -> None:
        """Saves the fitted detector as a `.keras` file.

        Args:
            path: Path that ends in `.keras`.

        Raises:
            ValueError: If the detector is not fitted.
        """
        self.model.save(path)

    @classmethod
    def load(cls, path: Path) -> "AnomalyDetector":
        """Loads a detector that was saved with `save`.

        Args:
            path: Path of the `.keras` file.

        Returns:
            `AnomalyDetector`, fitted.
        """
        model = keras.models.load_model(path)
        if not isinstance(model, AnomalyModel):
            raise ValueError(
                f"{path}: expected a saved AnomalyDetector. Received: a "
                f"{type(model).__name__}"
            )
        model.detector.set_model(model)
        return model.detector

    def get_config(self) -> Config:
        return {
            "num_folds": self.num_folds,
            "contamination": self.contamination,
            "false_alarm_rate": self.false_alarm_rate,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: Config) -> "AnomalyDetector":
        return cls(**config)


@keras.saving.register_keras_serializable(package="dlunits")
class AnomalyModel(keras.Model):
    """Layers of a fitted `AnomalyDetector`, from columns to p-values.

    Args:
        detector: `AnomalyDetector` with the sizes of the layers.
        table_schema: `TableSchema` of the training table.
        num_rows: Number of training rows.
        num_calibration_rows: Number of rows that calibrate the p-values.
        num_folds: Number of folds, that of the detector by default.

    Input shape: Dict, the input of `dlunits.layers.TabularEncoding`.

    Output shape: Dict of `anomaly_score` and `p_value`, each `(batch,)`.

    Example, the model of a fitted detector:

    >>> rows = np.random.default_rng(0).normal(size=(120, 2))
    >>> model = AnomalyDetector().fit(rows).model
    >>> outputs = model({"numbers": np.array([[9.0, -9.0]])})
    >>> round(121 * float(outputs["p_value"][0]), 3)
    1.0
    """

    def __init__(
        self,
        detector: AnomalyDetector,
        table_schema: TableSchema,
        num_rows: int,
        num_calibration_rows: int,
        num_folds: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.detector = detector
        self.table_schema = table_schema
        self.num_rows = num_rows
        self.num_calibration_rows = num_calibration_rows
        self.encoding = table_schema.encoding(dtype="float32")
        num_features = self.encoding.num_features
        num_folds = num_folds or detector.num_folds
        self.num_folds = num_folds
        self.anomaly_score = AnomalyScore(
            num_rows, num_folds, detector.seed, dtype="float32"
        )
        self.conformal = ConformalPValue(
            num_calibration_rows, num_folds, dtype="float32"
        )
        self.encoding.build(
            {key: (None, n) for key, n in self.encoding.num_columns.items()}
        )
        self.anomaly_score.build((None, num_features))
        self.conformal.build((None, num_folds))
        self.built = True

    def call(self, inputs: Tensor) -> dict[str, Tensor]:
        scores = self.anomaly_score(self.encoding(inputs))
        return {
            "anomaly_score": ops.mean(scores, axis=-1),
            "p_value": self.conformal(scores),
        }

    def export(
        self,
        filepath: Path,
        format: str = "tf_saved_model",
        **kwargs: Any,
    ) -> None:
        """Exports the model, whose input is a dict of columns.

        Args:
            filepath: Folder or file to write.
            format: As in `keras.Model.export`.
            **kwargs: Keyword arguments of `keras.Model.export`.
        """
        signature = {
            key: keras.InputSpec(
                shape=(None, count),
                dtype=COLUMN_DTYPES[key],
                name=key,
            )
            for key, count in self.encoding.num_columns.items()
            if count
        }
        options = {"input_signature": [signature], **kwargs}
        super().export(filepath, format=format, **options)

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            "detector": serialize(self.detector),
            "table_schema": serialize(self.table_schema),
            "num_rows": self.num_rows,
            "num_calibration_rows": self.num_calibration_rows,
            "num_folds": self.num_folds,
            "name": self.name,
            **layer_states(self),
        }

    @classmethod
    def from_config(cls, config: Config) -> "AnomalyModel":
        deserialize = keras.saving.deserialize_keras_object
        objects = ("detector", "table_schema")
        return model_from_config(
            cls, config | {key: deserialize(config[key]) for key in objects}
        )
