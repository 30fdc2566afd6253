"""Images as requests bring them: with or without a batch, any scale."""

import tensorflow as tf


def parse_images(images, shape=None):
    """Brings one image or many, of any scale, to floats in [0, 1].

    uint8 is 0 ... 255, uint16 is 0 ... 65,535. Floats are 0 ... 1, or 0 ...
    255 in every image that has a pixel above 1; other values are refused,
    NaN and noise below 0 among them.

    Args:
        images: Tensor `(batch, height, width, channels)`, `(batch, height,
            width)` or `(height, width)`, of a shape known only when it is
            called; without channels there is one.
        shape: `(height, width, channels)` that an image must have, or `None`
            for any.

    Returns:
        Float32 tensor `(batch, height, width, channels)`.

    Raises:
        tf.errors.InvalidArgumentError: If the shape or a value is another
            one.

    Example:

    >>> of_both = tf.stack([tf.fill((2, 3), 51.0), tf.fill((2, 3), 0.2)])
    >>> [round(float(x), 3) for x in parse_images(of_both)[:, 0, 0, 0]]
    [0.2, 0.2]
    """
    most = images.dtype.max if images.dtype.is_integer else None
    images = tf.cast(with_batch_and_channels(images, shape), tf.float32)
    if most:
        return images / most
    in_range = tf.reduce_all((images >= 0) & (images <= 255))  # NaN is not
    message = (
        "Every pixel must be a number from 0 to 1, or from 0 to 255: clip the "
        "noise to the range of the image. Received values from, to:"
    )
    ends = tf.reduce_min(images), tf.reduce_max(images)
    with tf.control_dependencies(
        [tf.debugging.Assert(in_range, [message, *ends])]
    ):
        brightest = tf.reduce_max(images, axis=(1, 2, 3), keepdims=True)
    return tf.where(brightest > 1, images / 255, images)


def with_batch_and_channels(images, shape):
    """(h, w), (batch, h, w) or (batch, h, w, c) -> (batch, h, w, c)"""
    given, rank = tf.shape(images), tf.rank(images)
    missing = tf.ones([tf.cast(rank < 4, tf.int32)], tf.int32)
    whole = tf.concat([[1, 1], given, missing], axis=0)[-4:]
    right = (rank >= 2) & (rank <= 4) & (tf.reduce_min(given) > 0)
    if shape is not None:
        right &= tf.reduce_all(whole[1:] == shape)
    height, width, channels = shape or ("height", "width", "channels")
    message = (
        f"`images` must have the shape (batch, {height}, {width}, {channels})"
        + (
            f", (batch, {height}, {width}) or ({height}, {width})"
            if channels in (1, "channels")
            else ""
        )
        + ", none of them 0. Received:"
    )
    with tf.control_dependencies(
        [tf.debugging.Assert(right, [message, given])]
    ):
        if shape is None:
            return tf.ensure_shape(tf.reshape(images, whole), (None,) * 4)
        return tf.reshape(images, (-1, *shape))
