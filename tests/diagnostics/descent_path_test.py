"""Paths of optimizers, against the updates of their papers."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.diagnostics import descent_path

RATE, MOMENTUM, STEPS = 0.1, 0.9, 6
SCALES = np.array([1.0, 5.0])  # of f(x) = sum(scales * x^2) / 2


def function(x):
    return ops.sum(ops.convert_to_tensor(SCALES, "float32") * x**2) / 2


def slope(x):
    return SCALES * x


def momentum(x, v):
    """Polyak, 1964."""
    v = MOMENTUM * v - RATE * slope(x)
    return x + v, v


def nesterov(x, v):
    """Sutskever et al., 2013, in terms of the look-ahead point y = x + m v.

    The gradient is that at y, and y is the value of the weights.
    """
    y, v_before = x, v
    behind = y - MOMENTUM * v_before
    v = MOMENTUM * v_before - RATE * slope(y)
    return behind + v + MOMENTUM * v, v


def plain(x, v):
    return x - RATE * slope(x), v


@pytest.mark.parametrize(
    ("optimizer", "update"),
    [
        (keras.optimizers.SGD(RATE), plain),
        (keras.optimizers.SGD(RATE, MOMENTUM), momentum),
        (keras.optimizers.SGD(RATE, MOMENTUM, nesterov=True), nesterov),
    ],
)
def test_paths_are_those_of_the_equations(optimizer, update):
    path = descent_path(function, [2.0, 1.0], optimizer, STEPS)
    x, v = np.array([2.0, 1.0]), np.zeros(2)
    expected = [x]
    for _ in range(STEPS):
        x, v = update(x, v)
        expected.append(x)
    np.testing.assert_allclose(path, expected, rtol=1e-4, atol=1e-6)


def test_a_diverging_path_is_returned():
    path = descent_path(function, [1.0, 1.0], keras.optimizers.SGD(1e3), 20)
    assert not np.isfinite(path[-1]).all()
