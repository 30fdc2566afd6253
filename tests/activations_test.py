"""The scaled tanh against its definition."""

import numpy as np
from keras import ops

from dlunits.activations import scaled_tanh


def test_is_the_published_function():
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
