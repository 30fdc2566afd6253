"""AlexNet against the sizes and counts of its paper."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.models import AlexNet


def layer_sizes(model):
    return {
        layer.name: (tuple(layer.output.shape[1:]), layer.count_params())
        for layer in model.layers
    }


@pytest.fixture(scope="module")
def full_sizes():
    """Output shape and parameters of the layers of both full networks."""
    return {
        variant: layer_sizes(AlexNet(variant=variant))
        for variant in ("grouped", "ungrouped")
    }


def test_layers_have_the_sizes_and_parameters_of_the_paper(full_sizes):
    """By hand: (height * width * maps in / groups + 1) * maps out."""
    expected = {
        "conv1": ((55, 55, 96), (11 * 11 * 3 + 1) * 96),
        "pool1": ((27, 27, 96), 0),
        "conv2": ((27, 27, 256), (25 * 48 + 1) * 256),
        "pool2": ((13, 13, 256), 0),
        "conv3": ((13, 13, 384), (9 * 256 + 1) * 384),
        "conv4": ((13, 13, 384), (9 * 192 + 1) * 384),
        "conv5": ((13, 13, 256), (9 * 192 + 1) * 256),
        "pool5": ((6, 6, 256), 0),
        "fc6": ((4096,), (6 * 6 * 256 + 1) * 4096),
        "fc7": ((4096,), (4096 + 1) * 4096),
        "output": ((1000,), (4096 + 1) * 1000),
    }
    assert expected.items() <= full_sizes["grouped"].items()
    expected |= {
        "conv2": ((27, 27, 256), (25 * 96 + 1) * 256),
        "conv4": ((13, 13, 384), (9 * 384 + 1) * 384),
        "conv5": ((13, 13, 256), (9 * 384 + 1) * 256),
    }
    assert expected.items() <= full_sizes["ungrouped"].items()


@pytest.mark.parametrize(
    ("variant", "parameters"),
    [("grouped", 60_965_224), ("ungrouped", 62_378_344)],
)
def test_number_of_parameters_is_pinned(full_sizes, variant, parameters):
    assert sum(count for _, count in full_sizes[variant].values()) == parameters


def test_has_the_papers_650_thousand_neurons(full_sizes):
    """Units of the eight layers with weights.

    The paper gives the numbers from the second layer on: 186,624, 64,896,
    64,896, 43,264, 4,096, 4,096 and 1,000. conv1 has 55 * 55 * 96 = 290,400.
    """
    names = [f"conv{i}" for i in range(1, 6)] + ["fc6", "fc7", "output"]
    shapes = [full_sizes["grouped"][name][0] for name in names]
    neurons = [math.prod(shape) for shape in shapes]
    assert neurons[1:] == [186_624, 64_896, 64_896, 43_264, 4_096, 4_096, 1_000]
    assert sum(neurons) == 659_272


def test_width_scales_maps_and_units():
    """A tenth of the paper's numbers, rounded to even ones."""
    sizes = layer_sizes(AlexNet(5, width=0.1, input_shape=(67, 99, 1)))
    assert sizes["conv1"] == ((15, 23, 10), (11 * 11 * 1 + 1) * 10)
    assert sizes["conv2"] == ((7, 11, 26), (25 * 5 + 1) * 26)
    assert sizes["pool5"][0] == (1, 2, 26)
    assert sizes["fc6"] == ((410,), (2 * 26 + 1) * 410)
    assert sizes["output"] == ((5,), (410 + 1) * 5)


def test_memorizes_eight_images():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).uniform(size=(8, 67, 67, 3))
    labels = np.arange(8) % 4
    model = AlexNet(4, width=0.05, input_shape=(67, 67, 3), dropout=0.0)
    model.compile(
        keras.optimizers.Adam(1e-3),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, labels, batch_size=8, epochs=12, verbose=0)
    assert model.evaluate(x, labels, verbose=0)[1] == 1
    scores = ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "num_classes=1"),
        ({"variant": "two"}, "variant='two'"),
        ({"width": 0}, "width=0"),
        ({"width": float("nan")}, "width=nan"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"input_shape": (66, 227, 3)}, r"input_shape=\(66, 227, 3\)"),
        ({"input_shape": (227, 227)}, r"input_shape=\(227, 227\)"),
    ],
)
def test_rejects_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        AlexNet(**arguments)
