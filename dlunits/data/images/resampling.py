"""Resampling of images as two matrix products, which ONNX can represent.

`tf.image.resize` does the same with operations that tf2onnx cannot convert, or
that it replaces by nearest-neighbor interpolation without a warning.
"""

import tensorflow as tf

from dlunits.typing import Tensor


def resize_bilinear(
    images: Tensor, size: Tensor, *, antialias: bool = False
) -> Tensor:
    """Bilinear interpolation of images, as in `tf.image.resize`.

    Along each axis, output pixel i of m is a weighted mean of the input pixels
    j of n. The weights are a triangular filter of half width r around the
    center of the output pixel:

        w[i, j] = max(0, 1 - |(i + 1/2) n / m - (j + 1/2)| / r)

    with r = 1, and with `antialias` r = max(1, n / m).

    Args:
        images: `(batch, height, width)`, float32.
        size: Two integers, the height and width of the result.
        antialias: Whether the filter is widened for a smaller result, so that
            every input pixel contributes.

    Returns:
        `(batch, *size)`, float32.

    Example:

    Means with the weights 1/4, 3/4, 3/4, 1/4, without those outside of the
    image.

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
    """Area interpolation of images, as in `tf.image.resize`.

    Along each axis, output pixel i of m is the mean over an interval of the n
    input pixels:

        [i n / m, (i + 1) n / m]

    The weight of an input pixel is the fraction of it in the interval.

    Args:
        images: `(batch, height, width)`, float32.
        size: Two integers, the height and width of the result.

    Returns:
        `(batch, *size)`, float32.

    Example:

    One half of the middle pixel is in each mean.

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

    Returns:
        `(batch, *size)`, float32.
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
