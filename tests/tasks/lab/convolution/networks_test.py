"""Sizes and costs of the compared networks."""

import pytest

from dlunits.models import LeNet5
from dlunits.tasks.lab.convolution.networks import (
    costs,
    dense_network,
    global_pooling_cnn,
)


@pytest.mark.parametrize("num_classes", [2, 10, 26])
def test_the_networks_have_about_equally_many_parameters(num_classes):
    sizes = [
        make(num_classes).count_params()
        for make in (LeNet5, global_pooling_cnn)
    ]
    dense = dense_network((28, 28, 1), num_classes, max(sizes)).count_params()
    # The dense network is the largest, by less than one unit, 785 + classes.
    assert max(sizes) <= dense < max(sizes) + 786 + num_classes
    assert dense < 1.04 * min(sizes)


def test_a_dense_network_has_at_least_one_unit():
    assert dense_network((4,), 2, 1).count_params() == 5 + 2 * 2


def test_costs_of_lenet_are_those_of_its_layers():
    cost = costs(LeNet5())
    assert cost["parameters"] == 61_706
    # C1 28 28 6 25, C3 10 10 16 150, C5 120 400, F6 84 120, output 10 84
    assert cost["multiply_adds"] == 117_600 + 240_000 + 48_000 + 10_080 + 840
    # twice as many, S2 4 14 14 6, S4 4 5 5 16
    assert cost["flops"] == 2 * cost["multiply_adds"] + 4_704 + 1_600
    # input 784, padding and scaling 1024 each, C1 4704, S2 1176, C3 1600,
    # S4 400, C5 and flatten 120 each, F6 84, output 10
    assert cost["activations"] == 784 + 2048 + 7880 + 240 + 94
    assert cost["activation_bytes"] == 4 * cost["activations"]
