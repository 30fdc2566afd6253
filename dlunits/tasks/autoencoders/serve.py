"""Export and endpoints of autoencoders."""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.models import Autoencoder
from dlunits.serving.export import export
from dlunits.serving.image_requests import parse_images
from dlunits.serving.model_card import image_model_card
from dlunits.typing import Path, Shape, Tensor


def export_autoencoder(
    model: Autoencoder,
    directory: Path,
    *,
    data: ImageDataset,
    metrics: dict[str, Any],
    command: str,
) -> pathlib.Path:
    """Exports an autoencoder with a model card and warm-up requests.

    Inputs with three axes are images, see `autoencoder_endpoints`; all others
    are arrays, see `array_endpoints`.

    Args:
        model: Autoencoder of images `(batch, height, width, channels)`,
            float32 in [0, 1], or of arrays `(batch, ...)`.
        directory: Folder that contains one subfolder per version.
        data: Data set that the model is trained on.
        metrics: Test metrics, for the model card.
        command: Command line of the run, for the model card.

    Returns:
        Folder of the new version.

    Raises:
        OSError: If it cannot be written.
    """
    shape = model.encoder.input_shape[1:]
    code_shape = model.decoder.input_shape[1:]
    if len(shape) == 3:
        endpoints, example = autoencoder_endpoints, data.test[0][:1]
    else:
        endpoints, example = array_endpoints, zeros_batch(shape)
    return export(
        model,
        directory,
        endpoints=functools.partial(
            endpoints, shape=shape, code_shape=code_shape
        ),
        parts={"encode_batch": model.encoder, "decode_batch": model.decoder},
        card=image_model_card(
            data,
            metrics,
            command,
            batched=[
                *("serving_default", "encode", "decode"),
                *("predict", "encode_batch", "decode_batch"),
            ],
        ),
        warmup={
            "serving_default": [example],
            "encode": [example],
            "decode": [zeros_batch(code_shape)],
        },
    )


def autoencoder_endpoints(
    predict: Callable[[Tensor], Tensor],
    encode_batch: Callable[[Tensor], Tensor],
    decode_batch: Callable[[Tensor], Tensor],
    *,
    shape: Shape,
    code_shape: Shape,
) -> dict[str, Any]:
    """Endpoints of an autoencoder of images, for `export`.

    `serving_default` takes `images`: `(batch, height, width, channels)`, or
    `(batch, height, width)` or `(height, width)` with one channel, see
    `dlunits.serving.image_requests.parse_images`. It returns
    `reconstructions` `(batch, height, width, channels)`, the output of the
    decoder, and `error` `(batch,)`, the mean squared error per pixel.

    `encode` takes the same `images` and returns `codes` `(batch, ...)`.

    `decode` takes `codes` and returns `images`, like `reconstructions`.

    TensorFlow Serving offers the signatures for floats. In Python, images may
    also be uint8.

    Args:
        predict: Function of images `(batch, height, width, channels)`, float32
            in [0, 1], to their reconstructions.
        encode_batch: Function of images to codes.
        decode_batch: Function of codes to images.
        shape: `(height, width, channels)` of an image.
        code_shape: Shape of one code.

    Returns:
        Dict from name to `(function, signature, *further_signatures)`; each
        signature is a list of `tf.TensorSpec`.

    Example: a model that halves the brightness, with the brightest pixel as
    the code.

    >>> endpoints = autoencoder_endpoints(
    ...     lambda x: x / 2,
    ...     lambda x: tf.reduce_max(x, axis=(1, 2)),
    ...     decode_batch=None,
    ...     shape=(2, 2, 1),
    ...     code_shape=(1,),
    ... )
    >>> reconstruct, *_ = endpoints["serving_default"]
    >>> reconstruct(tf.ones((2, 2)))["error"].numpy().tolist()  # 0.5 ** 2
    [0.25]
    >>> encode, *_ = endpoints["encode"]
    >>> encode(tf.fill((2, 2), tf.constant(51, "uint8")))["codes"].numpy()
    array([[0.2]], dtype=float32)
    """

    def serving_default(images: Tensor) -> dict[str, Tensor]:
        return reconstruct(predict, parse_images(images, shape))

    def encode(images: Tensor) -> dict[str, Tensor]:
        return {"codes": encode_batch(parse_images(images, shape))}

    def decode(codes: Tensor) -> dict[str, Tensor]:
        return {"images": decode_batch(codes)}

    signatures = (
        [tf.TensorSpec(None, tf.float32, name="images")],
        [tf.TensorSpec(None, tf.uint8, name="images")],
    )
    return {
        "serving_default": (serving_default, *signatures),
        "encode": (encode, *signatures),
        "decode": (
            decode,
            [tf.TensorSpec([None, *code_shape], tf.float32, name="codes")],
        ),
    }


def array_endpoints(
    predict: Callable[[Tensor], Tensor],
    encode_batch: Callable[[Tensor], Tensor],
    decode_batch: Callable[[Tensor], Tensor],
    *,
    shape: Shape,
    code_shape: Shape,
) -> dict[str, Any]:
    """Endpoints of an autoencoder of arrays that are not images.

    `serving_default` takes `inputs`, floats `(batch, *shape)`, and returns
    `reconstructions` of the same shape and `error` `(batch,)`, the mean
    squared error per value. `encode` takes `inputs` and returns `codes`;
    `decode` takes `codes` and returns `reconstructions`.

    Args:
        predict: Function of inputs to their reconstructions.
        encode_batch: Function of inputs to codes.
        decode_batch: Function of codes to reconstructions.
        shape: Shape of one input.
        code_shape: Shape of one code.

    Returns:
        Dict as in `autoencoder_endpoints`.

    Example:

    >>> endpoints = array_endpoints(
    ...     lambda x: x / 2, None, None, shape=(2,), code_shape=(1,)
    ... )
    >>> reconstruct, _ = endpoints["serving_default"]
    >>> reconstruct(tf.constant([[2.0, 4.0]]))["error"].numpy().tolist()
    [2.5]
    """

    def serving_default(inputs: Tensor) -> dict[str, Tensor]:
        return reconstruct(predict, inputs)

    def encode(inputs: Tensor) -> dict[str, Tensor]:
        return {"codes": encode_batch(inputs)}

    def decode(codes: Tensor) -> dict[str, Tensor]:
        return {"reconstructions": decode_batch(codes)}

    inputs = [tf.TensorSpec([None, *shape], tf.float32, name="inputs")]
    codes = [tf.TensorSpec([None, *code_shape], tf.float32, name="codes")]
    return {
        "serving_default": (serving_default, inputs),
        "encode": (encode, inputs),
        "decode": (decode, codes),
    }


def reconstruct(
    predict: Callable[[Tensor], Tensor], batch: Tensor
) -> dict[str, Tensor]:
    """Reconstructions and their mean squared errors."""
    reconstructions = tf.cast(predict(batch), tf.float32)
    error = (reconstructions - batch) ** 2
    axes = range(1, len(batch.shape))
    return {
        "reconstructions": reconstructions,
        "error": tf.reduce_mean(error, axis=list(axes)),
    }


def zeros_batch(shape: Shape) -> Tensor:
    """Batch of one example of zeros; unknown axes have the length 1."""
    return tf.zeros([1, *(size or 1 for size in shape)])
