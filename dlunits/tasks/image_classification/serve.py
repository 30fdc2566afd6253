"""Export and endpoints of AlexNet."""

import pathlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from dlunits.data.images.encoded_size import check_encoded_size
from dlunits.data.images.image_datasets import ImageDataset
from dlunits.models import AlexNet
from dlunits.serving.export import export
from dlunits.serving.image_requests import parse_images
from dlunits.serving.model_card import image_model_card
from dlunits.tasks.image_classification.train import (
    mean_over_crops,
    resized_image_size,
)
from dlunits.typing import Path, Tensor

MAX_MEGAPIXELS = 40.0


def export_alexnet(
    model: AlexNet,
    directory: Path,
    *,
    data: ImageDataset,
    flip: bool,
    metrics: dict[str, Any],
    command: str,
) -> pathlib.Path:
    """Exports AlexNet in float32 with card and warm-up requests.

    Args:
        model: AlexNet, of any precision.
        directory: Folder that contains one subfolder per version.
        data: Data set that the model is trained on.
        flip: Whether reflections are averaged as well.
        metrics: Test metrics, for the model card.
        command: Command line of the run, for the model card.

    Returns:
        Folder of the new version.

    Raises:
        OSError: If it cannot be written.
    """
    crop_size = model.input_shape[1]
    served = AlexNet.from_config({**model.get_config(), "dtype": "float32"})
    served.set_weights(model.get_weights())
    image = tf.zeros((resized_image_size(crop_size),) * 2 + (3,), tf.uint8)
    return export(
        served,
        directory,
        endpoints=lambda predict: classifier_endpoints(
            predict, crop_size, flip
        ),
        card=image_model_card(
            data,
            metrics,
            command,
            classes=list(data.class_names),
            crop_size=crop_size,
            batched=["serving_default", "classify_files", "predict"],
        ),
        warmup={
            "serving_default": [tf.cast(image[None], tf.float32)],
            "classify_files": [tf.io.encode_png(image)[None]],
        },
    )


def classifier_endpoints(
    predict: Callable[[Tensor], Tensor], crop_size: int, flip: bool
) -> dict[str, Any]:
    """Endpoints of AlexNet, for `export`.

    `serving_default` takes `images`: `(batch, height, width, channels)` of any
    size with 1 or 3 channels, or gray `(batch, height, width)` or `(height,
    width)`, see `dlunits.serving.image_requests.parse_images` for their
    values. It returns `scores`, float32 `(batch, num_classes)`, the class
    probabilities, averaged over ten or five crops, and `class`, int64
    `(batch,)`, the most probable class.

    `classify_files` takes `encoded`: contents of PNG, JPEG, WebP, BMP or GIF
    files (first frame) of any sizes, strings `(batch,)`, and returns the same.
    EXIF orientations are not applied.

    Images that are not square are classified by their central square.

    Args:
        predict: Function of `(batch, crop_size, crop_size, 3)`, float32 in
            [0, 1], to probabilities `(batch, num_classes)`.
        crop_size: Height and width of the input of the model, in pixels.
        flip: Whether reflections are averaged as well.

    Returns:
        Dict from name to `(function, signature, *further_signatures)`; each
        signature is a list of `tf.TensorSpec`.

    Example: a model of two classes, brightness and its complement.

    >>> def predict(x):
    ...     mean = tf.reduce_mean(x, (1, 2, 3))
    ...     return tf.stack([mean, 1 - mean], axis=1)
    >>> endpoints = classifier_endpoints(predict, crop_size=67, flip=True)
    >>> classify, *signatures = endpoints["serving_default"]
    >>> bright = classify(tf.fill((1, 90, 80, 3), 204.0))  # of 255
    >>> bright["scores"].numpy().round(1).tolist(), int(bright["class"][0])
    ([[0.800000011920929, 0.20000000298023224]], 0)
    """
    image_size = resized_image_size(crop_size)

    def classify(squares: Tensor) -> dict[str, Tensor]:
        scores = mean_over_crops(predict, squares, crop_size, flip)
        return {"scores": scores, "class": tf.argmax(scores, axis=-1)}

    def serving_default(images: Tensor) -> dict[str, Tensor]:
        colors = three_channels(parse_images(images)) * 255
        return classify(central_square(colors, image_size))

    def classify_files(encoded: Tensor) -> dict[str, Tensor]:
        return classify(
            tf.map_fn(
                lambda contents: decode_square(contents, image_size),
                encoded,
                fn_output_signature=tf.TensorSpec(
                    (image_size, image_size, 3), tf.float32
                ),
            )
        )

    return {
        "serving_default": (
            serving_default,
            [tf.TensorSpec(None, tf.float32, name="images")],
            [tf.TensorSpec(None, tf.uint8, name="images")],
        ),
        "classify_files": (
            classify_files,
            [tf.TensorSpec([None], tf.string, name="encoded")],
        ),
    }


def decode_square(contents: Tensor, image_size: int) -> Tensor:
    """Central square of an encoded image in color over white, 0 to 255."""
    contents = check_encoded_size(contents, MAX_MEGAPIXELS)
    pixels = tf.io.decode_image(contents, expand_animations=False)
    pixels = tf.cast(pixels, tf.float32)
    channels = tf.shape(pixels)[-1]
    has_alpha = channels % 2 == 0  # gray and alpha, or RGB and alpha
    opacity = tf.where(has_alpha, pixels[..., -1:] / 255, 1.0)
    colors = pixels[..., : channels - tf.cast(has_alpha, tf.int32)]
    colors = colors * opacity + 255 * (1 - opacity)
    return central_square(three_channels(colors[None]), image_size)[0]


def three_channels(images: Tensor) -> Tensor:
    """`(batch, height, width, 1 or 3)` -> `(batch, height, width, 3)`."""
    channels = tf.shape(images)[-1]
    message = "Images must have 1 or 3 channels. Received:"
    right = (channels == 1) | (channels == 3)
    with tf.control_dependencies(
        [tf.debugging.Assert(right, [message, channels])]
    ):
        return images + tf.zeros((1, 1, 1, 3))


def central_square(images: Tensor, image_size: int) -> Tensor:
    """Central squares `(batch, image_size, image_size, 3)` of images."""
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    side = tf.minimum(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    squares = images[:, top : top + side, left : left + side]
    resized = tf.image.resize(squares, (image_size, image_size), antialias=True)
    return tf.ensure_shape(resized, (None, image_size, image_size, 3))
