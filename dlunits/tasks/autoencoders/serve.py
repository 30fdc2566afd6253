"""What a served autoencoder answers to: examples, and codes."""

import functools

import tensorflow as tf

from dlunits.serving.export import export
from dlunits.serving.image_requests import parse_images
from dlunits.serving.model_card import image_model_card


def export_autoencoder(model, directory, *, data, metrics, command):
    """Exports an autoencoder with its card and warm-up requests.

    Examples of three axes are images, see `autoencoder_endpoints`; of any
    other shape, they are taken as they are, see `array_endpoints`.

    Args:
        model: `dlunits.models.Autoencoder` of images `(batch, height, width,
            channels)`, float32 in [0, 1], or of arrays `(batch, ...)`.
        directory: Folder in which it becomes the next version.
        data: `dlunits.data.images.image_datasets.ImageDataset` that it was
            trained on.
        metrics: Dict of what was measured, for the card.
        command: Text, the command that made the model.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        OSError: If it cannot be written.
    """
    shape = model.encoder.input_shape[1:]
    code_shape = model.decoder.input_shape[1:]
    if len(shape) == 3:
        make, example = autoencoder_endpoints, data.test[0][:1]
    else:
        make, example = array_endpoints, one_of_zeros(shape)
    return export(
        model,
        directory,
        endpoints=functools.partial(make, shape=shape, code_shape=code_shape),
        parts={"encode_batch": model.encoder, "decode_batch": model.decoder},
        card=image_model_card(data, metrics, command),
        warmup={
            "serving_default": [example],
            "encode": [example],
            "decode": [one_of_zeros(code_shape)],
        },
    )


def autoencoder_endpoints(
    predict, encode_batch, decode_batch, *, shape, code_shape
):
    """The endpoints of any autoencoder of images, for `export`.

    `serving_default`, argument `images`: `(batch, height, width, channels)`,
    or `(batch, height, width)` or one image `(height, width)` of a single
    channel, of any scale, see `dlunits.serving.image_requests.parse_images`.
    It returns `reconstructions` `(batch, height, width, channels)` as the
    decoder gives them, in 0 ... 1 if it ends in a sigmoid, and `error`
    `(batch,)`, the mean squared error a pixel.

    `encode`, argument `images` likewise, returns `codes` `(batch, ...)`.

    `decode`, argument `codes`, returns `images` as `reconstructions` above.

    A server offers them for floats; in Python images may be uint8 as well.

    Args:
        predict: The model as a function from `(batch, height, width,
            channels)`, float32 in [0, 1], to the same shape.
        encode_batch: The same, to codes.
        decode_batch: The function from codes to images.
        shape: `(height, width, channels)` of an image.
        code_shape: Tuple, shape of one code.

    Returns:
        Dict of name to `(function, signature, *further_signatures)`; each
        signature is a list of `tf.TensorSpec`.

    Example, a model that finds every image half as bright, and whose code is
    the brightest pixel:

    >>> answers = autoencoder_endpoints(
    ...     lambda x: x / 2,
    ...     lambda x: tf.reduce_max(x, axis=(1, 2)),
    ...     decode_batch=None,
    ...     shape=(2, 2, 1),
    ...     code_shape=(1,),
    ... )
    >>> reconstruct, *_ = answers["serving_default"]
    >>> reconstruct(tf.ones((2, 2)))["error"].numpy().tolist()  # 0.5 ** 2
    [0.25]
    >>> encode, *_ = answers["encode"]
    >>> encode(tf.fill((2, 2), tf.constant(51, "uint8")))["codes"].numpy()
    array([[0.2]], dtype=float32)
    """

    def serving_default(images):
        return reconstructed(predict, parse_images(images, shape))

    def encode(images):
        return {"codes": encode_batch(parse_images(images, shape))}

    def decode(codes):
        return {"images": decode_batch(codes)}

    of_images = (
        [tf.TensorSpec(None, tf.float32, name="images")],
        [tf.TensorSpec(None, tf.uint8, name="images")],
    )
    return {
        "serving_default": (serving_default, *of_images),
        "encode": (encode, *of_images),
        "decode": (
            decode,
            [tf.TensorSpec([None, *code_shape], tf.float32, name="codes")],
        ),
    }


def array_endpoints(predict, encode_batch, decode_batch, *, shape, code_shape):
    """The endpoints of any autoencoder of arrays that are no images.

    `serving_default`, argument `inputs`, floats `(batch, *shape)`, returns
    `reconstructions` of the same shape and `error` `(batch,)`, the mean
    squared error a number. `encode`, argument `inputs`, returns `codes`;
    `decode`, argument `codes`, returns `reconstructions`.

    Args, Returns: As of `autoencoder_endpoints`.

    Example:

    >>> answers = array_endpoints(
    ...     lambda x: x / 2, None, None, shape=(2,), code_shape=(1,)
    ... )
    >>> reconstruct, _ = answers["serving_default"]
    >>> reconstruct(tf.constant([[2.0, 4.0]]))["error"].numpy().tolist()
    [2.5]
    """

    def serving_default(inputs):
        return reconstructed(predict, inputs)

    def encode(inputs):
        return {"codes": encode_batch(inputs)}

    def decode(codes):
        return {"reconstructions": decode_batch(codes)}

    inputs = [tf.TensorSpec([None, *shape], tf.float32, name="inputs")]
    codes = [tf.TensorSpec([None, *code_shape], tf.float32, name="codes")]
    return {
        "serving_default": (serving_default, inputs),
        "encode": (encode, inputs),
        "decode": (decode, codes),
    }


def reconstructed(predict, batch):
    reconstructions = tf.cast(predict(batch), tf.float32)
    error = (reconstructions - batch) ** 2
    axes = range(1, len(batch.shape))
    return {
        "reconstructions": reconstructions,
        "error": tf.reduce_mean(error, axis=list(axes)),
    }


def one_of_zeros(shape):
    """A batch of one example; lengths that are open are 1."""
    return tf.zeros([1, *(size or 1 for size in shape)])
