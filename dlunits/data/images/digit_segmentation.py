"""Segmentation of a digit on a page with lines, dark edges and frames."""

import tensorflow as tf

from dlunits.data.images.connected_components import (
    MASK,
    VALUES,
    find_components,
    reachable_from_outside,
    to_grid,
    to_pixels,
)
from dlunits.data.images.neighborhood import dilate, mean_3x3
from dlunits.data.images.straight_lines import find_straight_lines
from dlunits.typing import Tensor

MIN_INK = 0.1  # level of a cell above which it is ink
EDGE = 0.06  # width of the edges, fraction of the longer side of the page
MIN_EDGE_MASS = 0.9  # fraction of the mass of an edge component on the edges
MIN_SIZE = 0.12  # size of the remaining digit, fraction of the shorter side
MIN_MASS = 0.03  # mass of the remaining digit, fraction of the removed mass
MIN_NESTED_SIZE = 0.25  # size of a framed component, fraction of the frame's


@tf.function(autograph=False, input_signature=[VALUES])
def remove_clutter(level: Tensor) -> Tensor:
    """Removes straight lines, dark edges and frames from pages with a digit.

    - Straight lines that cross the page, see `find_straight_lines`.
    - Components on the edges of the page, such as the dark strips and corners
      of a scan: at least 0.9 of their mass lies at an edge, within 0.06 of the
      longer side of the page.
    - Frames: closed contours, such as boxes and circles, around a component
      of at least a quarter of their size.

    Lines and edge components are removed only if a component with the size of
    a digit remains, because a 1 is a straight line, and a digit may fill the
    page.

    Args:
        level: `(batch, height, width)`, float32 in [0, 1]: the foreground.

    Returns:
        `level` with 0 at the pixels that are removed.

    Example:

    A short stroke in a frame.

    >>> page = tf.pad(tf.zeros((1, 60, 60)), [[0, 0], [2, 2], [2, 2]],
    ...               constant_values=1.0)
    >>> page += tf.pad(tf.ones((1, 30, 4)), [[0, 0], [17, 17], [30, 30]])
    >>> cleaned = remove_clutter(page)
    >>> float(tf.reduce_sum(page)), float(tf.reduce_sum(cleaned))  # 30 * 4
    (616.0, 120.0)
    """
    page = to_grid(level)
    cells = remove(page, find_straight_lines(page > MIN_INK))
    cells = remove(cells, edge_components(cells))
    cells = tf.where(dilate(frames(cells)), 0.0, cells)
    removed = (cells == 0) & (page > 0)
    return level * (1 - to_pixels(removed, level))


@tf.function(autograph=False, input_signature=[VALUES])
def main_component(level: Tensor) -> tuple[Tensor, Tensor]:
    """Mask of the pixels of the digit, and whether there are several digits.

    The component with the largest mass is the digit, together with components
    near it that are not specks: the bar of a 5, or a broken stroke.

    Args:
        level: `(batch, height, width)`, float32 in [0, 1]: the foreground.

    Returns:
        `(mask, several)`: `(batch, height, width)`, float32, 0 or 1; and
        `(batch,)`, bool.

    Example:

    A stroke, and a speck that is not part of the digit.

    >>> stroke = tf.pad(tf.ones((1, 30, 6)), [[0, 0], [17, 17], [29, 29]])
    >>> speck = tf.pad(tf.ones((1, 2, 2)), [[0, 0], [60, 2], [60, 2]])
    >>> mask, several = main_component(stroke + speck)
    >>> bool(mask[0, 30, 32] == 1), bool(mask[0, 60, 60] == 1), bool(several[0])
    (True, False, False)
    """
    cells = mean_3x3(to_grid(level))  # removes the grain of the paper
    found = find_components(cells, cells > MIN_INK)
    main = tf.argmax(found.mass, axis=1)[:, None]

    def of_main(values: Tensor) -> Tensor:
        return tf.gather(values, main, batch_dims=1)

    above = tf.maximum(
        of_main(found.top) - found.bottom, found.top - of_main(found.bottom)
    )
    beside = tf.maximum(
        of_main(found.left) - found.right, found.left - of_main(found.right)
    )
    above, beside = above - 1, beside - 1  # cells between them
    unit = tf.maximum(of_main(found.size), 1.0)
    share = found.mass / tf.maximum(of_main(found.mass), 1e-6)
    near = tf.maximum(above, beside) < 0.25 * unit
    kept = found.exists & (share > 0.04) & near
    apart = ~near | (beside > 0.1 * unit)  # bars lie above a digit, not beside
    second = (share > 0.2) & (found.size > 0.5 * unit) & apart
    mask = dilate(found.cells_of(kept))  # the faint edge of strokes
    return to_pixels(mask, level), tf.reduce_any(second, axis=1)


@tf.function(autograph=False, input_signature=[VALUES, MASK])
def remove(cells: Tensor, clutter: Tensor) -> Tensor:
    """Sets clutter to 0 on the pages on which a digit remains."""
    cleaned = tf.where(dilate(clutter), 0.0, cells)
    left = find_components(cleaned, cleaned > MIN_INK)
    mass = tf.reduce_sum(cells - cleaned, axis=(1, 2))[:, None]
    shorter = tf.cast(tf.reduce_min(tf.shape(cells)[1:]), tf.float32)
    is_digit = (left.size > MIN_SIZE * shorter) & (left.mass > MIN_MASS * mass)
    found = tf.reduce_any(is_digit, axis=1)
    return tf.where(found[:, None, None], cleaned, cells)


def edge_components(cells: Tensor) -> Tensor:
    """Mask of the components on the edges of the page."""
    found = find_components(cells, cells > MIN_INK)
    height, width = tf.shape(cells)[1], tf.shape(cells)[2]
    row, column = tf.range(height)[:, None], tf.range(width)
    away = tf.minimum(
        tf.minimum(row, height - 1 - row),
        tf.minimum(column, width - 1 - column),
    )
    on_edge = tf.cast(away, tf.float32) < EDGE * longer_side(cells)
    mass = found.sum_of(tf.where(on_edge, cells, 0.0))
    return found.cells_of(found.exists & (mass >= MIN_EDGE_MASS * found.mass))


def frames(cells: Tensor) -> Tensor:
    """Mask of the components that enclose another one of sufficient size."""
    found = find_components(cells, cells > MIN_INK)
    outside = reachable_from_outside(found.labels > 0)
    # `outside` ends a cell before the ink, since it closes small gaps.
    contour = tf.where(dilate(outside, 2), 1.0, 0.0)
    nested = found.exists & (found.sum_of(contour) == 0)
    size = tf.where(nested, found.size, 0.0)
    inner = tf.argmax(size, axis=1)[:, None]

    def of_inner(values: Tensor) -> Tensor:
        return tf.gather(values, inner, batch_dims=1)

    encloses = (
        found.exists
        & (found.top < of_inner(found.top))
        & (found.bottom > of_inner(found.bottom))
        & (found.left < of_inner(found.left))
        & (found.right > of_inner(found.right))
        & (of_inner(size) >= MIN_NESTED_SIZE * found.size)
    )
    return found.cells_of(encloses)


def longer_side(cells: Tensor) -> Tensor:
    """Longer side of a page, in cells."""
    return tf.cast(tf.reduce_max(tf.shape(cells)[1:]), tf.float32)
