"""GroupedConv2D against a loop over groups, and against Keras."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import GroupedConv2D


def loop(x, kernel, groups):
    """Valid convolution, `kernel` as that of Keras, position by position."""
    height, width, inputs, filters = kernel.shape
    rows, columns = x.shape[1] - height + 1, x.shape[2] - width + 1
    y = np.zeros((len(x), rows, columns, filters))
    for row, column, output in np.ndindex(rows, columns, filters):
        first = output // (filters // groups) * inputs
        window = x[:, row : row + height, column : column + width, first:][
            ..., :inputs
        ]
        y[:, row, column, output] = (window * kernel[..., output]).sum(
            (1, 2, 3)
        )
    return y


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_matches_a_loop_over_positions_and_maps(groups):
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 6)).astype("float32")
    layer = GroupedConv2D(12, (3, 2), groups=groups, use_bias=False)
    y = ops.convert_to_numpy(layer(x))
    [kernel] = layer.get_weights()
    assert kernel.shape == (3, 2, 6 // groups, 12)
    np.testing.assert_allclose(y, loop(x, kernel, groups), atol=1e-5)


@pytest.mark.one_backend
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_has_the_weights_and_results_of_keras(padding):
    x = np.random.default_rng(0).normal(size=(2, 7, 7, 4)).astype("float32")
    options = {"strides": 2, "padding": padding, "activation": "relu"}
    ours = GroupedConv2D(6, 3, groups=2, **options)
    theirs = keras.layers.Conv2D(6, 3, groups=2, **options)
    ours(x), theirs(x)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(
        ops.convert_to_numpy(ours(x)),
        ops.convert_to_numpy(theirs(x)),
        atol=1e-5,
    )


def test_rejects_channels_that_cannot_be_divided():
    with pytest.raises(ValueError, match="divisible by the number of groups"):
        GroupedConv2D(6, 3, groups=2)(np.zeros((1, 4, 4, 3)))
