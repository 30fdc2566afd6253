"""Resampling of images as two matrix products.

`tf.image.resize` does the same with operations that tf2onnx cannot convert, or
that it replaces by nearest neighbors without a message.
"""

import tensorflow as tf

from dlunits.typing import Tensor


def resize_bilinear(
    images: Tensor, size: Tensor, *, antialias: bool = False
) -> Tensor:
    """Resizes images as `tf.image.resize` with the method "bilinear".

    Output pixel i is a mean of input pixels j of n, weighted by a triangle
    around its center that is r pixels wide on both sides:

        w[i, j] = max(0, 1 - |(i + 1/2) n / size - (j + 1/2)| / r)

    with r = 1, and with `antialias` r = max(1, n / size).

    Args:
        images: `(batch, height, width)`, float32.
        size: Two integers, the height and width of the result.
        antialias: Whether all input pixels count in a smaller result.

    Returns:
        `(batch, *size)`, float32.

    Example: means with weights 1/4, 3/4, 3/4, 1/4, less what lies outside.

    >>> row = tf.constant([[[0.0, 0, 7, 7]]])
    >>> resize_bilinear(row, (1, 2), antialias=True).numpy()
    array([[[1., 6.]]], dtype=float32)
    """

    def weights(length: Tensor, num_pixels: Tensor) -> Tensor:
        step = length / num_pixels
        center = (tf.range(num_pixels) + 0.5) * step
        pixels = tf.range(length) + 0.5
        radius = tf.maximum(step, 1.0) if antialias else 1.0
        return tf.nn.relu(1 - tf.abs(center[:, None] - pixels) / radius)

    return resample(images, size, weights)


def resize_by_area(images: Tensor, size: Tensor) -> Tensor:
    """Resizes images as `tf.image.resize(..., method="area")`.

    Output pixel i is the mean over its interval of the input, [i n / size,
    (i + 1) n / size]: the weight of an input pixel is the part of it that lies
    within.

    Args:
        images: `(batch, height, width)`, float32.
        size: Two integers, the height and width of the result.

    Returns:
        `(batch, *size)`, float32.

    Example: the middle pixel counts for both means with one half.

    >>> resize_by_area(tf.constant([[[0.0, 3, 9]]]), (1, 2)).numpy()
    array([[[1., 7.]]], dtype=float32)
    """

    def weights(length: Tensor, num_pixels: Tensor) -> Tensor:
        step = length / num_pixels
        first = tf.range(num_pixels)[:, None] * step
        pixels = tf.range(length)
        inside = tf.minimum(first + step, pixels + 1) - tf.maximum(
            first, pixels
        )
        return tf.nn.relu(inside)

    return resample(images, size, weights)


def resample(images: Tensor, size: Tensor, weights: Tensor) -> Tensor:
    """Weighted means of rows, then of columns.

    Args:
        images: `(batch, height, width)`.
        size: Height and width of the result.
        weights: Function of the old and the new length of an axis, float32
            scalars, to a matrix `(new, old)`.
    """
    old = tf.cast(tf.shape(images)[1:], tf.float32)
    new = tf.cast(size, tf.float32)
    rows = rows_with_sum_1(weights(old[0], new[0]))
    columns = rows_with_sum_1(weights(old[1], new[1]))
    resized = tf.matmul(images, columns, transpose_b=True)
    return tf.matmul(rows[None], resized)


def rows_with_sum_1(matrix: Tensor) -> Tensor:
    """Divides each row by its sum."""
    return matrix / tf.reduce_sum(matrix, axis=1, keepdims=True)
