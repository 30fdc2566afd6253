"""Saturated activations and dead units, against counts by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.diagnostics import activation_saturation

Z = np.array([[-9.0, 0.0], [-8.0, 1.0], [-7.0, 9.0]], "float32")


def model_of(*layers):
    """A model whose first layer is the identity of two units."""
    return keras.Sequential([keras.Input((2,)), *layers])


def identity(activation):
    return keras.layers.Dense(
        2, activation, kernel_initializer="identity", name="hidden"
    )


def shares(model, x=Z, **options):
    found = activation_saturation(model, ops.convert_to_tensor(x), **options)
    return {
        name: [round(float(share), 4) for share in pair]
        for name, pair in found.items()
    }


@pytest.mark.parametrize(
    ("activation", "saturated", "dead"),
    [
        # sigmoid' is 0.25 at 0, 0.197 at 1, and below 0.0125 from 4.4 on.
        ("sigmoid", 4 / 6, 1 / 2),
        # tanh' is 1 at 0, 0.42 at 1, and below 0.05 from 2.2 on.
        ("tanh", 4 / 6, 1 / 2),
        ("relu", 4 / 6, 1 / 2),  # negative, and 0
        ("leaky_relu", 0, 0),  # the slope 0.2 is above the threshold
        # y (1 - y): 0.0001; 0.0001; 0.0000001 for both units
        ("softmax", 1, 1),
    ],
)
def test_shares_are_those_counted_by_hand(activation, saturated, dead):
    expected = {"hidden": [round(saturated, 4), round(dead, 4)]}
    assert shares(model_of(identity(activation))) == expected


@pytest.mark.parametrize(
    ("layer", "same_as"),
    [
        (keras.layers.ReLU(name="hidden"), "relu"),
        (keras.layers.Activation("tanh", name="hidden"), "tanh"),
        (keras.layers.LeakyReLU(0.2, name="hidden"), "leaky_relu"),
        (keras.layers.Softmax(name="hidden"), "softmax"),
    ],
)
def test_activations_may_be_layers(layer, same_as):
    assert shares(model_of(layer)) == shares(model_of(identity(same_as)))


def test_a_leaky_slope_below_the_threshold_is_saturated():
    model = model_of(keras.layers.LeakyReLU(0.01, name="hidden"))
    assert shares(model)["hidden"][0] > 0
    assert shares(model, threshold=0.001)["hidden"][0] == 0


def test_the_model_is_unchanged():
    model = model_of(identity("tanh"), keras.layers.ReLU())
    before = ops.convert_to_numpy(model(Z))
    shares(model)
    assert model.layers[0].activation is keras.activations.tanh
    assert "call" not in vars(model.layers[1])
    np.testing.assert_array_equal(ops.convert_to_numpy(model(Z)), before)


def test_nested_models_and_channels_are_counted():
    convolution = keras.layers.Conv2D(3, 1, activation="relu", name="maps")
    inner = keras.Sequential([keras.Input((4, 4, 1)), convolution])
    kernel = np.array([1.0, -1.0, 1.0], "float32").reshape(1, 1, 1, 3)
    convolution.set_weights([kernel, np.zeros(3)])
    model = keras.Sequential(
        [inner, keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    found = shares(model, np.ones((2, 4, 4, 1), "float32"))
    assert found == {"maps": [round(1 / 3, 4)] * 2}  # a channel of three


def test_the_threshold_is_checked():
    with pytest.raises(ValueError, match="`threshold` must be at least 0"):
        activation_saturation(model_of(identity("relu")), Z, threshold=1)
