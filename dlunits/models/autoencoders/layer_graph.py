"""Graph of the layers of a Keras model."""

from collections.abc import Iterator
from typing import Any

import keras

from dlunits.layers import MovingMeanSparsity
from dlunits.losses.contractive_penalty import RESHAPING_LAYERS

PASS_THROUGH_LAYERS = (*RESHAPING_LAYERS, MovingMeanSparsity)


def iterate_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yields the layers of a model and, recursively, of models inside it."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from iterate_layers(layer)


def operations(model: keras.Model) -> list[Any]:
    """Returns layers and other operations, such as `x * 2`, in order of calls.

    The list is empty for a model whose class defines `call`.
    """
    if isinstance(model, keras.Sequential):
        return model.layers
    return getattr(model, "operations", [])


def inbound_names(model: keras.Model) -> dict[str, list[list[str]]]:
    """Names of the inputs of each operation, one list per call.

    Example:

    >>> inputs = keras.Input((2,), name="x")
    >>> twice = keras.layers.Dense(2, name="twice")
    >>> inbound_names(keras.Model(inputs, twice(twice(inputs))))
    {'x': [], 'twice': [['x'], ['twice']]}
    """
    if isinstance(model, keras.Sequential):
        names = [layer.name for layer in model.layers]
        calls: list[list[list[str]]] = [[], *([[name]] for name in names)]
        return dict(zip(names, calls, strict=False))
    return {
        step["name"]: [input_names(node) for node in step["inbound_nodes"]]
        for step in model.get_config().get("layers", ())
    }


def input_names(node: Any) -> list[str]:
    """Names of the operations whose outputs are inputs of a call."""
    if isinstance(node, dict):
        if "keras_history" in node:
            return [node["keras_history"][0]]
        node = list(node.values())
    if not isinstance(node, list | tuple):
        return []
    return [name for part in node for name in input_names(part)]


def producer(
    layer: Any, model: keras.Model | None = None
) -> keras.layers.Layer | None:
    """Returns the layer that computes the output values of a layer.

    Layers that only pass or reshape their inputs are skipped. The producer of
    a model is that of its last layer.

    Args:
        layer: Keras layer or model.
        model: Model that contains `layer`.

    Returns:
        Keras layer, or `None` if the producer is outside `model`, not unique,
        or not a layer.

    Example:

    >>> layers = [keras.layers.Dense(4, name="made"), keras.layers.Flatten()]
    >>> producer(keras.Sequential([keras.Input((2,)), *layers])).name
    'made'
    """
    if hasattr(layer, "layers"):
        parts = operations(layer)
        return producer(parts[-1], layer) if parts else None
    if not isinstance(layer, keras.layers.Layer):
        return None
    if type(layer) not in PASS_THROUGH_LAYERS:
        return layer
    named = {part.name: part for part in operations(model)}
    calls = inbound_names(model).get(layer.name, []) if named else []
    names = [name for call in calls for name in call]
    return producer(named[names[0]], model) if len(names) == 1 else None


def non_sequential_part(model: keras.Model) -> str:
    """Describes the first part of a model that is not a chain of layers.

    Returns:
        Description, or "" if each layer has the output of the previous layer
        as its only input.

    Example:

    >>> x = keras.Input((2,), name="x")
    >>> y = keras.layers.Dense(2, name="y")(x)
    >>> non_sequential_part(keras.Model(x, y))
    ''
    >>> z = keras.layers.Add(name="z")([x, y])
    >>> non_sequential_part(keras.Model(x, z))
    "the layer 'z' with the inputs [['x', 'y']]"
    """
    if not operations(model):
        return f"a model of class {type(model).__name__}"
    calls = inbound_names(model)
    expected: list[list[str]] = []
    for step in operations(model):
        if not isinstance(step, keras.layers.Layer):
            return f"the operation {step.name!r} of {type(step).__name__}"
        inputs = calls.get(step.name)
        if inputs != expected:
            return f"the layer {step.name!r} with the inputs {inputs}"
        expected = [[step.name]]
    return ""
