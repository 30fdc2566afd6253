"""Path of an optimizer on a function of a few variables."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from dlunits.autodiff import gradients
from dlunits.typing import Array, Tensor


def descent_path(
    function: Callable[[Tensor], Tensor],
    start: Sequence[float],
    optimizer: keras.optimizers.Optimizer,
    steps: int,
) -> Array:
    """Path of a Keras optimizer on a loss function of a few variables.

    Use it to compare optimizers on a surface that can be plotted, with exact
    gradients instead of those of mini-batches.

    Args:
        function: Function that maps a tensor `(n,)` to a scalar, in
            `keras.ops`.
        start: First point, `n` numbers.
        optimizer: Keras optimizer that has not been used yet.
        steps: Positive integer, number of updates.

    Returns:
        float32 array `(steps + 1, n)`, the start and the point after each
        update.

    Example, gradient descent on x^2 with the learning rate 0.25, which halves
    x in each step:

    >>> path = descent_path(
    ...     lambda x: ops.sum(x**2), [8.0], keras.optimizers.SGD(0.25), 3
    ... )
    >>> path.ravel().tolist()
    [8.0, 4.0, 2.0, 1.0]
    """
    point = keras.Variable(np.asarray(start, "float32"), name="point")
    optimizer.build([point])

    def step() -> Tensor:
        _, _, slopes = gradients(lambda: (function(point.value), ()), [point])
        optimizer.apply(slopes, [point])
        return ops.convert_to_tensor(point)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        step = tf.function(step)
    path = [np.asarray(start, "float32")]
    for _ in range(steps):
        path.append(ops.convert_to_numpy(step()))
    return np.stack(path)
