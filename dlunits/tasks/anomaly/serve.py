"""What a served anomaly detector answers to: the columns of a table."""

import json
import pathlib

import keras
import numpy as np
import tensorflow as tf

from dlunits.atomic_files import atomic_write
from dlunits.models import TableSchema
from dlunits.models.anomaly.anomaly_score import in_batches
from dlunits.models.anomaly.value_formatting import explanation
from dlunits.serving.export import export
from dlunits.serving.image_requests import parse_images
from dlunits.serving.model_card import check_card
from dlunits.tasks.anomaly.requests import (
    DTYPES,
    argument_names,
    column_specs,
    explained,
    model_inputs,
)

EXPLAINED = 3  # columns of a row
KEPT_SCORES = 1_000  # of known rows, in the card


def export_detector(
    detector, directory, *, data, metrics, command, describe=None, **more
):
    """Exports a detector with its card and warm-up requests.

    Its endpoints take the columns by name, see
    `dlunits.tasks.anomaly.requests.column_specs`; in which order does not
    matter. The card says under `arguments` how columns are called there, and
    holds `known_scores`, for a report to show.

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
    table = detector.known_table()
    model, differences = as_functional(detector)
    example = {
        spec.name: [b"" if spec.dtype == tf.string else 0.0]
        for spec in column_specs(table)
    }
    parts = {"differences": differences}
    warmup = {"serving_default": example, "explain": example}
    if describe is not None:
        parts["describe"] = describe
        more["image_shape"] = describe.input_shape[1:]
        warmup["score_images"] = [np.zeros((1, *more["image_shape"]))]

    def endpoints(predict, differences, describe=None):
        rate = detector.false_alarm_rate
        found = detector_endpoints(predict, differences, table, rate)
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
            "columns": table.get_config(),
            "arguments": argument_names(table.columns),
            "false_alarm_rate": detector.false_alarm_rate,
            "rows_calibrated_by": detector.learnt["calibrated"],
            "known_scores": some_of(detector.conformal.known_scores()),
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


def some_of(scores):
    """At most 1,000 scores in order, evenly spaced, for a card.

    >>> some_of(np.arange(3001.0))[:3]
    [0.0, 3.0, 6.0]
    """
    ranks = np.linspace(0, len(scores) - 1, min(KEPT_SCORES, len(scores)))
    return np.round(scores[ranks.round().astype(int)], 5).tolist()


def as_functional(detector):
    """The detector, and what explains it, as models of a list of inputs."""
    tensors = {
        key: keras.Input(
            (count,), dtype="int32" if key == "codes" else "float32", name=key
        )
        for key, count in detector.encoding.counts.items()
        if count
    }
    return tuple(
        keras.Model(list(tensors.values()), model(tensors))
        for model in (detector, detector.differences())
    )


def detector_endpoints(predict, differences, table, false_alarm_rate):
    """The endpoints of a detector, for `export`.

    Args:
        predict: The detector as a function of a list of tensors, or of one.
        differences: The same of its `ColumnAttribution`.
        table: `dlunits.models.TableSchema`.
        false_alarm_rate: Number in (0, 1).
    """

    def score(*columns):
        found = predict(as_argument(model_inputs(table, columns)))
        return {**found, "is_anomaly": found["p_value"] <= false_alarm_rate}

    def explain(*columns):
        found = differences(as_argument(model_inputs(table, columns)))
        return explained(table, columns, found, EXPLAINED)

    specs = column_specs(table)
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

    It has `judge` and `explain` of `AnomalyDetector`, with the same results.

    Args:
        version: Folder of the SavedModel, what `export_detector` returns.

    Attributes:
        table: `dlunits.models.TableSchema`, the columns that it knows.
        false_alarm_rate: Number.
        card: Dict, the model card.

    Raises:
        ValueError: If it is no detector's folder.
    """

    def __init__(self, version):
        version = pathlib.Path(version).expanduser()
        try:
            self.card = json.loads((version / "model_card.json").read_text())
            self.table = TableSchema.from_config(self.card["columns"])
            self.false_alarm_rate = self.card["false_alarm_rate"]
            self.model = tf.saved_model.load(version)
        except (OSError, KeyError, ValueError) as error:
            raise ValueError(
                f"{version}: is not the folder of an exported anomaly "
                f"detector ({type(error).__name__}: {error}). Name a version, "
                "saved_models/NAME/1 for example."
            ) from None

    def judge(self, table, inputs=None):
        """Returns `anomaly_score` and `p_value` of the rows, `(rows,)`.

        `inputs` is what `self.table.inputs` makes of the table, if known.
        """
        inputs = inputs or self.table.inputs(table)
        return answers(self.model.predict, inputs)

    def explain(self, table, top=EXPLAINED, inputs=None):
        """Returns `column`, `expected`, `seen` and `share`, `(rows, top)`."""
        inputs = inputs or self.table.inputs(table)
        found = answers(self.model.differences, inputs)
        return explanation(self.table, table, inputs, found, top)

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
