"""Central differences, for penalties on gradients."""

import numpy as np
import pytest
from keras import ops

STEP = 1e-2


@pytest.fixture
def squared_slope_np():
    """Function of a network and an example: squared norm of the gradient."""

    def squared_slope(network, x):
        total = 0.0
        for place in np.ndindex(x.shape):
            ahead, behind = x.copy(), x.copy()
            ahead[place] += STEP
            behind[place] -= STEP
            answers = network(np.stack([ahead, behind]))
            answers = ops.convert_to_numpy(answers)
            total += float((answers[0] - answers[1])[0] / (2 * STEP)) ** 2
        return total

    return squared_slope


@pytest.fixture
def slope_by_weight_np():
    """Function of a scalar function, a kernel and an index: the derivative."""

    def slope_by_weight(number, kernel, place):
        step = np.zeros(kernel.shape, "float32")
        step[place] = STEP
        values = []
        for sign in (1, -1):
            kernel.assign(kernel + sign * step)
            values.append(float(number()))
            kernel.assign(kernel - sign * step)
        return (values[0] - values[1]) / (2 * STEP)

    return slope_by_weight
