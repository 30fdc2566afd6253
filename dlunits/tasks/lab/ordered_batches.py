"""Mini-batches of examples in a given order."""

import numpy as np
import tensorflow as tf

from dlunits.data.batches import disable_autotune
from dlunits.tasks.lab.keras_code import epoch_order
from dlunits.typing import Array


def batches_of_epochs(
    x: Array, targets: Array, *, seed: int, epochs: int, batch_size: int
) -> tf.data.Dataset:
    """Mini-batches of all epochs, in the order of `keras_code.epoch_order`.

    Pass them to `fit` with `steps_per_epoch=len(x) // batch_size`.

    Args:
        x: Examples.
        targets: Their targets.
        seed: Seed of the run.
        epochs: Number of epochs.
        batch_size: Examples per mini-batch, at most `len(x)`.

    Returns:
        Dataset of `(x, targets)`.
    """
    orders = [
        epoch_order(seed, epoch, len(x), batch_size) for epoch in range(epochs)
    ]
    return batches_of(x, targets, np.concatenate(orders), batch_size)


def batches_of(
    x: Array, targets: Array, order: Array, batch_size: int
) -> tf.data.Dataset:
    """Mini-batches of examples in a given order.

    Args:
        x: Examples.
        targets: Their targets.
        order: Indices of examples.
        batch_size: Examples per mini-batch; the last one may be smaller.

    Returns:
        Dataset of `(x, targets)`.

    Example:

    >>> x = np.array([5.0, 6.0, 7.0])
    >>> batches = batches_of(x, x, np.array([2, 0, 1]), batch_size=2)
    >>> [rows.tolist() for rows, _ in batches.as_numpy_iterator()]
    [[7.0, 5.0], [6.0]]
    """
    arrays = tf.constant(x), tf.constant(targets)
    return disable_autotune(
        tf.data.Dataset.from_tensor_slices(order)
        .batch(batch_size)
        .map(lambda rows: tuple(tf.gather(array, rows) for array in arrays))
        .prefetch(2)
    )
