"""SavedModel of an anomaly detector, with the columns as arguments."""

import json
import pathlib

import keras
import numpy as np
import tensorflow as tf

from dlunits.atomic_files import atomic_write
from dlunits.models import TableSchema
from dlunits.models.anomaly.anomaly_score import in_batches
from dlunits.models.anomaly.row_explanation import explain_rows
from dlunits.serving.export import export
from dlunits.serving.image_requests import parse_images
from dlunits.serving.model_card import check_card
from dlunits.tasks.anomaly.requests import (
    DTYPES,
    argument_names,
    column_specs,
    explain_request,
    model_inputs,
)

EXPLAINED = 3  # columns of a row
MAX_CARD_SCORES = 1_000  # calibration scores in the model card


def export_detector(
    detector, directory, *, data, metrics, command, describe=None, **more
):
    """Exports a detector with its card and warm-up requests.

    Its endpoints take the columns by name, see
    `dlunits.tasks.anomaly.requests.column_specs`; in which order does not
    matter. The card says under `arguments` how columns are called there, and
    holds `calibration_scores`, for a report to show.

    - `score`, which is `serving_default` too, returns `anomaly_score`,
      `p_value` and `is_anomaly`, each `(rows,)`.
    - `explain` returns `column`, `expected`, `seen` and `share`, each
      `(rows, 3)`: the columns in which the row differs most from normal rows
      near it, see `AnomalyDetector.explain`.

    If the columns describe images, there is a third one:

    - `score_images`, argument `images`, of any scale, see
      `dlunits.serving.image_requests.parse_images`, returns what `score` does.

    A request of 1,000 rows takes about 20 MB of the server's memory.

    Args:
        detector: `dlunits.models.AnomalyDetector` that was fitted.
        directory: Folder in which it becomes the next version.
        data: Text, what it learnt from.
        metrics: Dict of what was measured, for the card.
        command: Text, the command that made it.
        describe: Keras model from images to the columns, such as
            `dlunits.models.anomaly.image_features.image_features`, or `None`.
        **more: Further entries of the card.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        ValueError: If it was not fitted.
        OSError: If it cannot be written.
    """
    schema = detector.table_schema
    model, attribution = as_functional(detector)
    example = {
        spec.name: [b"" if spec.dtype == tf.string else 0.0]
        for spec in column_specs(schema)
    }
    parts = {"attribution": attribution}
    warmup = {"serving_default": example, "explain": example}
    if describe is not None:
        parts["describe"] = describe
        more["image_shape"] = describe.input_shape[1:]
        warmup["score_images"] = [np.zeros((1, *more["image_shape"]))]

    def endpoints(predict, attribution, describe=None):
        rate = detector.false_alarm_rate
        found = detector_endpoints(predict, attribution, schema, rate)
        if describe is not None:
            shape = more["image_shape"]
            found |= image_endpoints(predict, describe, shape, rate)
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
            **more,
            "metrics": metrics,
            "command": command,
            "license": "Apache-2.0",
        },
        warmup=warmup,
    )


def note_metrics(version, metrics):
    """Writes into the card of an exported detector what was measured since.

    Args:
        version: Folder of the SavedModel.
        metrics: Dict.

    Raises:
        OSError: If it cannot be written.
    """
    path = pathlib.Path(version, "model_card.json")
    card = json.loads(path.read_text()) | {"metrics": metrics}
    check_card(card)
    with atomic_write(path) as file:
        file.write((json.dumps(card, indent=2) + "\n").encode())


def evenly_spaced(scores):
    """At most 1,000 scores in order, evenly spaced, for a card.

    >>> evenly_spaced(np.arange(3001.0))[:3]
    [0.0, 3.0, 6.0]
    """
    ranks = np.linspace(0, len(scores) - 1, min(MAX_CARD_SCORES, len(scores)))
    return np.round(scores[ranks.round().astype(int)], 5).tolist()


def as_functional(detector):
    """The detector, and what explains it, as models of a list of inputs."""
    tensors = {
        key: keras.Input(
            (count,),
            dtype="int32" if key == "category_ids" else "float32",
            name=key,
        )
        for key, count in detector.model.encoding.num_columns.items()
        if count
    }
    return tuple(
        keras.Model(list(tensors.values()), model(tensors))
        for model in (detector.model, detector.attribution)
    )


