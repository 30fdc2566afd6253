"""Export and endpoints of a denoiser for images of any size."""

import pathlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.data.images.tiled_inference import tiled_inference
from dlunits.serving.export import export
from dlunits.serving.image_requests import parse_images
from dlunits.serving.model_card import image_model_card
from dlunits.typing import Path, Tensor


def export_denoiser(
    model: keras.Model,
    directory: Path,
    *,
    data: ImageDataset,
    noise: str,
    metrics: dict[str, Any],
    command: str,
) -> pathlib.Path:
    """Exports a denoiser of small images for images of any size.

    Args:
        model: Keras model of `(batch, image_size, image_size, 1)`, float32 in
            [0, 1], to the same shape, such as a denoising `Autoencoder`.
        directory: Folder that contains one subfolder per version.
        data: Data set that the model is trained on.
        noise: Type and level of the noise, for the model card.
        metrics: Test metrics, for the model card.
        command: Command line of the run, for the model card.

    Returns:
        Folder of the new version.

    Raises:
        OSError: If it cannot be written.
    """
    image_size = model.input_shape[1]
    images = tf.cast(data.test[0][:1], tf.float32)
    return export(
        model,
        directory,
        endpoints=lambda predict: denoiser_endpoints(predict, image_size),
        card=image_model_card(
            data,
            metrics,
            command,
            noise=noise,
            batched=["serving_default", "denoise", "predict"],
        ),
        warmup={"serving_default": [images], "denoise": [images]},
    )


def denoiser_endpoints(
    predict: Callable[[Tensor], Tensor], image_size: int
) -> dict[str, Any]:
    """Endpoints of a denoiser, for `export`.

    `denoise`, which is also `serving_default`, takes `images`: `(height,
    width)`, `(batch, height, width)` or `(batch, height, width, channels)` of
    any size, see `dlunits.serving.image_requests.parse_images` for their
    values. Each channel is denoised separately. It returns `denoised`, float32
    in [0, 1], in the shape of `images`. Images that are larger than those of
    the model are processed in overlapping tiles, see
    `dlunits.data.images.tiled_inference`.

    TensorFlow Serving offers the signature for floats. In Python, images may
    also be uint8 or uint16.

    Args:
        predict: Function of `(batch, image_size, image_size, 1)`, float32 in
            [0, 1], to the same shape.
        image_size: Height and width of the images of the model, in pixels.

    Returns:
        Dict from name to `(function, signature, *further_signatures)`; each
        signature is a list of `tf.TensorSpec`.

    Example: a model that halves the brightness.

    >>> endpoints = denoiser_endpoints(lambda x: x / 2, image_size=28)
    >>> denoise, *signatures = endpoints["denoise"]
    >>> photo = tf.fill((1, 100, 40, 3), tf.constant(51, "uint8"))
    >>> result = denoise(photo)["denoised"]
    >>> result.shape.as_list(), f"{result[0, 99, 39, 2]:.3f}"  # 51 / 255 / 2
    ([1, 100, 40, 3], '0.100')
    """

    def denoise(images: Tensor) -> dict[str, Tensor]:
        denoised = tiled_inference(predict, parse_images(images), image_size)
        return {"denoised": tf.reshape(denoised, tf.shape(images))}

    endpoint = (
        denoise,
        *(
            [tf.TensorSpec(None, dtype, name="images")]
            for dtype in (tf.float32, tf.uint8, tf.uint16)
        ),
    )
    return {"serving_default": endpoint, "denoise": endpoint}
