"""Which layer of a model takes what from which other."""

import keras

from dlunits.layers import MovingMeanSparsity
from dlunits.losses.contractive_penalty import RESHAPING_LAYERS

PASSES_VALUES_ON = (*RESHAPING_LAYERS, MovingMeanSparsity)


def all_layers(model):
    """Yields the layers of a model, and those of the models among them."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from all_layers(layer)


def operations(model):
    """Layers of a model and operations that are none, such as `x * 2`.

    They are in the order in which they run; of a model whose class has its
    own `call`, nothing is known and none are given.
    """
    if isinstance(model, keras.Sequential):
        return model.layers
    return getattr(model, "operations", [])


def senders(model):
    """Name of an operation -> each call's list of the names it takes from.

    >>> inputs = keras.Input((2,), name="x")
    >>> twice = keras.layers.Dense(2, name="twice")
    >>> senders(keras.Model(inputs, twice(twice(inputs))))
    {'x': [], 'twice': [['x'], ['twice']]}
    """
    if isinstance(model, keras.Sequential):
        names = [layer.name for layer in model.layers]
        calls = [[], *([[name]] for name in names)]
        return dict(zip(names, calls, strict=False))
    return {
        step["name"]: [senders_of_call(node) for node in step["inbound_nodes"]]
        for step in model.get_config().get("layers", ())
    }


def senders_of_call(node):
    """Names of the operations that gave the tensors in a part of a config."""
    if isinstance(node, dict):
        if "keras_history" in node:
            return [node["keras_history"][0]]
        node = list(node.values())
    if not isinstance(node, list | tuple):
        return []
    return [name for part in node for name in senders_of_call(part)]


def producer(layer, model=None):
    """Returns the layer that makes the values which a layer gives.

    Of a model it is the last one. Layers that give what they take are passed
    over.

    Args:
        layer: Keras layer or model.
        model: The model that `layer` is in.

    Returns:
        Keras layer, or `None` if it is outside the model, several, or no
        layer.

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
    if type(layer) not in PASSES_VALUES_ON:
        return layer
    named = {part.name: part for part in operations(model)}
    calls = senders(model).get(layer.name, []) if named else []
    names = [name for call in calls for name in call]
    return producer(named[names[0]], model) if len(names) == 1 else None


def break_in_chain(model):
    """Returns where a model is more than one layer after the other, or "".

    >>> x = keras.Input((2,), name="x")
    >>> y = keras.layers.Dense(2, name="y")(x)
    >>> break_in_chain(keras.Model(x, y))
    ''
    >>> break_in_chain(keras.Model(x, keras.layers.Add(name="z")([x, y])))
    "the layer 'z', which takes [['x', 'y']]"
    """
    if not operations(model):
        return f"a model of class {type(model).__name__}"
    calls, expected = senders(model), []
    for step in operations(model):
        if not isinstance(step, keras.layers.Layer):
            return f"the operation {step.name!r} of {type(step).__name__}"
        taken = calls.get(step.name)
        if taken != expected:
            return f"the layer {step.name!r}, which takes {taken}"
        expected = [[step.name]]
    return ""
