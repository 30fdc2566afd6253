"""Detection of a sheet of paper on a darker table."""

import numpy as np
import tensorflow as tf

from dlunits.data.images.connected_components import (
    VALUES,
    find_components,
    reachable_from_outside,
    reduce_segments,
    to_grid,
    to_pixels,
)
from dlunits.data.images.neighborhood import dilate
from dlunits.data.images.resampling import resize_bilinear, resize_by_area
from dlunits.typing import Tensor

NUM_BINS = 64  # of the histogram of brightness
MIN_AREA = 0.12  # of the sheet, fraction of the page
MAX_SIDES = 2  # of the page that the sheet reaches; half a page reaches 3
MIN_STEP = 0.4  # of brightness at the edge, fraction of the mean difference
MIN_FILL = 0.87  # area of the sheet, fraction of the rectangle around it
MIN_ASPECT = 0.4  # shorter side of that rectangle, fraction of the longer one
ANGLES = (-20, -15, -10, -5, 0, 5, 10, 15, 20)  # of that rectangle, degrees
RING = 3  # width of the ring on both sides of the edge, cells
LOCAL_SIZE = 6  # sides of the grid of the local mean


@tf.function(autograph=False, input_signature=[VALUES])
def crop_to_sheet(gray: Tensor) -> Tensor:
    """Replaces the background around a sheet of paper by the color of paper.

    The sheet is the largest component that is brighter than Otsu's threshold,
    with its holes filled. It must cover 0.12 of the page, be a rectangle, reach
    at most two sides of the page, and its brightness must change abruptly at
    its edge. Other pages, such as chalk on a board or paper half of which is
    in shadow, are not changed.

    Reference: Otsu, 1979, "A threshold selection method from gray-level
    histograms".

    Args:
        gray: `(batch, height, width)`, float32 in [0, 1].

    Returns:
        `gray`, with the local mean brightness of the sheet outside of it.

    Example:

    A light sheet on a black table.

    >>> sheet = tf.fill((1, 40, 40), 0.8)
    >>> page = tf.pad(sheet, [[0, 0], [12, 12], [12, 12]])
    >>> round(float(tf.reduce_min(crop_to_sheet(page))), 1)
    0.8
    """
    cells = to_grid(gray)
    bright = cells > otsu_threshold(cells)[:, None, None]
    found = find_components(tf.ones_like(cells), bright)
    largest = tf.argmax(found.mass, axis=1)
    blob = found.labels == tf.cast(largest, tf.int32)[:, None, None] + 1
    outside = dilate(reachable_from_outside(blob))
    sheet = ~outside
    inside = ~dilate(outside, RING)  # without the edge and its shadow
    is_sheet = (
        (tf.reduce_mean(tf.cast(sheet, tf.float32), axis=(1, 2)) > MIN_AREA)
        & ends_in_step(cells, bright, sheet, outside)
        & is_rectangle(sheet)
        & (num_sides(sheet) <= MAX_SIDES)
    )
    replaced = is_sheet[:, None, None] & ~inside
    paper = local_mean(cells, inside & bright)
    paper = resize_bilinear(paper, tf.shape(gray)[1:])
    return tf.where(to_pixels(replaced, gray) > 0, paper, gray)


def otsu_threshold(cells: Tensor) -> Tensor:
    """Otsu's threshold, the largest variance between both classes: (batch,)."""
    level = tf.cast(cells * (NUM_BINS - 1), tf.int32)
    level = tf.clip_by_value(level, 0, NUM_BINS - 1)
    batch = tf.shape(cells)[0]
    index = level + NUM_BINS * tf.range(batch)[:, None, None]
    counts = reduce_segments(
        tf.tensor_scatter_nd_add,
        tf.zeros([batch * NUM_BINS]),
        tf.ones_like(cells),
        index,
    )
    counts = tf.reshape(counts, (batch, NUM_BINS))
    bins = tf.range(float(NUM_BINS))
    below, mass = tf.cumsum(counts, 1), tf.cumsum(counts * bins, 1)
    above, total = below[:, -1:] - below, mass[:, -1:]
    means = (
        mass / tf.maximum(below, 1.0),
        (total - mass) / tf.maximum(above, 1.0),
    )
    variance = below * above * (means[0] - means[1]) ** 2
    best = tf.cast(tf.argmax(variance, axis=1), tf.float32)
    return (best + 1) / (NUM_BINS - 1)


def ends_in_step(
    cells: Tensor, bright: Tensor, sheet: Tensor, outside: Tensor
) -> Tensor:
    """Whether the brightness changes abruptly at the edge of the sheet."""
    inner = sheet & dilate(outside, RING) & bright
    outer = outside & dilate(sheet, RING)
    step = mean_of(inner, cells) - mean_of(outer, cells)
    difference = mean_of(sheet & bright, cells) - mean_of(outside, cells)
    return (step > MIN_STEP * difference) & tf.reduce_any(outer, axis=(1, 2))


def is_rectangle(sheet: Tensor) -> Tensor:
    """Whether a region fills its bounding box, rotated by one of `ANGLES`."""
    row = tf.range(tf.cast(tf.shape(sheet)[1], tf.float32))[:, None]
    column = tf.range(tf.cast(tf.shape(sheet)[2], tf.float32))
    angles = np.radians(ANGLES).astype("float32")[:, None, None]

    def extent(position: Tensor) -> Tensor:
        """Length along an axis: (angles, height, width) -> (batch, angles)."""
        inside = sheet[:, None]
        first = tf.where(inside, position, np.inf)
        last = tf.where(inside, position, -np.inf)
        return 1 + tf.reduce_max(last, (2, 3)) - tf.reduce_min(first, (2, 3))

    height = extent(np.cos(angles) * row - np.sin(angles) * column)
    width = extent(np.sin(angles) * row + np.cos(angles) * column)
    area = tf.reduce_sum(tf.cast(sheet, tf.float32), axis=(1, 2))
    fill = area[:, None] / tf.maximum(height * width, 1.0)
    aspect = tf.minimum(height, width) / tf.maximum(height, width)
    return tf.reduce_any((fill > MIN_FILL) & (aspect > MIN_ASPECT), axis=1)


def local_mean(cells: Tensor, mask: Tensor) -> Tensor:
    """Mean over the cells of a mask that are near, or over all cells."""
    weights = tf.cast(mask, tf.float32)
    mean = mean_of(mask, cells)[:, None, None]

    def smooth(values: Tensor) -> Tensor:
        return resize_by_area(values, (LOCAL_SIZE, LOCAL_SIZE))

    # The mean of all cells has a small weight; it counts where no cell is near.
    return (smooth(cells * weights) + 1e-3 * mean) / (smooth(weights) + 1e-3)


def num_sides(sheet: Tensor) -> Tensor:
    """Number of sides of the page that a region reaches."""
    borders = sheet[:, 0], sheet[:, -1], sheet[:, :, 0], sheet[:, :, -1]
    reached = [tf.reduce_any(border, axis=1) for border in borders]
    return tf.reduce_sum(tf.cast(tf.stack(reached), tf.int32), axis=0)


def mean_of(mask: Tensor, cells: Tensor) -> Tensor:
    """Mean over the cells of a mask: (batch,)."""
    weights = tf.cast(mask, tf.float32)
    total = tf.reduce_sum(weights * cells, axis=(1, 2))
    return total / tf.maximum(tf.reduce_sum(weights, axis=(1, 2)), 1.0)
