"""Parsing of the images in requests: batch axis, channels and scale."""

import tensorflow as tf

from dlunits.typing import Shape, Tensor


def parse_images(images: Tensor, shape: Shape | None = None) -> Tensor:
    """Converts images to a batch of floats in [0, 1].

    uint8 ranges from 0 to 255 and uint16 from 0 to 65,535. Floats range from 0
    to 1, or from 0 to 255 in images that have a pixel above 1. Other values,
    including NaN, are rejected.

    Args:
        images: Tensor `(batch, height, width, channels)`,
            `(batch, height, width)` or `(height, width)`; the last two have
            one channel. The shape may be unknown in a `tf.function`.
        shape: Required shape `(height, width, channels)` of an image. `None`
            allows any shape.

    Returns:
        Float32 tensor `(batch, height, width, channels)`.

    Raises:
        tf.errors.InvalidArgumentError: If the shape or a value is not allowed.

    Example:

    >>> images = tf.stack([tf.fill((2, 3), 51.0), tf.fill((2, 3), 0.2)])
    >>> [round(float(x), 3) for x in parse_images(images)[:, 0, 0, 0]]
    [0.2, 0.2]
    """
    maximum = images.dtype.max if images.dtype.is_integer else None
    images = tf.cast(with_batch_and_channels(images, shape), tf.float32)
    if maximum:
        return images / maximum
    in_range = tf.reduce_all((images >= 0) & (images <= 255))  # false for NaN
    message = (
        "Every pixel must be a number from 0 to 1, or from 0 to 255: clip the "
        "images to that range. Received minimum and maximum:"
    )
    limits = tf.reduce_min(images), tf.reduce_max(images)
    with tf.control_dependencies(
        [tf.debugging.Assert(in_range, [message, *limits])]
    ):
        brightest = tf.reduce_max(images, axis=(1, 2, 3), keepdims=True)
    return tf.where(brightest > 1, images / 255, images)


def with_batch_and_channels(images: Tensor, shape: Shape | None) -> Tensor:
    """Adds missing batch and channel axes."""
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
        + ", and no axis may be empty. Received:"
    )
    with tf.control_dependencies(
        [tf.debugging.Assert(right, [message, given])]
    ):
        if shape is None:
            return tf.ensure_shape(tf.reshape(images, whole), (None,) * 4)
        return tf.reshape(images, (-1, *shape))
