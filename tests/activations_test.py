"""Activations against definitions, derivatives against finite differences."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.activations import (
    DERIVATIVES,
    derivative_from_output,
    scaled_tanh,
)


def test_scaled_tanh_is_the_published_function():
    x = np.linspace(-4, 4, 33, dtype="float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(scaled_tanh(x)),
        [1.7159 * np.tanh(2 * value / 3) for value in x],
        rtol=1e-5,
    )


def test_targets_of_one_are_fixed_points():
    """LeCun et al., 1998, appendix A: f(1) = 1 and f(-1) = -1."""
    np.testing.assert_allclose(
        ops.convert_to_numpy(scaled_tanh(np.array([-1.0, 1.0]))),
        [-1, 1],
        atol=1e-4,
    )


@pytest.mark.parametrize("activation", DERIVATIVES, ids=lambda f: f.__name__)
def test_a_derivative_from_the_output_matches_central_differences(activation):
    x = np.array([-4.0, -2.1, -0.3, 0.2, 1.7, 4.0], "float32")
    h = 1e-2
    differences = (activation(x + h) - activation(x - h)) / (2 * h)
    derivative = derivative_from_output(activation)
    np.testing.assert_allclose(
        ops.convert_to_numpy(derivative(activation(x))),
        ops.convert_to_numpy(differences),
        atol=1e-3,
    )


def test_an_unknown_derivative_is_none():
    assert derivative_from_output(keras.activations.softsign) is None
