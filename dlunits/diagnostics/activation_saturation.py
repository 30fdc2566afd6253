"""Saturated activations and dead units of a network, per layer."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import ops

from dlunits.autodiff import vjp
from dlunits.diagnostics.layer_norms import inner_layers
from dlunits.typing import Tensor

# Layers that are an activation and nothing else.
ACTIVATION_LAYERS = (
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
)


def activation_saturation(
    model: keras.Model, x: Tensor, threshold: float = 0.05
) -> dict[str, tuple[Tensor, Tensor]]:
    """Fractions of saturated activations and of dead units, per layer.

    Use it to find out why training stalls: the gradient with respect to a
    weight has the derivative of the activation as a factor.

        saturated    |f'(z)| <= threshold * max |f'(z')|
        dead         a unit that is saturated for all examples

    z is the input of the activation f. The maximum of |f'| is 1/4 for sigmoid,
    1 for tanh and ReLU; in general it is taken over the given examples, and
    over z' = 0. A ReLU is saturated where its input is negative, and a leaky
    ReLU only if its slope is at most the threshold. For softmax, f' is the
    diagonal of the Jacobian, f(z) (1 - f(z)).

    The function can be called inside a compiled function. Recurrent layers,
    whose activations are inside a loop, are left out, and so are linear
    activations.

    Reference: Glorot and Bengio, 2010, "Understanding the difficulty of
    training deep feedforward neural networks",
    https://proceedings.mlr.press/v9/glorot10a.html, section 3.

    Args:
        model: Built Keras model.
        x: Examples `(batch, ...)`, inputs of the model.
        threshold: Float in [0, 1), fraction of the largest derivative.

    Returns:
        Dict of layer name to `(saturated, dead)`: the fraction of all
        activations of the batch, and the fraction of the units, both scalar
        tensors in [0, 1]. The units of a convolution are its channels.

    Raises:
        ValueError: If `threshold` is out of range.

    Example, where for the inputs 1 and 2, the weights 1, -1 and 0 give one unit
    that is active and two that are not; the derivative of ReLU at 0 is 0:

    >>> layer = keras.layers.Dense(3, "relu", use_bias=False, name="hidden")
    >>> model = keras.Sequential([keras.Input((1,)), layer])
    >>> layer.set_weights([ops.array([[1.0, -1.0, 0.0]])])
    >>> found = activation_saturation(model, ops.array([[1.0], [2.0]]))
    >>> [round(float(share), 2) for share in found["hidden"]]
    [0.67, 0.67]
    """
    if not 0 <= threshold < 1:
        raise ValueError(
            "`threshold` must be at least 0 and below 1. Received: "
            f"threshold={threshold}"
        )
    shares = {}
    for name, function, z in activation_inputs(model, x):
        slopes = ops.abs(derivative(function, z))
        at_zero = ops.abs(derivative(function, ops.zeros_like(z[:1])))
        largest = ops.maximum(ops.max(slopes), ops.max(at_zero))
        saturated = ops.cast(slopes <= threshold * largest, "float32")
        dead = ops.min(saturated, axis=tuple(range(len(z.shape) - 1)))
        shares[name] = (ops.mean(saturated), ops.mean(dead))
    return shares


def derivative(function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Derivative of each output of an activation with respect to its input.

    Args:
        function: Activation.
        z: Tensor, inputs.

    Returns:
        Tensor of the shape of `z`.

    Example:

    >>> slopes = derivative(keras.activations.sigmoid, ops.array([[0.0]]))
    >>> float(slopes[0, 0])  # 0.5 * (1 - 0.5)
    0.25
    """
    if is_softmax(function):  # mixes the units: the diagonal of its Jacobian
        y = function(z)
        return y * (1 - y)
    y, pullback = vjp(function, z)
    return pullback(ops.ones_like(y))


def is_softmax(function: Any) -> bool:
    """Whether an activation is softmax, as a function or as a layer."""
    return function is keras.activations.softmax or isinstance(
        getattr(function, "__self__", None), keras.layers.Softmax
    )


def activation_inputs(
    model: keras.Model, x: Tensor
) -> list[tuple[str, Callable[[Tensor], Tensor], Tensor]]:
    """Inputs of all nonlinear activations of a model.

    Args:
        model: Built Keras model.
        x: Inputs of the model.

    Returns:
        List of `(layer name, activation, z)` in the order of the calls.

    Example:

    >>> layer = keras.layers.Dense(1, "tanh", kernel_initializer="ones")
    >>> model = keras.Sequential([keras.Input((2,)), layer])
    >>> [(_, function, z)] = activation_inputs(model, ops.ones((1, 2)))
    >>> function.__name__, float(z[0, 0])  # 1 + 1
    ('tanh', 2.0)
    """
    found: list[tuple[str, Callable[[Tensor], Tensor], Tensor]] = []

    def recorder(name, function):
        def call(z, *args, **kwargs):
            found.append((name, function, z))
            return function(z, *args, **kwargs)

        return call

    with contextlib.ExitStack() as stack:
        for layer in inner_layers(model):
            if isinstance(layer, ACTIVATION_LAYERS):
                attribute = "call"
            elif is_activated(layer):
                attribute = "activation"
            else:
                continue
            function = getattr(layer, attribute)
            recording = recorder(layer.name, function)
            stack.enter_context(replaced(layer, attribute, recording))
        model(x, training=False)
    return found


def is_activated(layer: keras.layers.Layer) -> bool:
    """Whether a layer applies a nonlinear activation, outside of a loop."""
    function = getattr(layer, "activation", None)
    return (
        callable(function)
        and function is not keras.activations.linear
        and not isinstance(layer, keras.layers.RNN)
    )


@contextlib.contextmanager
def replaced(layer: Any, attribute: str, value: Any) -> Iterator[None]:
    """Context in which an attribute of a layer has another value."""
    own = attribute in vars(layer)
    before = getattr(layer, attribute)
    setattr(layer, attribute, value)
    try:
        yield
    finally:
        if own:
            setattr(layer, attribute, before)
        else:
            delattr(layer, attribute)
