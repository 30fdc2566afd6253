"""Export of an anomaly detector, with the columns as arguments."""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dlunits.atomic_files import atomic_write
from dlunits.columns.table_chunks import Table
from dlunits.models import AnomalyDetector, TableSchema
from dlunits.models.anomaly.anomaly_score import (
    in_batches,
    num_rows,
    pad_rows,
)
from dlunits.models.anomaly.row_explanation import explain_rows
from dlunits.serving.export import export
from dlunits.serving.image_requests import parse_images
from dlunits.serving.load import find_version, load_saved_model
from dlunits.serving.model_card import check_card, read_card
from dlunits.tasks.anomaly.requests import (
    DTYPES,
    argument_names,
    column_specs,
    explain_request,
    model_inputs,
)
from dlunits.typing import Array, Path, Tensor

# Entries of the model card that are needed to score, and their types.
CARD_ENTRIES = {
    "columns": dict,
    "false_alarm_rate": float,
    "num_calibration_rows": int,
}
EXPLAINED = 3  # columns per row
MAX_CARD_SCORES = 1_000  # calibration scores in the model card
# Batches are padded to a multiple of this number of rows, see `pad_rows`. It is
# a multiple of the rows that matrix products compute at once on any processor.
ROW_MULTIPLE = 64


def export_detector(
    detector: AnomalyDetector,
    directory: Path,
    *,
    data: str,
    metrics: Mapping[str, Any],
    command: str,
    feature_extractor: keras.Model | None = None,
    **card: Any,
) -> pathlib.Path:
    """Exports a detector as a SavedModel with model card and warm-up requests.

    The endpoints take the columns as named arguments in any order, see
    `dlunits.tasks.anomaly.requests.column_specs`. `arguments` in the model
    card maps columns to arguments, and `calibration_scores` are for reports.

    - `score`, also the `serving_default`, returns `anomaly_score`, `p_value`
      and `is_anomaly`, each `(rows,)`.
    - `explain` returns `column`, `expected`, `seen` and `share`, each
      `(rows, 3)`: the columns in which the row differs most from normal rows
      near it, see `AnomalyDetector.explain`.

    A detector of images has a third endpoint:

    - `score_images` with the argument `images`, see
      `dlunits.serving.image_requests.parse_images`, returns the outputs of
      `score`.

    A request of 1,000 rows takes about 20 MB of the server's memory.

    Args:
        detector: Fitted `dlunits.models.AnomalyDetector`.
        directory: Folder in which the SavedModel becomes the next version.
        data: Description of the training data.
        metrics: Dict from metric name to value, for the model card.
        command: Command line of the training.
        feature_extractor: Model from images to the columns, such as
            `dlunits.models.anomaly.image_features.image_features`, or `None`.
        **card: Further entries of the model card.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        ValueError: If the detector is not fitted.
        OSError: If the files cannot be written.
    """
    schema = detector.table_schema
    model, attribution = functional_models(detector)
    example: Any = {
        spec.name: [b"" if spec.dtype == tf.string else 0.0]
        for spec in column_specs(schema)
    }
    parts = {"attribution": attribution}
    warmup = {"serving_default": example, "explain": example}
    if feature_extractor is not None:
        parts["feature_extractor"] = feature_extractor
        card["image_shape"] = feature_extractor.input_shape[1:]
        warmup["score_images"] = [np.zeros((1, *card["image_shape"]))]

    def endpoints(
        predict: Callable[[Any], Any],
        attribution: Callable[[Any], Any],
        feature_extractor: Callable[[Tensor], Tensor] | None = None,
    ) -> dict[str, tuple[Any, ...]]:
        rate = detector.false_alarm_rate
        found = detector_endpoints(predict, attribution, schema, rate)
        if feature_extractor is not None:
            shape = card["image_shape"]
            found |= image_endpoints(predict, feature_extractor, shape, rate)
        return found

    return export(
        model,
        directory,
        endpoints=endpoints,
        parts=parts,
        card={
            "data": data,
            "columns": schema.get_config(),
            "arguments": argument_names(schema.columns),
            "false_alarm_rate": detector.false_alarm_rate,
            "num_calibration_rows": detector.num_calibration_rows,
            "calibration_scores": evenly_spaced(
                detector.model.conformal.calibration_scores()
            ),
            "batched": ["score", *warmup],
            **card,
            "metrics": metrics,
            "command": command,
            "license": "Apache-2.0",
        },
        warmup=warmup,
    )


