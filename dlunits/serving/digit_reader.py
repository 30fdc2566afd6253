"""What a served digit model answers to: pictures and image files."""

import tensorflow as tf

from dlunits.data.handwriting import FIELD, read_digits
from dlunits.serving.export import export


def export_digit_reader(model, directory, *, card, pictures):
    """Exports a model of digits with `digit_endpoints` and warm-up requests.

    Args:
        model: Keras model of `(batch, 28, 28, 1)`, float32 in [0, 1].
        directory: Folder in which it becomes the next version.
        card: See `dlunits.serving.export.export`.
        pictures: Typical ones, `(batch, 28, 28, 1)`, uint8.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        OSError: If it cannot be written.
    """
    return export(
        model,
        directory,
        endpoints=digit_endpoints,
        card=card,
        warmup=typical_requests(pictures),
    )


def digit_endpoints(predict):
    """The endpoints of a model of digits such as MNIST's, for `export`.

    - `serving_default`, argument `images`: pictures such as MNIST's, ink
      bright on dark, `(batch, 28, 28)` or `(batch, 28, 28, 1)`, or one
      picture `(28, 28)`. uint8 is 0 ... 255. Floats are 0 ... 1, or
      0 ... 255 in every picture that has a pixel above 1.
    - `recognize`, argument `encoded`: image files `(batch,)`, strings, of any
      size, see `dlunits.data.handwriting.read_digits`.

    Both return `scores`, `(batch, num_classes)`, float32, the probability of
    each digit, and `class`, `(batch,)`, int64, the most probable one. A server
    offers `serving_default` for floats; in Python it takes uint8 as well.

    Args:
        predict: The model as a function from `(batch, 28, 28, 1)`, float32 in
            [0, 1], to probabilities `(batch, num_classes)`.

    Returns:
        Dict of name to `(function, signature, *further_signatures)`; each
        signature is a list of `tf.TensorSpec`.

    Example, a model that finds every digit equally probable:

    >>> read = digit_endpoints(lambda x: tf.ones((tf.shape(x)[0], 10)) / 10)
    >>> function, *signatures = read["serving_default"]
    >>> answer = function(tf.zeros((3, 28, 28), tf.uint8))
    >>> answer["scores"].shape, answer["class"].numpy().tolist()
    (TensorShape([3, 10]), [0, 0, 0])
    """

    def answer(digits):
        scores = predict(digits)
        return {"scores": scores, "class": tf.argmax(scores, axis=-1)}

    def serving_default(images):
        return answer(unit_range(images))

    def recognize(encoded):
        return answer(read_digits(encoded).digits)

    return {
        "serving_default": (
            serving_default,
            [tf.TensorSpec(None, tf.float32, name="images")],
            [tf.TensorSpec(None, tf.uint8, name="images")],
        ),
        "recognize": (
            recognize,
            [tf.TensorSpec([None], tf.string, name="encoded")],
        ),
    }


def typical_requests(pictures):
    """One request an endpoint, for `export` to warm a server up with.

    Args:
        pictures: `(batch, 28, 28, 1)`, uint8.

    Returns:
        Dict of endpoint name to the list of its arguments.

    Example:

    >>> requests = typical_requests(tf.zeros((2, 28, 28, 1), tf.uint8))
    >>> {name: arguments[0].dtype.name for name, arguments in requests.items()}
    {'serving_default': 'float32', 'recognize': 'string'}
    """
    return {
        "serving_default": [tf.cast(pictures, tf.float32)],
        "recognize": [tf.io.encode_png(pictures)],
    }


def unit_range(images):
    """Pictures of either scale -> (batch, 28, 28, 1), float32 in [0, 1].

    >>> of_both = tf.stack([tf.fill((28, 28), 51.0), tf.fill((28, 28), 0.2)])
    >>> [round(float(x), 3) for x in unit_range(of_both)[:, 0, 0, 0]]
    [0.2, 0.2]
    """
    dtype = images.dtype
    images = tf.cast(tf.reshape(images, (-1, FIELD, FIELD, 1)), tf.float32)
    if dtype.is_integer:
        return images / 255
    brightest = tf.reduce_max(images, axis=(1, 2, 3), keepdims=True)
    return tf.where(brightest > 1, images / 255, images)
