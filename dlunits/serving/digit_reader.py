"""What a served digit model answers to: pictures and image files."""

import tensorflow as tf

from dlunits.data.handwriting import FIELD, read_digits

NUM_DIGITS = 10


def digit_endpoints(predict, side=FIELD):
    """The endpoints of a model of MNIST's digits, for `export`.

    - `serving_default`, argument `images`: pictures such as MNIST's, ink
      bright on dark, `(batch, 28, 28)` or `(batch, 28, 28, 1)`, or one
      picture `(28, 28)`. uint8 is 0 ... 255. Floats are 0 ... 1, or
      0 ... 255 in every picture that has a pixel above 1.
    - `recognize`, argument `encoded`: image files `(batch,)`, strings, of any
      size, see `dlunits.data.handwriting.read_digits`.

    Both return `scores`, `(batch, 10)`, float32, the probability of each
    digit, and `class`, `(batch,)`, int64, the most probable one. A server
    offers `serving_default` for floats; in Python it takes uint8 as well.

    Args:
        predict: The model as a function from `(batch, side, side, 1)`,
            float32 in [0, 1], to probabilities `(batch, 10)`.
        side: Rows and columns the model takes, at least 28, pixels. Pictures
            are padded to it.

    Returns:
        Dict of name to `(function, signature, *further_signatures)`; each
        signature is a list of `tf.TensorSpec`.

    Raises:
        ValueError: If `side` is too small.

    Example, a model that finds every digit equally probable:

    >>> read = digit_endpoints(lambda x: tf.ones((tf.shape(x)[0], 10)) / 10)
    >>> function, *signatures = read["serving_default"]
    >>> answer = function(tf.zeros((3, 28, 28), tf.uint8))
    >>> answer["scores"].shape, answer["class"].numpy().tolist()
    (TensorShape([3, 10]), [0, 0, 0])
    """
    if side < FIELD:
        raise ValueError(
            f"`side` must be at least {FIELD}, the pictures' own. "
            f"Received: {side=}"
        )
    before = (side - FIELD) // 2
    margin = [before, side - FIELD - before]

    def answer(digits):
        digits = tf.pad(digits, [[0, 0], margin, margin, [0, 0]])
        scores = tf.reshape(predict(digits), (-1, NUM_DIGITS))
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
