"""Detection of long straight lines by a Hough transform."""

import numpy as np
import tensorflow as tf

from dlunits.data.images.connected_components import MASK, reduce_segments
from dlunits.typing import Tensor

MAX_SLOPE = 0.1  # rows per column
NUM_SLOPES = 17
MIN_COVERAGE = 0.8  # fraction of the width that a line covers, with crossings
END = 0.04  # fraction of the width, at both edges, in which a line ends
MIN_THIN = 0.5  # fraction of the width that a line covers where it is thin
MAX_THICKNESS = 0.055  # fraction of the longer side of the image


def find_straight_lines(foreground: Tensor) -> Tensor:
    """Finds thin straight lines that cross the image, by a Hough transform.

    Such lines are those of tables and forms, and dark strips at the edges of
    scans. Each foreground cell votes for all lines through it that are
    horizontal or vertical up to a slope of 0.1. A line is found if it reaches
    both edges of the image, covers at least 0.8 of the distance between them,
    and 0.5 with parts whose thickness is at most 0.055 of the longer side.
    Thicker parts belong to a digit that crosses the line. The base of a 2 is
    straight as well, but rarely reaches both edges.

    Reference: Duda and Hart, 1972, "Use of the Hough transformation to detect
    lines and curves in pictures".

    Args:
        foreground: `(batch, height, width)`, bool.

    Returns:
        `(batch, height, width)`, bool: the cells of the lines.

    Example:

    A line of 40 cells with a gap, and one that ends before an edge.

    >>> image = np.zeros((1, 40, 40), bool)
    >>> image[0, 2, :] = image[0, 30, :36] = True
    >>> image[0, 2, 4] = False
    >>> lines = find_straight_lines(image)[0].numpy()
    >>> int(lines[2].sum()), int(lines[30].sum())
    (39, 0)
    """
    foreground = tf.convert_to_tensor(foreground)
    upright = tf.transpose(foreground, (0, 2, 1))
    vertical = tf.transpose(find_horizontal_lines(upright), (0, 2, 1))
    return find_horizontal_lines(foreground) | vertical


@tf.function(autograph=False, input_signature=[MASK])
def find_horizontal_lines(foreground: Tensor) -> Tensor:
    """Cells of lines that are nearly horizontal."""
    shape = tf.shape(foreground)
    batch, height, width = shape[0], shape[1], shape[2]
    thin = foreground & ~open_columns(foreground)
    row = tf.range(tf.cast(height, tf.float32))[None, :, None]
    column = tf.cast(tf.range(width), tf.float32)
    column -= tf.cast(width - 1, tf.float32) / 2
    # Row in which the line through a cell crosses the middle column. It may lie
    # outside of the image, in the margin.
    margin = tf.cast(
        tf.math.ceil(MAX_SLOPE * tf.cast(width, tf.float32)), tf.int32
    )
    num_rows = height + 2 * margin
    slopes = np.linspace(-MAX_SLOPE, MAX_SLOPE, NUM_SLOPES, dtype="float32")
    crossing = row - slopes[:, None, None] * column  # (slopes, height, width)
    crossing = tf.cast(tf.round(crossing), tf.int32) + margin
    slope_index = tf.range(NUM_SLOPES)[:, None, None]
    index = slope_index * num_rows + crossing
    image_index = tf.range(batch)[:, None, None, None]
    index = image_index * (NUM_SLOPES * num_rows) + index

    def votes(cells: Tensor) -> Tensor:
        """Fraction of the width that each line through a cell covers."""
        values = tf.cast(cells, tf.float32)[:, None]
        counts = reduce_segments(
            tf.tensor_scatter_nd_add,
            tf.zeros([batch * NUM_SLOPES * num_rows]),
            tf.broadcast_to(values, tf.shape(index)),
            index,
        )
        return tf.gather(counts, index) / tf.cast(width, tf.float32)

    end = tf.cast(tf.math.ceil(END * tf.cast(width, tf.float32)), tf.int32)
    is_first = tf.range(width) < end
    is_line = (
        (votes(foreground) >= MIN_COVERAGE)
        & (votes(thin) >= MIN_THIN)
        & (votes(foreground & is_first) > 0)
        & (votes(foreground & is_first[::-1]) > 0)
    )
    return thin & tf.reduce_any(is_line, axis=1)


def open_columns(foreground: Tensor) -> Tensor:
    """Morphological opening by a column that is longer than MAX_THICKNESS."""
    longer = tf.cast(tf.reduce_max(tf.shape(foreground)[1:]), tf.float32)
    side = tf.cast(MAX_THICKNESS * longer, tf.int32) + 1
    inside = tf.cast(foreground, tf.int32)
    total = tf.cumsum(tf.pad(inside, [[0, 0], [side, side], [0, 0]]), axis=1)
    whole = tf.cast(total[:, side:] - total[:, :-side] == side, tf.int32)
    # `whole` is 1 in the last row of each run; spread over its rows.
    total = tf.cumsum(tf.pad(whole, [[0, 0], [1, 0], [0, 0]]), axis=1)
    height = tf.shape(foreground)[1]
    return total[:, side : side + height] - total[:, :height] > 0
