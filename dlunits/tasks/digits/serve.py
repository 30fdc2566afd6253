"""Export and endpoints of image classifiers."""

import pathlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from dlunits.data.images.handwriting import IMAGE_SIZE, decode_digits
from dlunits.data.images.image_datasets import ImageDataset
from dlunits.serving.export import export
from dlunits.serving.image_requests import parse_images
from dlunits.serving.model_card import image_model_card
from dlunits.tasks.digits.rejection import held_out_confidences, p_values
from dlunits.typing import Array, Path, Tensor

FEATURE_LAYERS = ("c1", "c3")  # of LeNet-5


def export_digit_classifier(
    model: keras.Model,
    directory: Path,
    *,
    data: ImageDataset,
    metrics: dict[str, Any],
    command: str,
) -> pathlib.Path:
    """Exports a classifier of 28x28 images with card and warm-up requests.

    Models of handwritten digits have the additional endpoint `recognize` for
    image files, and return p-values, which are calibrated on the validation
    images, see `dlunits.tasks.digits.rejection`. Models with the layers C1
    and C3 of LeNet-5 have the endpoint `feature_maps`, which takes the input of
    `predict` and returns the outputs of these layers, `c1` and `c3`.

    Args:
        model: Keras model of `(batch, 28, 28, 1)`, float32 in [0, 1], to
            probabilities of the classes and, optionally, of no class.
        directory: Folder that contains one subfolder per version.
        data: Data set that the model is trained on.
        metrics: Test metrics, for the model card.
        command: Command line of the run, for the model card.

    Returns:
        Folder of the new version.

    Raises:
        OSError: If it cannot be written.
    """
    requests = warmup_requests(data.test[0][:1])
    num_classes = len(data.class_names)
    confidences = None
    if data.handwriting:
        confidences = held_out_confidences(
            model, data.validation[0], num_classes
        )
    else:
        del requests["recognize"]

    def endpoints(
        predict: Callable[[Tensor], Tensor], **parts: Any
    ) -> dict[str, Any]:
        def probabilities(images: Tensor) -> Tensor:
            return predict(images)[:, :num_classes]

        if confidences is None:
            return image_endpoints(probabilities)
        return digit_endpoints(probabilities, confidences)

    card = image_model_card(
        data,
        metrics,
        command,
        classes=data.class_names,
        batched=["predict", *requests],
    )
    return export(
        model,
        directory,
        endpoints=endpoints,
        card=card,
        warmup=requests,
        parts=feature_layers(model),
    )


def feature_layers(model: keras.Model) -> dict[str, keras.Model]:
    """Model of the feature maps of LeNet-5, as `parts` for `export`.

    >>> from dlunits.models import LeNet5
    >>> maps = feature_layers(LeNet5())["feature_maps"].output
    >>> maps["c1"].shape, maps["c3"].shape
    ((None, 28, 28, 6), (None, 10, 10, 16))
    >>> feature_layers(keras.Sequential([keras.Input((3,))]))
    {}
    """
    layers = {layer.name: layer for layer in model.layers}
    if not layers.keys() >= set(FEATURE_LAYERS):
        return {}
    maps = {name: layers[name].output for name in FEATURE_LAYERS}
    return {"feature_maps": keras.Model(model.inputs[0], maps)}


def image_endpoints(predict: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    """Endpoint of a classifier of 28x28 images, for `export`.

    `serving_default` takes `images`: `(batch, 28, 28)`, `(batch, 28, 28, 1)`,
    or `(28, 28)`, see `dlunits.serving.image_requests.parse_images` for their
    values. It returns `scores`, float32 `(batch, num_classes)`, the class
    probabilities, and `class`, int64 `(batch,)`, the most probable class. If
    the probabilities sum to less than 1, the rest is that of no class.

    TensorFlow Serving offers the signature for floats. In Python, images may
    also be uint8.

    Args:
        predict: Function of `(batch, 28, 28, 1)`, float32 in [0, 1], to
            probabilities `(batch, num_classes)`.

    Returns:
        Dict from name to `(function, signature, *further_signatures)`; each
        signature is a list of `tf.TensorSpec`.

    Example: a model with the same probability for all classes.

    >>> endpoints = image_endpoints(lambda x: tf.ones((tf.shape(x)[0], 4)) / 4)
    >>> function, *signatures = endpoints["serving_default"]
    >>> outputs = function(tf.zeros((3, 28, 28), tf.uint8))
    >>> outputs["scores"].shape, outputs["class"].numpy().tolist()
    (TensorShape([3, 4]), [0, 0, 0])
    """

    def serving_default(images: Tensor) -> dict[str, Tensor]:
        return classify(
            predict, parse_images(images, (IMAGE_SIZE, IMAGE_SIZE, 1))
        )

    return {
        "serving_default": (
            serving_default,
            [tf.TensorSpec(None, tf.float32, name="images")],
            [tf.TensorSpec(None, tf.uint8, name="images")],
        ),
    }


def digit_endpoints(
    predict: Callable[[Tensor], Tensor], confidences: Array
) -> dict[str, Any]:
    """Endpoints of a classifier of digits in the format of MNIST.

    `serving_default` is that of `image_endpoints`, and also returns `p_value`
    `(batch,)`: small for images that are probably not digits, see
    `dlunits.tasks.digits.rejection.p_values`.

    `recognize` takes `encoded`: contents of image files, strings `(batch,)`,
    see `dlunits.data.images.handwriting.decode_digits`. It returns the same as
    `serving_default`, and `(batch,)` each: `contrast`, below 0.15 for a blank
    page, and `several`, whether there is more than one digit.

    Args:
        predict: As in `image_endpoints`.
        confidences: Largest probability of each of some digits that the model
            was not trained on, see `held_out_confidences`.

    Returns:
        Dict as in `image_endpoints`.

    Example:

    >>> sorted(digit_endpoints(lambda x: x, confidences=[0.5, 0.9]))
    ['recognize', 'serving_default']
    """
    classifier = image_endpoints(predict)
    classify_images, *signatures = classifier["serving_default"]

    def add_p_values(outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        values = p_values(outputs["scores"], confidences)
        return {**outputs, "p_value": values}

    def serving_default(images: Tensor) -> dict[str, Tensor]:
        return add_p_values(classify_images(images))

    def recognize(encoded: Tensor) -> dict[str, Tensor]:
        found = decode_digits(encoded)
        return {
            **add_p_values(classify(predict, found.digits)),
            "contrast": found.contrast,
            "several": found.several,
        }

    return {
        "serving_default": (serving_default, *signatures),
        "recognize": (
            recognize,
            [tf.TensorSpec([None], tf.string, name="encoded")],
        ),
    }


def classify(
    predict: Callable[[Tensor], Tensor], images: Tensor
) -> dict[str, Tensor]:
    """Class probabilities and the most probable classes."""
    scores = predict(images)
    return {"scores": scores, "class": tf.argmax(scores, axis=-1)}


def warmup_requests(images: Tensor) -> dict[str, list[Tensor]]:
    """Warm-up requests, one per endpoint, for `export`.

    Args:
        images: `(batch, 28, 28, 1)`, uint8.

    Returns:
        Dict from the name of an endpoint to the list of its arguments.

    Example:

    >>> requests = warmup_requests(tf.zeros((2, 28, 28, 1), tf.uint8))
    >>> {name: arguments[0].dtype.name for name, arguments in requests.items()}
    {'serving_default': 'float32', 'recognize': 'string'}
    """
    return {
        "serving_default": [tf.cast(images, tf.float32)],
        "recognize": [tf.io.encode_png(images)],
    }
