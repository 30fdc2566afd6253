"""TiedConv2DTranspose against Conv2DTranspose with the same kernel."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import TiedConv2DTranspose


def convolution(**options):
    """Convolution from 2 channels to 3."""
    options = {"kernel_size": (3, 2), "strides": 2, **options}
    initializer = keras.initializers.GlorotUniform(seed=0)
    layer = keras.layers.Conv2D(
        3, kernel_initializer=initializer, use_bias=False, **options
    )
    first = options.get("data_format") == "channels_first"
    layer.build((None, 2, None, None) if first else (None, None, None, 2))
    return layer


def draw(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, (1, 3)])
def test_equals_conv2d_transpose_with_the_same_kernel(strides, padding):
    layer = convolution(strides=strides, padding=padding)
    tied = TiedConv2DTranspose(layer, "tanh", bias_initializer="ones")
    h = draw(4, 3, 5, 3)
    keras_own = keras.layers.Conv2DTranspose(
        2, (3, 2), strides, padding, activation="tanh", bias_initializer="ones"
    )
    keras_own.build(h.shape)
    keras_own.set_weights([layer.get_weights()[0], np.ones(2)])
    expected = ops.convert_to_numpy(keras_own(h))
    assert tied.compute_output_shape(h.shape) == expected.shape
    np.testing.assert_allclose(ops.convert_to_numpy(tied(h)), expected, 1e-5)


@pytest.mark.parametrize(
    ("padding", "shape"), [("same", (6, 4)), ("valid", (7, 4))]
)
def test_is_the_adjoint_of_the_convolution(padding, shape):
    """<conv(x), h> = <x, transposed(h)> for every x and h."""
    layer = convolution(padding=padding)
    tied = TiedConv2DTranspose(layer, use_bias=False)
    x = draw(5, *shape, 2)
    y = ops.convert_to_numpy(layer(x))
    h = y + draw(*y.shape)  # so that the product is far from 0
    back = ops.convert_to_numpy(tied(h))
    assert back.shape == x.shape
    left, right = np.sum(y * h), np.sum(x * back)
    assert abs(left) > 1
    assert left == pytest.approx(right, rel=1e-4)


def test_channels_are_first_if_those_of_the_convolution_are():
    tied = TiedConv2DTranspose(
        convolution(padding="valid", data_format="channels_first")
    )
    shape = (None, 3, None, 6)
    assert tied.compute_output_shape(shape) == (None, 2, None, 12)
    tied.build(shape)
    assert tied.bias.shape == (2,)


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow",
    reason="TensorFlow takes channels first on GPUs only.",
)
def test_channels_first_and_channels_last_give_the_same_result():
    layer, last = (
        convolution(padding="valid", data_format=f"channels_{place}")
        for place in ("first", "last")
    )
    last.set_weights(layer.get_weights())
    tied, tied_last = (
        TiedConv2DTranspose(conv, bias_initializer="ones")
        for conv in (layer, last)
    )
    h = draw(4, 3, 5, 6)
    expected = ops.convert_to_numpy(tied_last(h.transpose(0, 2, 3, 1)))
    np.testing.assert_allclose(
        ops.convert_to_numpy(tied(h)), expected.transpose(0, 3, 1, 2), 1e-5
    )


def test_a_training_step_of_the_tied_layer_changes_the_convolution():
    layer = convolution()
    tied = TiedConv2DTranspose(layer)
    model = keras.Sequential([keras.Input((4, 4, 3)), tied])
    model.compile("sgd", "mse")
    before = layer.get_weights()[0]
    target = np.ones((2, *model.output_shape[1:]))
    model.fit(draw(2, 4, 4, 3), target, verbose=0)
    after = layer.get_weights()[0]
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(tied.get_weights()[0], after)


def test_rejects_layers_that_it_cannot_be_tied_to():
    grouped = keras.layers.Conv2D(4, 2, groups=2)
    grouped.build((None, None, None, 2))
    for other in (keras.layers.Conv2D(3, 2), keras.layers.Flatten(), "code"):
        with pytest.raises(
            ValueError, match=r"must be a built `keras\.layers\.Conv"
        ):
            TiedConv2DTranspose(other)
    with pytest.raises(ValueError, match=r"has no groups.*groups=2"):
        TiedConv2DTranspose(grouped)
    with pytest.raises(ValueError, match="must have 3 features"):
        TiedConv2DTranspose(convolution()).build((None, 4, 4, 2))
