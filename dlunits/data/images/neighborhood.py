"""3x3 neighborhood operations on images: sum, mean, maximum, dilation."""

from collections.abc import Callable

import tensorflow as tf

from dlunits.typing import Tensor


def combine_3x3(
    combine: Callable[[Tensor, Tensor], Tensor],
    values: Tensor,
    mode: str = "CONSTANT",
) -> Tensor:
    """Combines each pixel with its 8 neighbors.

    Args:
        combine: Function of two tensors, such as `tf.add` or `tf.maximum`.
        values: `(batch, height, width, ...)`.
        mode: Padding mode of `tf.pad`; by default, pixels outside are 0.

    Returns:
        Tensor of the shape of `values`.

    Example:

    Sums in a row of ones; at its ends there are two pixels.

    >>> combine_3x3(tf.add, tf.ones((1, 1, 4))).numpy().tolist()
    [[[2.0, 3.0, 3.0, 2.0]]]
    """
    values = tf.convert_to_tensor(values)
    others = [[0, 0]] * (values.shape.rank - 3)
    padded = tf.pad(values, [[0, 0], [1, 1], [1, 1], *others], mode)
    rows = combine(combine(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return combine(combine(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])


def mean_3x3(values: Tensor) -> Tensor:
    """Mean of each pixel and its 8 neighbors; the border is repeated.

    Args:
        values: `(batch, height, width, ...)`, floats.

    Returns:
        Tensor of the same shape.

    Example:

    >>> mean_3x3(tf.constant([[[0.0, 3, 0, 0]]])).numpy().tolist()
    [[[1.0, 1.0, 1.0, 0.0]]]
    """
    return combine_3x3(tf.add, values, "SYMMETRIC") / 9


def dilate(mask: Tensor, steps: int = 1) -> Tensor:
    """Morphological dilation by a square of `2 * steps + 1` pixels.

    Args:
        mask: `(batch, height, width)`, bool.
        steps: Positive integer.

    Returns:
        `(batch, height, width)`, bool.

    Example:

    >>> mask = tf.constant([[[False, False, True]]])
    >>> dilate(mask).numpy().tolist()
    [[[False, True, True]]]
    """
    for _ in range(steps):
        mask = combine_3x3(tf.logical_or, mask)
    return mask