def update_metrics(
    version: Path, metrics: Mapping[str, Any], **card: Any
) -> None:
    """Replaces the metrics in the model card of an exported detector.

    Args:
        version: Folder of the SavedModel.
        metrics: Dict from metric name to value.
        **card: Further entries to replace.

    Raises:
        ValueError: If a value cannot be written as JSON.
        OSError: If the model card cannot be written.
    """
    path = pathlib.Path(version, "model_card.json")
    new = read_card(path.parent, {}) | {"metrics": metrics, **card}
    check_card(new)
    with atomic_write(path) as file:
        file.write((json.dumps(new, indent=2) + "\n").encode())


def evenly_spaced(scores: Array) -> list[float]:
    """Selects at most 1,000 of sorted scores, evenly spaced.

    >>> evenly_spaced(np.arange(3001.0))[:3]
    [0.0, 3.0, 6.0]
    """
    ranks = np.linspace(0, len(scores) - 1, min(MAX_CARD_SCORES, len(scores)))
    return np.round(scores[ranks.round().astype(int)], 5).tolist()


def functional_models(detector: AnomalyDetector) -> list[keras.Model]:
    """Models of a detector and its attribution that take a list of tensors."""
    tensors = {
        key: keras.Input(
            (count,),
            dtype="int32" if key == "category_ids" else "float32",
            name=key,
        )
        for key, count in detector.model.encoding.num_columns.items()
        if count
    }
    return [
        keras.Model(list(tensors.values()), model(tensors))
        for model in (detector.model, detector.attribution)
    ]


def detector_endpoints(
    predict: Callable[[Any], Any],
    attribution: Callable[[Any], Any],
    table_schema: TableSchema,
    false_alarm_rate: float,
) -> dict[str, tuple[Any, ...]]:
    """Endpoints of a detector, for `dlunits.serving.export.export`.

    Args:
        predict: Function of a list of tensors, or of one tensor: the model of
            the detector.
        attribution: The same of its `ColumnAttribution`.
        table_schema: `dlunits.models.TableSchema`.
        false_alarm_rate: Rows with a p-value of at most this are anomalous.

    Returns:
        Dict from endpoint to function and argument specifications.
    """

    def score(*columns: Tensor) -> dict[str, Tensor]:
        found = predict(as_argument(model_inputs(table_schema, columns)))
        return {**found, "is_anomaly": found["p_value"] <= false_alarm_rate}

    def explain(*columns: Tensor) -> dict[str, Tensor]:
        found = attribution(as_argument(model_inputs(table_schema, columns)))
        return explain_request(table_schema, columns, found, EXPLAINED)

    specs = column_specs(table_schema)
    return {
        "serving_default": (score, specs),
        "score": (score, specs),
        "explain": (explain, specs),
    }


def as_argument(inputs: Mapping[str, Tensor]) -> Any:
    """Dict of tensors -> argument of the models of `functional_models`."""
    tensors = [inputs[key] for key in DTYPES if key in inputs]
    return tensors if len(tensors) > 1 else tensors[0]


def image_endpoints(
    predict: Callable[[Any], Any],
    feature_extractor: Callable[[Tensor], Tensor],
    shape: tuple[int, ...],
    false_alarm_rate: float,
) -> dict[str, tuple[Any, ...]]:
    """Further endpoints of a detector of images.

    Args:
        predict: Function of the columns: the model of the detector.
        feature_extractor: Function from images, float32 in [0, 1], to columns.
        shape: `(height, width, channels)` of an image.
        false_alarm_rate: Images with a p-value of at most this are anomalous.

    Returns:
        Dict from endpoint to function and argument specifications.
    """

    def score_images(images: Tensor) -> dict[str, Tensor]:
        found = predict(feature_extractor(parse_images(images, shape)))
        return {**found, "is_anomaly": found["p_value"] <= false_alarm_rate}

    specs = (
        [tf.TensorSpec(None, dtype, name="images")]
        for dtype in (tf.float32, tf.uint8)
    )
    return {"score_images": (score_images, *specs)}


