"""Activations that Keras does not have, and derivatives of those it has."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
def scaled_tanh(x):
    """Squashes to (-1.7159, 1.7159), with f(1) = 1 and f(-1) = -1.

        f(a) = 1.7159 tanh(2 a / 3)

    At targets of -1 and 1 the second derivative of `f` is largest and its
    slope still about 0.65, so units learn there without saturating.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", equation 6 and appendix A,
    http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf.

    Example:

    >>> round(float(scaled_tanh(1.0)), 3)
    1.0
    """
    return 1.7159 * ops.tanh(2 / 3 * ops.convert_to_tensor(x))


# f'(x) of an activation as a function of y = f(x).
DERIVATIVES = {
    keras.activations.linear: ops.ones_like,
    keras.activations.relu: lambda y: ops.cast(y > 0, y.dtype),
    keras.activations.sigmoid: lambda y: y * (1 - y),
    keras.activations.tanh: lambda y: 1 - y * y,
    keras.activations.hard_sigmoid: lambda y: (
        ops.cast((y > 0) & (y < 1), y.dtype) / 6
    ),
}


def derivative_from_output(activation):
    """Returns f' as a function of y = f(x), or `None` if it is not known.

    Args:
        activation: Function of `keras.activations`: linear, relu, sigmoid,
            tanh or hard_sigmoid.

    Example:

    >>> derivative = derivative_from_output(keras.activations.sigmoid)
    >>> float(derivative(0.5))  # where the sigmoid is 0.5, its slope is 0.25
    0.25
    """
    return DERIVATIVES.get(activation)
