"""Images of any size through a model of small ones, without seams."""

import math

import tensorflow as tf


def tiled_inference(predict, images, side, step=None):
    """Applies a model of square images to images of any size.

    The image is cut into tiles of `side` x `side`, one every `step` pixels,
    the last one at the border. Each goes through the model by itself, channel
    by channel, so that a model of gray images serves color too. Where
    tiles overlap, the result is their mean, weighted by a bump that vanishes
    towards a tile's border:

        y(p) = sum_t w(p - o_t) f(x_t)(p - o_t) / sum_t w(p - o_t)
        w(i, j) = h(i) h(j),    h(i) = sin^2(pi (i + 1/2) / side)

    `x_t` is the tile with its corner at `o_t`, `f` the model. So no tile ends
    abruptly, and there is nothing to see where one begins. An image of
    exactly one tile gets what the model makes of it. A smaller one is
    extended by its mirror image first, and cut back.

    Strips of tiles go through the model one after the other: memory is four
    images and one strip, however large the image is.

    Reference: Harris, 1978, "On the use of windows for harmonic analysis with
    the discrete Fourier transform", section V.C,
    https://doi.org/10.1109/PROC.1978.10837.

    Args:
        predict: Function from `(tiles, side, side, 1)` to the same shape.
        images: Float tensor `(batch, height, width, channels)`; the sizes
            may be known only when it is called.
        side: Integer, height and width that the model takes.
        step: Integer from 1 to `side`, pixels from one tile to the next;
            `None` is half of `side`, and at least 1.

    Returns:
        Tensor of the shape of `images`.

    Raises:
        ValueError: If `step` is out of range.

    Example, a model that finds the mean of its tile:

    >>> image = tf.reshape(tf.range(6.0), (1, 1, 6, 1))
    >>> def mean(tiles):
    ...     return 0 * tiles + tf.reduce_mean(tiles, (1, 2, 3), keepdims=True)
    >>> smooth = tiled_inference(mean, image, side=4)  # of 0-3 and of 2-5
    >>> [round(float(y), 2) for y in smooth[0, 0, :, 0]]
    [1.5, 1.5, 1.79, 3.21, 3.5, 3.5]
    """
    step = max(1, side // 2) if step is None else step
    if not 1 <= step <= side:
        raise ValueError(
            f"`step` must be from 1 to the side of a tile, {side}. Received: "
            f"{step=}"
        )
    batch, height, width, channels = tf.unstack(tf.shape(images))
    images = at_least(images, side)
    tall, wide = tf.unstack(tf.shape(images)[1:3])
    rows, columns = (places(length, side, step) for length in (tall, wide))
    across = tf.shape(columns)[0]
    bump = tf.sin(math.pi * (tf.range(side, dtype=tf.float32) + 0.5) / side)
    bump = tf.cast(bump**2, images.dtype)

    def strip(lines):  # (side,), rows of the image -> (side, ...) of them
        tiles = tf.gather(tf.gather(images, lines, axis=1), columns, axis=2)
        # (batch, side, across, side, channels)
        tiles = tf.transpose(tiles, (0, 4, 2, 1, 3))
        cleaned = predict(tf.reshape(tiles, (-1, side, side, 1)))
        cleaned = tf.reshape(cleaned, (batch, channels, across, side, side))
        cleaned = tf.transpose(cleaned, (2, 4, 3, 0, 1))
        return tf.transpose(
            blend(cleaned, columns, bump, wide), (1, 0, 2, 3)
        )  # (side, wide, batch, channels)

    strips = tf.map_fn(
        strip,
        rows,
        fn_output_signature=tf.TensorSpec(
            (side, None, None, None), images.dtype
        ),
        parallel_iterations=1,
    )
    whole = blend(strips, rows, bump, tall)
    return tf.transpose(whole, (2, 0, 1, 3))[:, :height, :width]


def at_least(images, side):
    """Goes on with the mirror image where an image is shorter than a tile.

    >>> line = tf.reshape(tf.range(3), (1, 1, 3, 1))
    >>> at_least(line, 8)[0, 0, :, 0].numpy().tolist()
    [0, 1, 2, 2, 1, 0, 0, 1]
    """
    for axis in (1, 2):
        length = tf.shape(images)[axis]
        place = tf.range(tf.maximum(length, side)) % (2 * length)
        mirrored = tf.minimum(place, 2 * length - 1 - place)
        images = tf.gather(images, mirrored, axis=axis)
    return images


def places(length, side, step):
    """Where the tiles lie on a line: (tiles, side).

    >>> places(7, side=4, step=2).numpy().tolist()
    [[0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 6]]
    """
    starts = tf.range(0, length - side + step, step)
    return tf.minimum(starts, length - side)[:, None] + tf.range(side)


def blend(parts, lines, bump, length):
    """(tiles, side, ...), (tiles, side), (side,) -> (length, ...)"""
    weights = tf.broadcast_to(bump, tf.shape(lines))
    shape = tf.concat([[-1], tf.shape(parts)[2:]], axis=0)
    weighted = parts * tf.reshape(bump, (1, -1, 1, 1, 1))
    lines = tf.reshape(lines, [-1])
    total = tf.math.unsorted_segment_sum(
        tf.reshape(weighted, shape), lines, length
    )
    weight = tf.math.unsorted_segment_sum(
        tf.reshape(weights, [-1]), lines, length
    )
    return total / tf.reshape(weight, (-1, 1, 1, 1))