class ServedDetector:
    """Exported detector, for tables of any length.

    `score_rows` and `explain` return the same as those of `AnomalyDetector`.

    Args:
        version: Folder that `export_detector` returned, or the folder of all
            versions; then the latest one is loaded.
        model: Object with the endpoints of the SavedModel that is called
            instead of it, such as a `dlunits.serving.remote_model.RemoteModel`.
            Default: the SavedModel.

    Attributes:
        table_schema: `dlunits.models.TableSchema` of the training table.
        false_alarm_rate: False-alarm rate that the detector was exported with.
        card: Dict, the model card.
        model: The loaded SavedModel, or the object used instead of it.

    Raises:
        ValueError: If the folder is not an exported detector.
    """

    def __init__(self, version: Path, model: Any = None) -> None:
        version = find_version(version)
        try:
            self.card = read_card(version, CARD_ENTRIES)
            self.table_schema = TableSchema.from_config(self.card["columns"])
            self.false_alarm_rate = self.card["false_alarm_rate"]
            self.model = load_saved_model(version) if model is None else model
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"{version}: is not the folder of an exported anomaly "
                f"detector ({type(error).__name__}: {error}). Give a version, "
                "saved_models/NAME/1 for example."
            ) from None

    def score_rows(
        self,
        table: Table,
        *,
        inputs: Mapping[str, Array] | None = None,
        decimal: str = ".",
    ) -> dict[str, Array]:
        """Computes the anomaly score and the p-value of each row.

        See `AnomalyDetector.score_rows`.
        """
        if inputs is None:
            inputs = self.table_schema.inputs(table, decimal)
        return call_in_batches(self.model.predict, inputs)

    def explain(
        self,
        table: Table,
        top: int = EXPLAINED,
        *,
        inputs: Mapping[str, Array] | None = None,
        decimal: str = ".",
    ) -> dict[str, Array]:
        """Finds the columns in which a row differs most from normal rows.

        See `AnomalyDetector.explain`.
        """
        if inputs is None:
            inputs = self.table_schema.inputs(table, decimal)
        found = call_in_batches(self.model.attribution, inputs)
        return explain_rows(
            self.table_schema, table, inputs, found, top, decimal
        )

    @property
    def num_calibration_rows(self) -> int:
        """Number of rows that the p-values are calibrated with."""
        return self.card["num_calibration_rows"]

    @property
    def image_size(self) -> int:
        """Height and width of the images of a detector of images."""
        if "image_shape" not in self.card:
            raise ValueError(
                "The detector was trained on a table and cannot score a "
                "folder of images. Expected a detector that was trained on "
                "images. To score a folder of Parquet files, the output must "
                "be a folder."
            )
        return self.card["image_shape"][0]

    def extract_features(self, images: Array) -> Array:
        """Computes the columns of images, float32 in [0, 1]."""
        return in_batches(
            lambda batch: self.model.feature_extractor(tf.constant(batch)),
            images,
        )


def call_in_batches(
    endpoint: Callable[[Any], Any], inputs: Mapping[str, Array]
) -> dict[str, Array]:
    """Calls an endpoint of `functional_models` with batches of rows.

    The outputs of a row do not depend on the other rows of its batch, see
    `pad_rows`: they are identical to the last digit however a table is divided.
    """
    found = in_batches(
        lambda batch: endpoint(
            as_argument(tf.nest.map_structure(tf.constant, batch))
        ),
        pad_rows(inputs, ROW_MULTIPLE),
    )
    count = num_rows(inputs)
    return {name: values[:count] for name, values in found.items()}
