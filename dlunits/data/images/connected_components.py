"""Connected components of binary images, as TensorFlow operations."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from dlunits.data.images.neighborhood import combine_3x3, dilate
from dlunits.data.images.resampling import resize_bilinear
from dlunits.typing import Tensor

# Row or column of the bounding box of a label that does not occur. It is finite
# because ONNX selects values by multiplication by 0, and 0 * infinity is NaN.
BEYOND = 1e6
MIN_GRID_SIZE, MAX_GRID_SIZE = 64, 128  # cells of the longer side of a page

# Signatures of functions that are traced once for all shapes.
VALUES = tf.TensorSpec([None] * 3, tf.float32)
MASK = tf.TensorSpec([None] * 3, tf.bool)


class Components(NamedTuple):
    """Connected components of a batch of images, with their properties.

    The properties are `(batch, cells)`, one column for each label; columns of
    labels that do not occur have the mass 0.

    Attributes:
        labels: `(batch, height, width)`, int32: the component of each cell,
            counted from 1; 0 for the background.
        mass: Sum of the weights of the cells.
        top, bottom, left, right: First and last row, first and last column.
    """

    labels: Tensor
    mass: Tensor
    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor

    @property
    def exists(self) -> Tensor:
        """Whether a label occurs."""
        return self.mass > 0

    @property
    def size(self) -> Tensor:
        """Longer side of the bounding box, in cells; 0 if it does not exist."""
        longer = tf.maximum(self.bottom - self.top, self.right - self.left)
        return tf.where(self.exists, longer + 1, 0.0)

    def sum_of(self, values: Tensor) -> Tensor:
        """Sum of values `(batch, height, width)` over each component."""
        return reduce_by_label(
            tf.tensor_scatter_nd_add, 0.0, values, self.labels
        )

    def cells_of(self, chosen: Tensor) -> Tensor:
        """Mask `(batch, height, width)` of the components `(batch, cells)`."""
        padded = tf.pad(chosen, [[0, 0], [1, 0]])
        return tf.gather(padded, self.labels, batch_dims=1)


@tf.function(autograph=False, input_signature=[VALUES, MASK])
def find_components(weights: Tensor, foreground: Tensor) -> Components:
    """Labels 8-connected components, and measures them.

    Args:
        weights: `(batch, height, width)`, float32, such as the amount of ink.
        foreground: `(batch, height, width)`, bool.

    Returns:
        `Components`.

    Example:

    Two components, of 3 cells and of 1 cell.

    >>> ink = tf.constant([[[1.0, 0, 0, 1], [0, 1, 0, 0], [0, 1, 0, 0]]])
    >>> found = find_components(ink, ink > 0)
    >>> tf.boolean_mask(found.mass, found.exists).numpy().tolist()
    [1.0, 3.0]
    >>> tf.boolean_mask(found.size, found.exists).numpy().tolist()
    [1.0, 3.0]
    """
    labels = label_components(foreground)
    height, width = tf.shape(weights)[1], tf.shape(weights)[2]
    rows = tf.range(tf.cast(height, tf.float32))[None, :, None]
    rows = tf.broadcast_to(rows, tf.shape(weights))
    columns = tf.range(tf.cast(width, tf.float32))[None, None]
    columns = tf.broadcast_to(columns, tf.shape(weights))
    add, smallest, largest = (
        tf.tensor_scatter_nd_add,
        tf.tensor_scatter_nd_min,
        tf.tensor_scatter_nd_max,
    )
    return Components(
        labels,
        mass=reduce_by_label(add, 0.0, tf.maximum(weights, 1e-6), labels),
        top=reduce_by_label(smallest, BEYOND, rows, labels),
        bottom=reduce_by_label(largest, -BEYOND, rows, labels),
        left=reduce_by_label(smallest, BEYOND, columns, labels),
        right=reduce_by_label(largest, -BEYOND, columns, labels),
    )


def reduce_by_label(
    reduce: Callable[..., Tensor],
    initial: float,
    values: Tensor,
    labels: Tensor,
) -> Tensor:
    """Segment reduction of values over each label.

    Args:
        reduce: `tf.tensor_scatter_nd_add`, `..._min` or `..._max`.
        initial: Result of labels that do not occur.
        values: `(batch, height, width)`.
        labels: `(batch, height, width)`, int32.

    Returns:
        `(batch, cells)`, one column for each label.
    """
    batch = tf.shape(labels)[0]
    cells = tf.shape(labels)[1] * tf.shape(labels)[2]
    segments = labels + (cells + 1) * tf.range(batch)[:, None, None]
    start = tf.fill([batch * (cells + 1)], initial)
    reduced = reduce_segments(reduce, start, values, segments)
    return tf.reshape(reduced, (batch, cells + 1))[:, 1:]


def reduce_segments(
    reduce: Callable[..., Tensor],
    start: Tensor,
    values: Tensor,
    segments: Tensor,
) -> Tensor:
    """Segment reduction of values into the elements of a vector.

    `tf.math.unsorted_segment_sum` does the same, but is converted to a sort in
    ONNX; a scatter is converted to one operation.

    Args:
        reduce: `tf.tensor_scatter_nd_add`, `..._min` or `..._max`.
        start: Vector that the values are reduced into.
        values: Tensor of any shape.
        segments: Tensor of the same shape, the index of each value.

    Returns:
        Vector of the shape of `start`.

    Example:

    >>> reduce_segments(
    ...     tf.tensor_scatter_nd_add, tf.zeros(3), [1.0, 2.0, 4.0], [0, 2, 0]
    ... ).numpy().tolist()
    [5.0, 0.0, 2.0]
    """
    flat = tf.reshape(segments, (-1, 1))
    return reduce(start, flat, tf.reshape(values, (-1,)))


@tf.function(autograph=False, input_signature=[MASK])
def label_components(foreground: Tensor) -> Tensor:
    """Labels 8-connected components.

    Each cell of the foreground starts with a unique label. It takes the
    largest label of its neighborhood, and then the label of the cell that
    started with this label (pointer jumping), until no label changes.

    Args:
        foreground: `(batch, height, width)`, bool.

    Returns:
        `(batch, height, width)`, int32: labels from 1; 0 for the background.
    """
    shape = tf.shape(foreground)
    batch, cells = shape[0], shape[1] * shape[2]
    ones = tf.cast(foreground, tf.int32)
    order = tf.reshape(tf.range(1, cells + 1), (1, shape[1], shape[2]))

    def grow(labels: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        grown = ones * combine_3x3(tf.maximum, labels)
        for _ in range(2):
            flat = tf.pad(tf.reshape(grown, (batch, cells)), [[0, 0], [1, 0]])
            grown = tf.gather(flat, grown, batch_dims=1)
        return grown, tf.reduce_any(grown != labels)

    labels, _ = tf.while_loop(
        lambda _, changed: changed,
        grow,
        (order * ones, tf.constant(True)),
        shape_invariants=(
            tf.TensorSpec([None] * 3, tf.int32),
            tf.TensorSpec([], tf.bool),
        ),
    )
    return labels


def reachable_from_outside(ink: Tensor) -> Tensor:
    """Background that is connected to the border, with small gaps closed.

    Args:
        ink: `(batch, height, width)`, bool.

    Returns:
        `(batch, height, width)`, bool.
    """
    margin = [[0, 0], [3, 3], [3, 3]]
    labels = label_components(~dilate(tf.pad(ink, margin)))
    return (labels == labels[:, :1, :1])[:, 3:-3, 3:-3]


def to_grid(level: Tensor) -> Tensor:
    """Resizes pages to a grid of 64 to 128 cells on the longer side.

    Args:
        level: `(batch, height, width)`, float32.

    Returns:
        `(batch, rows, columns)`, float32, with the aspect ratio of the page.
    """
    size = tf.shape(level)[1:]
    longer = tf.reduce_max(size)
    side = tf.clip_by_value(longer, MIN_GRID_SIZE, MAX_GRID_SIZE)
    cells = tf.maximum((side * size + longer // 2) // longer, 1)
    return resize_bilinear(level, cells, antialias=True)


def to_pixels(mask: Tensor, level: Tensor) -> Tensor:
    """Enlarges a mask of cells to the pixels of a page (nearest neighbor).

    Args:
        mask: `(batch, rows, columns)`, bool, see `to_grid`.
        level: Page `(batch, height, width)`.

    Returns:
        `(batch, height, width)`, float32, 0 or 1.
    """
    for axis in (1, 2):
        cells, pixels = tf.shape(mask)[axis], tf.shape(level)[axis]
        cell = (2 * tf.range(pixels) + 1) * cells // (2 * pixels)
        mask = tf.gather(mask, cell, axis=axis)
    return tf.cast(mask, tf.float32)
