"""Norms by layer, against NumPy."""

import keras
import numpy as np
from keras import ops

from dlunits.diagnostics import gradient_norms, update_ratios


def two_layers():
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh", name="first"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2, name="last"),
        ]
    )


def test_gradient_norms_are_those_of_backpropagation_by_hand():
    keras.utils.set_random_seed(0)
    model = two_layers()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3)).astype("float32")
    y = rng.normal(size=(5, 2)).astype("float32")
    norms = gradient_norms(model, x, y, keras.losses.MeanSquaredError())

    W, b, V, c = model.get_weights()
    h = np.tanh(x @ W + b)
    d_output = 2 * (h @ V + c - y) / y.size
    d_hidden = (d_output @ V.T) * (1 - h**2)
    slopes = {
        "first": [x.T @ d_hidden, d_hidden.sum(0)],
        "last": [h.T @ d_output, d_output.sum(0)],
    }
    assert list(norms) == list(slopes)
    for name, arrays in slopes.items():
        expected = np.sqrt(sum((array**2).sum() for array in arrays))
        np.testing.assert_allclose(float(norms[name]), expected, rtol=1e-5)


def test_frozen_layers_have_no_norm():
    model = two_layers()
    model.layers[0].trainable = False
    loss = keras.losses.MeanSquaredError()
    x, y = np.ones((2, 3)), np.ones((2, 2))
    assert list(gradient_norms(model, x, y, loss)) == ["last"]
    before = [ops.copy(v.value) for v in model.trainable_variables]
    assert list(update_ratios(model, before)) == ["last"]


def test_update_ratios_are_those_of_one_step_of_gradient_descent():
    keras.utils.set_random_seed(0)
    model = two_layers()
    model.layers[-1].bias.assign([1.0, 2.0])
    before = [ops.copy(v.value) for v in model.trainable_variables]
    for variable in model.trainable_variables:
        variable.assign(variable.value * 1.25)
    for ratio in update_ratios(model, before).values():
        np.testing.assert_allclose(float(ratio), 0.25, rtol=1e-5)
