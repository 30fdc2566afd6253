"""Grey pictures as requests bring them: with or without a batch, any scale."""

import tensorflow as tf

from dlunits.data.handwriting import FIELD


def unit_range(images, height=FIELD, width=FIELD):
    """Brings one picture or many, of either scale, to floats in [0, 1].

    uint8 is 0 ... 255. Floats are 0 ... 1, or 0 ... 255 in every picture that
    has a pixel above 1.

    Args:
        images: Tensor `(batch, height, width, 1)`, `(batch, height, width)` or
            `(height, width)`, of any shape known only when it is called.
        height: Integer, pixels.
        width: Integer, pixels.

    Returns:
        Float32 tensor `(batch, height, width, 1)`.

    Raises:
        tf.errors.InvalidArgumentError: If the shape is another one.

    Example:

    >>> of_both = tf.stack([tf.fill((28, 28), 51.0), tf.fill((28, 28), 0.2)])
    >>> [round(float(x), 3) for x in unit_range(of_both)[:, 0, 0, 0]]
    [0.2, 0.2]
    """
    dtype = images.dtype
    images = tf.cast(with_channel(images, height, width), tf.float32)
    if dtype.is_integer:
        return images / 255
    brightest = tf.reduce_max(images, axis=(1, 2, 3), keepdims=True)
    return tf.where(brightest > 1, images / 255, images)


def with_channel(images, height, width):
    """(h, w), (batch, h, w) or (batch, h, w, 1) -> (batch, h, w, 1)"""
    rank, shape = tf.rank(images), tf.shape(images)
    missing = tf.ones([tf.cast(rank < 4, tf.int32)], tf.int32)
    picture = tf.concat([[0, 0], shape, missing], axis=0)[-3:]
    wanted = tf.reduce_all(picture == [height, width, 1]) & (rank <= 4)
    message = (
        f"`images` must have the shape (batch, {height}, {width}), (batch, "
        f"{height}, {width}, 1) or ({height}, {width}). Received:"
    )
    with tf.control_dependencies(
        [tf.debugging.Assert(wanted, [message, shape])]
    ):
        return tf.reshape(images, (-1, height, width, 1))
