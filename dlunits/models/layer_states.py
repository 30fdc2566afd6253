"""Frozen and quantized layers in the config of a model."""

from collections.abc import Iterator
from typing import Any, TypeVar

import keras

from dlunits.typing import Config

Model = TypeVar("Model", bound=keras.Model)

KEY = "layer_states"


def layer_states(model: keras.Model) -> Config:
    """Config entry of a model for frozen or quantized layers.

    Use it in `get_config` of a model that builds its layers from arguments,
    together with `model_from_config` in `from_config`. Keras stores
    `trainable` and the dtype policy of every layer only for models whose
    config contains the configs of their layers.

    Args:
        model: Keras model.

    Returns:
        Dict with the entry `"layer_states"`, empty if no layer is frozen or
        quantized. The entry maps the path of such a layer to its state.

    Example, where the path "1" is that of the second layer:

    >>> model = keras.Sequential([keras.Input((2,))])
    >>> for name in "ab":
    ...     model.add(keras.layers.Dense(2, name=name))
    >>> layer_states(model)
    {}
    >>> model.get_layer("b").trainable = False
    >>> layer_states(model)
    {'layer_states': {'1': {'trainable': False}}}
    """
    states = {}
    for path, layer in walk(model):
        state: Config = {}
        if not layer.trainable:
            state["trainable"] = False
        if quantization_mode(layer):
            state["quantization_mode"] = quantization_mode(layer)
            state["quantization_config"] = keras.saving.serialize_keras_object(
                getattr(layer, "quantization_config", None)
            )
        if state:
            states[path] = state
    return {KEY: states} if states else {}


def model_from_config(model_class: type[Model], config: Config) -> Model:
    """Creates a model from its arguments and `layer_states`.

    Args:
        model_class: Class of the model.
        config: Arguments of the class, and the entry of `layer_states`.

    Returns:
        The model, with the saved frozen and quantized layers.
    """
    config = dict(config)
    states = config.pop(KEY, {})
    model = model_class(**config)
    # Outer layers first: setting `trainable` sets it in all inner layers.
    for path, layer in list(walk(model)) if states else ():
        state = states.get(path, {})
        mode = state.get("quantization_mode")
        if mode and not quantization_mode(layer):
            quantization_config = keras.saving.deserialize_keras_object(
                state["quantization_config"]
            )
            layer.quantize(mode, config=quantization_config)
        layer.trainable = state.get("trainable", True)
    return model


def quantization_mode(layer: keras.layers.Layer) -> str | None:
    """Mode in which a layer is quantized, such as `"int8"`."""
    return getattr(layer.dtype_policy, "quantization_mode", None)


def trainable_if_unfrozen(model: keras.Model) -> list[keras.Variable]:
    """Variables that would be trainable if no layer were frozen.

    Args:
        model: Keras model. It is not changed.

    Returns:
        List of variables.

    Example:

    >>> layer = keras.layers.Dense(2)
    >>> model = keras.Sequential([keras.Input((2,)), layer])
    >>> model.trainable = False
    >>> len(model.trainable_variables), len(trainable_if_unfrozen(model))
    (0, 2)
    """
    flags = [(layer, layer.trainable) for _, layer in walk(model)]
    if all(trainable for _, trainable in flags):
        return model.trainable_variables
    # Each layer separately: setting `trainable` of a model that is already
    # trainable unfreezes no layer.
    for layer, _ in flags:
        layer.trainable = True
    variables = model.trainable_variables
    for layer, trainable in flags:  # outer layers first
        layer.trainable = trainable
    return variables


def walk(model: keras.Model) -> Iterator[tuple[str, keras.layers.Layer]]:
    """Yields `(path, layer)` of a model and of all layers in it, outer first.

    Paths are made of positions: names that Keras chooses differ between two
    models with the same arguments.
    """
    visited = set()

    def visit(layer: Any, path: str) -> Iterator[Any]:
        if id(layer) in visited:
            return
        visited.add(id(layer))
        yield path, layer
        for index, child in enumerate(children(layer)):
            inner = f"{path}/{index}" if path else str(index)
            yield from visit(child, inner)

    return visit(model, "")


def children(layer: Any) -> list[keras.layers.Layer]:
    """Layers of a model, or layers that are attributes of a layer."""
    if isinstance(layer, keras.Model):
        return layer.layers
    values: list[Any] = []
    for value in vars(layer).values():
        values.extend(value if isinstance(value, list | tuple) else [value])
    return [value for value in values if isinstance(value, keras.layers.Layer)]
