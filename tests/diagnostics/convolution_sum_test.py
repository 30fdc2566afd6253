"""Sums of products against the outputs of Keras."""

import keras
import numpy as np
import pytest

from dlunits.diagnostics import convolution_sum

LAYERS = {
    "1-D, causal": (
        keras.layers.Conv1D(2, 3, padding="causal", dilation_rate=2),
        (7, 2),
    ),
    "2-D": (keras.layers.Conv2D(3, (3, 2), activation="tanh"), (6, 5, 4)),
    "same, stride 2": (keras.layers.Conv2D(2, 4, 2, "same"), (6, 5, 1)),
    "no bias": (keras.layers.Conv2D(2, 2, use_bias=False), (3, 3, 2)),
    "grouped": (keras.layers.Conv2D(4, 3, groups=2), (4, 4, 4)),
    "3-D": (keras.layers.Conv3D(2, (2, 3, 3), activation="relu"), (3, 4, 4, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_sum_is_the_output_of_keras(name):
    keras.utils.set_random_seed(0)
    layer, shape = LAYERS[name]
    layer.bias_initializer = keras.initializers.RandomNormal()
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    outputs = keras.ops.convert_to_numpy(layer(x[None]))[0]
    last = np.array(outputs.shape) - 1
    for *position, filter_index in (0 * last, last // 2, last):
        terms = convolution_sum(layer, x, position, filter_index)
        expected = outputs[(*position, filter_index)]
        assert terms.output == pytest.approx(expected, abs=1e-5)
        assert terms.result == pytest.approx(expected, abs=1e-5)
        assert terms.patch.shape == terms.kernel.shape
        assert terms.channel_sums.sum() + terms.bias == pytest.approx(
            terms.preactivation
        )


def test_padding_adds_products_of_zero():
    layer = keras.layers.Conv2D(1, 3, padding="same", kernel_initializer="ones")
    layer.build((None, 4, 4, 1))
    terms = convolution_sum(layer, np.ones((4, 4, 1)), [0, 0])
    assert terms.products[..., 0].tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 1]]


@pytest.mark.parametrize(
    ("layer", "position", "message"),
    [
        (keras.layers.Conv2D(1, 3), [2, 0], r"shape \(2, 2, 1\).*\(2, 0\)"),
        (keras.layers.Conv2D(1, 3), [0], r"Received: \(0,\) and 0"),
        (keras.layers.Conv2DTranspose(1, 3), [0, 0], "Conv2DTranspose"),
        (keras.layers.DepthwiseConv2D(3), [0, 0], "DepthwiseConv2D"),
    ],
)
def test_another_layer_or_output_is_refused(layer, position, message):
    layer.build((None, 4, 4, 1))
    with pytest.raises(ValueError, match=message):
        convolution_sum(layer, np.zeros((4, 4, 1)), position)
