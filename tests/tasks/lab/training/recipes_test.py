"""Grids of the training lab, and the networks of their recipes."""

import dataclasses

import keras
import numpy as np
import pytest

from dlunits.tasks.lab.sources import LabData
from dlunits.tasks.lab.training.recipes import (
    FACTORS,
    Recipe,
    cloned_network,
    dense_network,
    make_runs,
)


def split(rows, num_classes):
    x = np.zeros((rows, 3), "float32")
    y = np.arange(rows) % num_classes if num_classes else x[:, :1]
    return x, y


def data_of(num_classes):
    splits = [split(rows, num_classes) for rows in (64, 4, 4)]
    return LabData("zeros", "Zeros.", tuple("ab"[:num_classes]), *splits)


DATA = data_of(2)


@pytest.mark.parametrize("factor", FACTORS)
def test_the_default_values_of_a_factor_change_one_setting(factor):
    runs = make_runs([factor], None, Recipe(), DATA, 1)
    assert len(runs) >= 3
    settings = [dataclasses.asdict(run.recipe) for run in runs]
    changed = {
        name
        for each in settings
        for name in each
        if each[name] != settings[0][name]
    }
    expected = {
        "gradient_descent": {"optimizer", "batch_size"},
        "depth": {"num_layers"},
        "width": {"units"},
    }
    assert changed == expected.get(factor, {factor})


def test_batch_gradient_descent_takes_all_examples_and_stochastic_one():
    runs = make_runs(["gradient_descent"], None, Recipe(), DATA, 1)
    sizes = {run.label: run.recipe.examples_per_update(DATA) for run in runs}
    assert sizes["batch"] == 64
    assert sizes["stochastic"] == 1
    assert sizes["mini_batch"] == sizes["adam"] == 32


def test_a_regression_compares_losses_of_regressions():
    runs = make_runs(["loss"], None, Recipe(), data_of(0), 1)
    assert [run.label for run in runs] == [
        *("mean_squared_error", "mean_absolute_error")
    ]


# Name -> factors, values, number of seeds, message.
BAD = {
    "a grid of no run": (["optimizer"], "", 3, "grid has 0 runs"),
    "no seeds": (["optimizer"], None, 0, "grid has 0 runs"),
    "1,000 runs": (
        ["learning_rate", "width"],
        "0.1,0.2;" + ",".join(map(str, range(1, 11))),
        50,
        r"grid has 1,000 runs: 2 x 10 values.*times 50 seeds",
    ),
    "unknown factor": (["color"], None, 1, "--compare must be.*'color'"),
    "three factors": (
        ["depth", "width", "loss"],
        None,
        1,
        "one factor, or two",
    ),
    "the same twice": (["depth", "depth"], None, 1, "two different"),
    "exclusive": (["gradient_descent", "optimizer"], None, 1, "together"),
    "one list for two": (["depth", "width"], "1,2", 1, "one list for each"),
    "unknown optimizer": (["optimizer"], "sgd,adma", 1, "'adma'"),
    "negative rate": (["learning_rate"], "-1", 1, "positive numbers.*'-1'"),
    "nan": (["learning_rate"], "nan", 1, "positive numbers.*'nan'"),
    "half a layer": (["depth"], "0.5", 1, "integers from 0 to 100.*'0.5'"),
    "too many examples": (["data_size"], "65", 1, "from 1 to 64.*'65'"),
    "dropout of 1": (["regularizer"], "dropout:1", 1, "below 1"),
    "zeros with a deviation": (["initializer"], "zeros:2", 1, "only random"),
    "repeated values": (["width"], "4,4", 1, "must be different"),
}


@pytest.mark.parametrize("name", BAD)
def test_impossible_grids_are_refused_in_one_line(name):
    factors, values, seeds, message = BAD[name]
    with pytest.raises(ValueError, match=message) as error:
        make_runs(factors, values, Recipe(), DATA, seeds)
    assert "\n" not in str(error.value)


def test_a_recipe_decides_the_network():
    recipe = Recipe(
        activation="leaky_relu",
        negative_slope=0.02,
        initializer="random_normal:0.5",
        regularizer="l2:0.03",
        units=5,
        num_layers=2,
    )
    network = dense_network(recipe, (4, 4, 1), 3)
    names = [layer.__class__.__name__ for layer in network.layers]
    assert names == ["Flatten", *["Dense", "LeakyReLU"] * 2, "Dense"]
    first = network.get_layer("hidden_1").get_config()
    assert first["kernel_regularizer"]["config"]["l2"] == pytest.approx(0.03)
    assert first["kernel_initializer"]["config"]["stddev"] == 0.5
    assert network.get_layer("leaky_relu_1").negative_slope == 0.02
    assert network.layers[-1].activation is keras.activations.softmax


def test_dropout_follows_each_hidden_layer():
    network = dense_network(Recipe(regularizer="dropout:0.2"), (4,), 2)
    rates = [
        layer.rate
        for layer in network.layers
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert rates == [0.2, 0.2]


@pytest.fixture(scope="module")
def own_model():
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "relu", name="own"),
            keras.layers.Dense(2, "softmax", name="classes"),
        ]
    )


OWN = Recipe(activation=None, initializer=None, regularizer=None)


def test_settings_replace_those_of_hidden_layers_of_a_model(own_model):
    recipe = dataclasses.replace(
        OWN, activation="tanh", initializer="zeros", regularizer="l1"
    )
    copy = cloned_network(recipe, own_model)
    own, classes = copy.layers
    assert own.activation is keras.activations.tanh
    assert classes.activation is keras.activations.softmax
    assert not copy.get_weights()[0].any()
    assert own.kernel_regularizer is not None
    assert classes.kernel_regularizer is None
    assert own_model.layers[0].activation is keras.activations.relu


def test_a_model_without_settings_to_compare_is_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Flatten()])
    recipe = dataclasses.replace(OWN, activation="tanh")
    with pytest.raises(ValueError, match="no hidden layer with an activation"):
        cloned_network(recipe, model)


def test_dropout_cannot_be_added_to_a_model(own_model):
    recipe = dataclasses.replace(OWN, regularizer="dropout")
    with pytest.raises(ValueError, match="Dropout cannot be added"):
        cloned_network(recipe, own_model)
