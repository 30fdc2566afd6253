"""Tiled inference: a model of small images is applied to images of any size."""

import math
from collections.abc import Callable

import tensorflow as tf

from dlunits.typing import Tensor


def tiled_inference(
    predict: Callable[[Tensor], Tensor],
    images: Tensor,
    tile_size: int,
    stride: int | None = None,
) -> Tensor:
    """Applies a model to overlapping tiles and blends the results.

    The image is cut into tiles of `tile_size` x `tile_size` pixels, one every
    `stride` pixels, the last one at the border. The model is applied to each
    channel of each tile separately, so that a model of gray images can be used
    for colors. Where tiles overlap, the result is their mean, weighted by a
    Hann window (overlap-add):

        y(p) = sum_t w(p - o_t) f(x_t)(p - o_t) / sum_t w(p - o_t)
        w(i, j) = h(i) h(j),    h(i) = sin^2(pi (i + 1/2) / tile_size)

    where y(p) is the result at the pixel p, x_t the tile with its corner at
    o_t, f the model, and i and j the row and column in a tile. The weight w of
    a tile vanishes towards its border, so that no seams are visible. Images
    smaller than a tile are padded symmetrically, and the result is cropped.

    Rows of tiles are processed one after the other. Memory is needed for four
    images and one row of tiles.

    Reference: Harris, 1978, "On the use of windows for harmonic analysis with
    the discrete Fourier transform", section V.C,
    https://doi.org/10.1109/PROC.1978.10837.

    Args:
        predict: Function of `(tiles, tile_size, tile_size, 1)` to the same
            shape.
        images: Floats `(batch, height, width, channels)`; the sizes may be
            unknown in a `tf.function`.
        tile_size: Height and width of the model's images, in pixels.
        stride: Pixels from one tile to the next, from 1 to `tile_size`.
            `None` is half of `tile_size`, at least 1.

    Returns:
        Tensor of the shape of `images`.

    Raises:
        ValueError: If `stride` is out of range.

    Example:

    A model that returns the mean of its tile.

    >>> image = tf.reshape(tf.range(6.0), (1, 1, 6, 1))
    >>> def mean(tiles):
    ...     return 0 * tiles + tf.reduce_mean(tiles, (1, 2, 3), keepdims=True)
    >>> smooth = tiled_inference(mean, image, tile_size=4)  # of 0-3 and 2-5
    >>> [round(float(y), 2) for y in smooth[0, 0, :, 0]]
    [1.5, 1.5, 1.79, 3.21, 3.5, 3.5]
    """
    stride = max(1, tile_size // 2) if stride is None else stride
    if not 1 <= stride <= tile_size:
        raise ValueError(
            f"`stride` must be from 1 to the tile size, {tile_size}. Received: "
            f"{stride=}"
        )
    batch, height, width, channels = tf.unstack(tf.shape(images))
    images = symmetric_pad(images, tile_size)
    padded_height, padded_width = tf.unstack(tf.shape(images)[1:3])
    rows = tile_indices(padded_height, tile_size, stride)
    columns = tile_indices(padded_width, tile_size, stride)
    tiles_per_row = tf.shape(columns)[0]
    window = tf.range(tile_size, dtype=tf.float32) + 0.5
    window = tf.cast(tf.sin(math.pi * window / tile_size) ** 2, images.dtype)

    def predict_row(row: Tensor) -> Tensor:
        """Indices (tile_size,) -> (tile_size, width, batch, channels)."""
        tiles = tf.gather(tf.gather(images, row, axis=1), columns, axis=2)
        # (batch, tile_size, tiles_per_row, tile_size, channels)
        tiles = tf.transpose(tiles, (0, 4, 2, 1, 3))
        outputs = predict(tf.reshape(tiles, (-1, tile_size, tile_size, 1)))
        outputs = tf.reshape(
            outputs, (batch, channels, tiles_per_row, tile_size, tile_size)
        )
        outputs = tf.transpose(outputs, (2, 4, 3, 0, 1))
        return tf.transpose(
            overlap_add(outputs, columns, window, padded_width), (1, 0, 2, 3)
        )

    strips = tf.map_fn(
        predict_row,
        rows,
        fn_output_signature=tf.TensorSpec(
            (tile_size, None, None, None), images.dtype
        ),
        parallel_iterations=1,
    )
    whole = overlap_add(strips, rows, window, padded_height)
    return tf.transpose(whole, (2, 0, 1, 3))[:, :height, :width]


def symmetric_pad(images: Tensor, min_size: int) -> Tensor:
    """Pads images symmetrically to a minimum height and width.

    The border pixel is repeated (NumPy: `mode="symmetric"`).

    >>> line = tf.reshape(tf.range(3), (1, 1, 3, 1))
    >>> symmetric_pad(line, 8)[0, 0, :, 0].numpy().tolist()
    [0, 1, 2, 2, 1, 0, 0, 1]
    """
    for axis in (1, 2):
        length = tf.shape(images)[axis]
        index = tf.range(tf.maximum(length, min_size)) % (2 * length)
        reflected = tf.minimum(index, 2 * length - 1 - index)
        images = tf.gather(images, reflected, axis=axis)
    return images


def tile_indices(length: Tensor, tile_size: int, stride: int) -> Tensor:
    """Indices of the tiles along an axis: (tiles, tile_size).

    >>> tile_indices(7, tile_size=4, stride=2).numpy().tolist()
    [[0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 6]]
    """
    starts = tf.range(0, length - tile_size + stride, stride)
    starts = tf.minimum(starts, length - tile_size)
    return starts[:, None] + tf.range(tile_size)


def overlap_add(
    tiles: Tensor, indices: Tensor, window: Tensor, length: Tensor
) -> Tensor:
    """Weighted mean of overlapping tiles along the second axis.

    Shapes: (tiles, tile_size, ...), (tiles, tile_size), (tile_size,) ->
    (length, ...).
    """
    weights = tf.broadcast_to(window, tf.shape(indices))
    shape = tf.concat([[-1], tf.shape(tiles)[2:]], axis=0)
    weighted = tiles * tf.reshape(window, (1, -1, 1, 1, 1))
    indices = tf.reshape(indices, [-1])
    total = tf.math.unsorted_segment_sum(
        tf.reshape(weighted, shape), indices, length
    )
    weight = tf.math.unsorted_segment_sum(
        tf.reshape(weights, [-1]), indices, length
    )
    return total / tf.reshape(weight, (-1, 1, 1, 1))
