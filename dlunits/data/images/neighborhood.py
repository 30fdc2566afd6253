"""Combination of each pixel with its neighbors, as TensorFlow operations."""

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
        mode: As in `tf.pad`, what lies outside of the image; by default 0.

    Returns:
        Tensor of the shape of `values`.

    Example: sums in a row of ones, of two pixels at its ends.

    >>> combine_3x3(tf.add, tf.ones((1, 1, 4))).numpy().tolist()
    [[[2.0, 3.0, 3.0, 2.0]]]
    """
    values = tf.convert_to_tensor(values)
    others = [[0, 0]] * (values.shape.rank - 3)
    padded = tf.pad(values, [[0, 0], [1, 1], [1, 1], *others], mode)
    rows = combine(combine(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return combine(combine(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])


def mean_3x3(values: Tensor) -> Tensor:
    """Mean of each pixel and its 8 neighbors; the border is repeated."""
    return combine_3x3(tf.add, values, "SYMMETRIC") / 9


def dilate(mask: Tensor, steps: int = 1) -> Tensor:
    """Dilation by a square of `2 steps + 1` pixels."""
    for _ in range(steps):
        mask = combine_3x3(tf.logical_or, mask)
    return mask
