"""Norms of gradients, and of updates relative to weights, by layer."""

from collections.abc import Callable, Sequence

import keras
from keras import ops

from dlunits.autodiff import gradients
from dlunits.typing import Tensor


def gradient_norms(
    model: keras.Model,
    x: Tensor,
    y: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
) -> dict[str, Tensor]:
    """Gradient norm of each layer's weights.

        norm = sqrt(sum over the elements g of dL/dW and dL/db of g^2)

    L is the loss, W and b are the weights of the layer. Use it to detect
    gradients that vanish or explode with depth: compare the first layer with
    the last. The function can be called inside a compiled function.

    Reference: Glorot and Bengio, 2010, "Understanding the difficulty of
    training deep feedforward neural networks",
    https://proceedings.mlr.press/v9/glorot10a.html, section 4.

    Args:
        model: Built Keras model.
        x: Inputs of the model.
        y: Targets.
        loss: Function of targets and predictions, such as a `keras.Loss`. It
            returns a tensor of any shape, whose mean is the loss. Penalties of
            regularizers are left out.

    Returns:
        Dict of the name of each layer that has trainable weights to a scalar
        tensor.

    Example, where for y = w x with w = 1, x = 2 and the target 0, the squared
    error has the gradient 2 (w x - 0) x = 8:

    >>> layer = keras.layers.Dense(1, use_bias=False, name="w")
    >>> model = keras.Sequential([keras.Input((1,)), layer])
    >>> layer.set_weights([ops.ones((1, 1))])
    >>> norms = gradient_norms(
    ...     model, ops.array([[2.0]]), ops.zeros((1, 1)),
    ...     keras.losses.MeanSquaredError(),
    ... )
    >>> {name: float(norm) for name, norm in norms.items()}
    {'w': 8.0}
    """
    layers = weighted_layers(model)
    variables = [v for layer in layers for v in layer.trainable_variables]
    _, _, slopes = gradients(
        lambda: (ops.mean(loss(y, model(x, training=False))), ()),
        variables,
        model.non_trainable_variables,
    )
    return by_layer(layers, slopes)


def update_ratios(
    model: keras.Model, before: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Update-to-weight ratio of each layer after an update.

        ratio = |W_after - W_before| / |W_before|

    `|W|` is the L2 norm of all weights of a layer. A ratio of about 0.001 is
    usual. Training is unstable with a much larger one, and slow with a much
    smaller one. The function can be called inside a compiled function.

    Reference: Karpathy, CS231n, "Neural networks part 3",
    https://cs231n.github.io/neural-networks-3/#ratio.

    Args:
        model: Keras model after the update.
        before: Value of each trainable variable before it, in the order of
            `model.trainable_variables`.

    Returns:
        Dict of the name of each layer that has trainable weights to a scalar
        tensor; infinite if all weights were 0.

    Example, weights (3, 4) of norm 5 and an update (0.3, 0.4) of norm 0.5:

    >>> layer = keras.layers.Dense(1, use_bias=False, name="w")
    >>> model = keras.Sequential([keras.Input((2,)), layer])
    >>> layer.set_weights([ops.array([[3.3], [4.4]])])
    >>> ratios = update_ratios(model, [ops.array([[3.0], [4.0]])])
    >>> round(float(ratios["w"]), 6)
    0.1
    """
    position = {
        id(variable): number
        for number, variable in enumerate(model.trainable_variables)
    }
    layers = weighted_layers(model)
    variables = [v for layer in layers for v in layer.trainable_variables]
    old = [before[position[id(variable)]] for variable in variables]
    updates = [
        ops.convert_to_tensor(variable) - value
        for variable, value in zip(variables, old, strict=True)
    ]
    update_norms, norms = by_layer(layers, updates), by_layer(layers, old)
    return {name: update_norms[name] / norms[name] for name in norms}


def inner_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Layers of a model; nested models are replaced by their layers."""
    found = []
    for layer in model.layers:
        is_model = isinstance(layer, keras.Model)
        found += inner_layers(layer) if is_model else [layer]
    return found


def weighted_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Layers of a model that have trainable weights."""
    layers = inner_layers(model)
    return [layer for layer in layers if layer.trainable_variables]


def by_layer(
    layers: Sequence[keras.layers.Layer], tensors: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Norm of the tensors of each layer, one for each trainable variable."""
    rest = iter(tensors)
    return {
        layer.name: ops.sqrt(
            sum(
                ops.sum(ops.square(ops.cast(next(rest), "float32")))
                for _ in layer.trainable_variables
            )
        )
        for layer in layers
    }
