"""Probabilities and logits are distinguished by their values."""

import keras
import numpy as np
import pytest

from dlunits.tasks.lab.output_probabilities import (
    cross_entropy,
    returns_probabilities,
)


def network(*last):
    layers = [keras.Input((3,)), keras.layers.Dense(4, "relu"), *last]
    return keras.Sequential(layers)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ([keras.layers.Dense(2, "softmax")], True),
        ([keras.layers.Dense(2), keras.layers.Softmax()], True),
        ([network(keras.layers.Dense(3, "softmax", dtype="float16"))], True),
        ([keras.layers.Dense(2)], False),
        ([keras.layers.Dense(2, "sigmoid")], False),
    ],
)
def test_probabilities_add_up_to_one(last, expected):
    first = [keras.layers.Dense(3)] * isinstance(last[0], keras.Model)
    model = network(*first, *last)
    assert returns_probabilities(model, (3,)) is expected
    assert cross_entropy(model, (3,)).from_logits is not expected


def test_a_softmax_that_is_no_layer_counts():
    inputs = keras.Input((3,))
    outputs = keras.ops.softmax(keras.layers.Dense(2)(inputs))
    assert returns_probabilities(keras.Model(inputs, outputs), (3,))


def test_weights_of_a_diverged_training_do_not_count():
    model = network(keras.layers.Dense(2, "softmax"))
    broken = [np.full_like(array, np.nan) for array in model.get_weights()]
    model.set_weights(broken)
    assert returns_probabilities(model, (3,))
    assert np.isnan(model.get_weights()[0]).all()
