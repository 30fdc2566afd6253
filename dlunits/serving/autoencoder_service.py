"""What a served autoencoder answers to: examples, and codes."""

import tensorflow as tf

from dlunits.serving.export import export
from dlunits.serving.request_pictures import unit_range


def export_autoencoder(model, directory, *, data, metrics, command):
    """Exports an autoencoder of pictures with its card and warm-up requests.

    Args:
        model: `dlunits.models.Autoencoder` of `(batch, height, width,
            channels)`, float32 in [0, 1].
        directory: Folder in which it becomes the next version.
        data: `dlunits.data.digits.Digits` that it was trained on.
        metrics: Dict of what was measured, for the card.
        command: Text, the command that made the model.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        OSError: If it cannot be written.
    """
    height, width, _ = model.input_shape[1:]
    code_shape = model.decoder.input_shape[1:]
    pictures = tf.cast(data.test[0][:1], tf.float32)

    def endpoints(predict, **functions):
        return autoencoder_endpoints(
            predict,
            **functions,
            height=height,
            width=width,
            code_shape=code_shape,
        )

    return export(
        model,
        directory,
        endpoints=endpoints,
        parts={"encode_batch": model.encoder, "decode_batch": model.decoder},
        card={
            "data": data.source,
            "metrics": {"test_pictures": len(data.test[1]), **metrics},
            "command": command,
            "licence": "Apache-2.0",
        },
        warmup={
            "serving_default": [pictures],
            "encode": [pictures],
            "decode": [tf.zeros((1, *code_shape))],
        },
    )


def autoencoder_endpoints(
    predict, encode_batch, decode_batch, *, height, width, code_shape
):
    """The endpoints of any autoencoder of grey pictures, for `export`.

    `serving_default`, argument `images`: `(batch, height, width)`, `(batch,
    height, width, 1)`, or one picture `(height, width)`. uint8 is 0 ... 255,
    floats are 0 ... 1, or 0 ... 255 in every picture that has a pixel above 1.
    It returns `reconstructions` `(batch, height, width, 1)` in 0 ... 1, and
    `error` `(batch,)`, the mean squared error a pixel.

    `encode`, argument `images` likewise, returns `codes` `(batch, ...)`.

    `decode`, argument `codes`, returns `images` as `reconstructions` above.

    A server offers them for floats; in Python they take uint8 as well.

    Args:
        predict: The model as a function from `(batch, height, width, 1)`,
            float32 in [0, 1], to the same shape.
        encode_batch: The same, to codes.
        decode_batch: The function from codes to pictures.
        height: Integer, pixels.
        width: Integer, pixels.
        code_shape: Tuple, shape of one code.

    Returns:
        Dict of name to `(function, signature, *further_signatures)`; each
        signature is a list of `tf.TensorSpec`.

    Example, a model that finds every picture half as bright, and whose code is
    the brightest pixel:

    >>> answers = autoencoder_endpoints(
    ...     lambda x: x / 2,
    ...     lambda x: tf.reduce_max(x, axis=(1, 2)),
    ...     decode_batch=None,
    ...     height=2,
    ...     width=2,
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
        batch = unit_range(images, height, width)
        reconstructions = tf.cast(predict(batch), tf.float32)
        error = tf.reduce_mean((reconstructions - batch) ** 2, axis=(1, 2, 3))
        return {"reconstructions": reconstructions, "error": error}

    def encode(images):
        return {"codes": encode_batch(unit_range(images, height, width))}

    def decode(codes):
        return {"images": decode_batch(codes)}

    of_pictures = (
        [tf.TensorSpec(None, tf.float32, name="images")],
        [tf.TensorSpec(None, tf.uint8, name="images")],
    )
    return {
        "serving_default": (serving_default, *of_pictures),
        "encode": (encode, *of_pictures),
        "decode": (
            decode,
            [tf.TensorSpec([None, *code_shape], tf.float32, name="codes")],
        ),
    }
