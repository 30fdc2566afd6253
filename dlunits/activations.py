"""Activation functions, and derivatives of activation functions."""

from collections.abc import Callable

import keras
from keras import ops

from dlunits.typing import Tensor


@keras.saving.register_keras_serializable(package="dlunits")
def scaled_tanh(x: Tensor) -> Tensor:
    """Scaled hyperbolic tangent, the activation function of LeNet-5.

        f(x) = 1.7159 tanh(2 x / 3)

    The constants give f(1) = 1 and f(-1) = -1. At these targets the slope is
    about 0.65, so units do not saturate, and the magnitude of the second
    derivative is largest.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", equation 6 and appendix A,
    http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf.

    Args:
        x: Tensor.

    Returns:
        Tensor of the shape of `x`, values in (-1.7159, 1.7159).

    Example:

    >>> round(float(scaled_tanh(1.0)), 3)
    1.0
    """
    return 1.7159 * ops.tanh(2 / 3 * ops.convert_to_tensor(x))


# Derivative f'(x) of an activation as a function of y = f(x).
DERIVATIVES = {
    keras.activations.linear: ops.ones_like,
    keras.activations.relu: lambda y: ops.cast(y > 0, y.dtype),
    keras.activations.sigmoid: lambda y: y * (1 - y),
    keras.activations.tanh: lambda y: 1 - y * y,
    keras.activations.hard_sigmoid: lambda y: (
        ops.cast((y > 0) & (y < 1), y.dtype) / 6
    ),
}


def derivative_from_output(
    activation: Callable[[Tensor], Tensor],
) -> Callable[[Tensor], Tensor] | None:
    """Derivative f' of an activation function as a function of y = f(x).

        linear        f' = 1
        relu          f' = 1 if y > 0, else 0
        sigmoid       f' = y (1 - y)
        tanh          f' = 1 - y^2
        hard_sigmoid  f' = 1/6 if 0 < y < 1, else 0

    Args:
        activation: Function from `keras.activations`.

    Returns:
        Function that maps a tensor y to f'(x), or `None` if the activation is
        not listed above.

    Example:

    >>> derivative = derivative_from_output(keras.activations.sigmoid)
    >>> float(derivative(0.5))  # 0.5 * (1 - 0.5)
    0.25
    """
    return DERIVATIVES.get(activation)
