"""Functions of the report of the convolution lab; tests/apps has a full run."""

import keras
import pytest

from dlunits.models import LeNet5
from dlunits.tasks.lab.convolution.report import map_layers, part_of


@pytest.mark.parametrize(
    ("layer", "part"),
    [
        (keras.layers.Conv2D(1, 1), "convolution and activation"),
        (keras.layers.SeparableConv1D(1, 1), "convolution and activation"),
        (keras.layers.AveragePooling2D(2), "pooling"),
        (keras.layers.GlobalMaxPooling3D(), "global pooling"),
        (keras.layers.Dense(1), "fully connected"),
        (keras.layers.ReLU(), "activation"),
        (keras.layers.Flatten(), ""),
    ],
)
def test_parts_are_named_by_the_class_of_the_layer(layer, part):
    assert part_of(layer, last=False) == part
    assert part_of(layer, last=True) == "output"


def test_maps_of_lenet_are_those_larger_than_a_pixel():
    assert map_layers(LeNet5()) == ["c1", "s2", "c3", "s4"]
