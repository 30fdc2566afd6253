"""TrainableSubsampling against a loop over windows."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import TrainableSubsampling


def trainable_subsampling_np(x, coefficient, bias, height, width):
    """Activation of the scaled and shifted sum of each window."""
    rows, columns = x.shape[1] // height, x.shape[2] // width
    y = np.empty((len(x), rows, columns, x.shape[3]))
    for n, i, j, c in np.ndindex(y.shape):
        window = x[
            n, i * height : (i + 1) * height, j * width : (j + 1) * width, c
        ]
        y[n, i, j, c] = np.tanh(coefficient[c] * window.sum() + bias[c])
    return y


@pytest.mark.parametrize("pool_size", [(2, 2), (2, 3), (3, 1)])
def test_matches_a_loop_over_windows(pool_size):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 7, 8, 3)).astype("float32")
    layer = TrainableSubsampling(pool_size, activation="tanh")
    layer.build(x.shape)
    coefficient, bias = rng.normal(size=(2, 3))
    layer.set_weights([coefficient, bias])
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(x)),
        trainable_subsampling_np(x, coefficient, bias, *pool_size),
        rtol=1e-4,
        atol=1e-5,
    )


def test_starts_as_average_pooling():
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype("float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(TrainableSubsampling(2)(x)),
        ops.convert_to_numpy(keras.layers.AveragePooling2D(2)(x)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_has_two_weights_per_map():
    """Layer S2 of LeNet-5 has 6 maps and 12 weights."""
    layer = TrainableSubsampling(2)
    layer.build((None, 28, 28, 6))
    assert layer.count_params() == 12


@pytest.mark.parametrize("pool_size", [0, (2, -1), (1, 2, 3)])
def test_rejects_pool_sizes_that_are_not_positive(pool_size):
    with pytest.raises(ValueError, match="Received: pool_size="):
        TrainableSubsampling(pool_size)


def test_rejects_an_input_smaller_than_the_window():
    with pytest.raises(ValueError, match=r"at least as large.*\(None, 3, 9, 1"):
        TrainableSubsampling(4).build((None, 3, 9, 1))
