"""Layer graphs: chains, branches, nested models."""

import re

import keras
import pytest
from keras import layers

from dlunits.models.autoencoders.layer_graph import (
    inbound_names,
    iterate_layers,
    non_sequential_part,
    operations,
    producer,
)


def functional(make):
    inputs = keras.Input((4,), name="x")
    return keras.Model(inputs, make(inputs))


def dense(name="dense", **options):
    return layers.Dense(4, name=name, **options)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = dense()

    def call(self, x):
        return self.dense(x)


def test_layers_of_nested_models_are_included():
    inner = keras.Sequential([keras.Input((4,)), dense("a")], name="inner")
    outer = keras.Sequential([keras.Input((4,)), inner, dense("b")])
    assert [x.name for x in iterate_layers(outer)] == ["inner", "a", "b"]


def test_every_call_has_the_names_of_its_inputs():
    shared = dense("shared")
    model = functional(
        lambda x: layers.Add(name="add")([shared(x), shared(shared(x))])
    )
    assert inbound_names(model) == {
        "x": [],
        "shared": [["x"], ["x"], ["shared"]],
        "add": [["shared", "shared"]],
    }


def test_inputs_in_a_sequential_model_are_in_its_order():
    model = keras.Sequential([keras.Input((4,)), dense("a"), dense("b")])
    assert inbound_names(model) == {"a": [], "b": [["a"]]}
    assert operations(model) == model.layers


CHAINS = {
    "sequential": lambda: keras.Sequential([keras.Input((4,)), dense()]),
    "functional": lambda: functional(lambda x: layers.ReLU()(dense()(x))),
    "a model in it": lambda: functional(CHAINS["sequential"]()),
    "a layer that another model has too": lambda: functional(
        functional(dense()).layers[-1]
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_is_sequential(name):
    assert non_sequential_part(CHAINS[name]()) == ""


BRANCHES = {
    "operation 'multiply.*' of Multiply": lambda: functional(
        lambda x: dense()(100 * x)
    ),
    r"layer 'sum' with the inputs .*'x', 'dense'": lambda: functional(
        lambda x: layers.Add(name="sum")([x, dense()(x)])
    ),
    r"layer 'b' with the inputs \[\['x'\]\]": lambda: keras.Model(
        inputs := keras.Input((4,), name="x"),
        [dense("a")(inputs), dense("b")(inputs)],
    ),
    r"layer 'twice' with the inputs .*'x'.*'twice'": lambda: functional(
        lambda x: (twice := dense("twice"))(twice(x))
    ),
    "class Subclassed": Subclassed,
}


@pytest.mark.parametrize("message", BRANCHES)
def test_the_first_part_off_the_chain_is_named(message):
    assert re.search(message, non_sequential_part(BRANCHES[message]()))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda x: dense()(x), "dense"),
        (
            lambda x: layers.Reshape((2, 2))(layers.Flatten()(dense()(x))),
            "dense",
        ),
        (keras.Sequential([keras.Input((4,)), dense("inner")]), "inner"),
        (lambda x: layers.Flatten()(x), None),  # produced outside the model
        (lambda x: layers.Flatten()(100 * x), None),
        (lambda x: 100 * x, None),
        (lambda x: (flat := layers.Flatten())(flat(dense()(x))), None),
    ],
)
def test_the_producer_computes_the_values(make, name):
    assert getattr(producer(functional(make)), "name", None) == name


def test_the_producer_in_a_subclassed_model_is_not_known():
    model = Subclassed()
    assert producer(model) is None
    assert producer(layers.Flatten(), model) is None
    assert producer(model.dense, model) is model.dense