def detector_endpoints(predict, attribution, table_schema, false_alarm_rate):
    """The endpoints of a detector, for `export`.

    Args:
        predict: The detector as a function of a list of tensors, or of one.
        attribution: The same of its `ColumnAttribution`.
        table_schema: `dlunits.models.TableSchema`.
        false_alarm_rate: Number in (0, 1).
    """

    def score(*columns):
        found = predict(as_argument(model_inputs(table_schema, columns)))
        return {**found, "is_anomaly": found["p_value"] <= false_alarm_rate}

    def explain(*columns):
        found = attribution(as_argument(model_inputs(table_schema, columns)))
        return explain_request(table_schema, columns, found, EXPLAINED)

    specs = column_specs(table_schema)
    return {
        "serving_default": (score, specs),
        "score": (score, specs),
        "explain": (explain, specs),
    }


def as_argument(inputs):
    """Dict of tensors -> what models of `as_functional` take."""
    tensors = [inputs[key] for key in DTYPES if key in inputs]
    return tensors if len(tensors) > 1 else tensors[0]


def image_endpoints(predict, describe, shape, false_alarm_rate):
    """What a detector of images has beside `detector_endpoints`.

    Args:
        predict: The detector as a function of columns.
        describe: The function from images, float32 in [0, 1], to columns.
        shape: `(height, width, channels)` of an image.
        false_alarm_rate: Number in (0, 1).
    """

    def score_images(images):
        found = predict(describe(parse_images(images, shape)))
        return {**found, "is_anomaly": found["p_value"] <= false_alarm_rate}

    specs = (
        [tf.TensorSpec(None, dtype, name="images")]
        for dtype in (tf.float32, tf.uint8)
    )
    return {"score_images": (score_images, *specs)}


class ServedDetector:
    """A detector that was exported, for tables of any length.

    It has `score_rows` and `explain` of `AnomalyDetector`, with the same
    results.

    Args:
        version: Folder of the SavedModel, what `export_detector` returns.

    Attributes:
        table_schema: `dlunits.models.TableSchema`, the columns that it knows.
        false_alarm_rate: Number.
        card: Dict, the model card.

    Raises:
        ValueError: If it is no detector's folder.
    """

    def __init__(self, version):
        version = pathlib.Path(version).expanduser()
        try:
            self.card = json.loads((version / "model_card.json").read_text())
            self.table_schema = TableSchema.from_config(self.card["columns"])
            self.false_alarm_rate = self.card["false_alarm_rate"]
            self.model = tf.saved_model.load(version)
        except (OSError, KeyError, ValueError) as error:
            raise ValueError(
                f"{version}: is not the folder of an exported anomaly "
                f"detector ({type(error).__name__}: {error}). Name a version, "
                "saved_models/NAME/1 for example."
            ) from None

    def score_rows(self, table, *, inputs=None, decimal="."):
        """Returns what `AnomalyDetector.score_rows` does."""
        if inputs is None:
            inputs = self.table_schema.inputs(table, decimal)
        return answers(self.model.predict, inputs)

    def explain(self, table, top=EXPLAINED, *, inputs=None, decimal="."):
        """Returns what `AnomalyDetector.explain` does."""
        if inputs is None:
            inputs = self.table_schema.inputs(table, decimal)
        found = answers(self.model.attribution, inputs)
        return explain_rows(
            self.table_schema, table, inputs, found, top, decimal
        )

    @property
    def image_side(self):
        """Height and width of the images that the columns describe."""
        if "image_shape" not in self.card:
            raise ValueError(
                "The detector knows rows of a table. Expected one that knows "
                "images, to score a folder of them"
            )
        return self.card["image_shape"][0]

    def describe(self, images):
        """Columns of images, float32 in [0, 1]."""
        return in_batches(
            lambda batch: self.model.describe(tf.constant(batch)), images
        )


def answers(endpoint, inputs):
    """What an endpoint of `as_functional`'s models says of arrays."""
    return in_batches(
        lambda batch: endpoint(
            as_argument(tf.nest.map_structure(tf.constant, batch))
        ),
        inputs,
    )
