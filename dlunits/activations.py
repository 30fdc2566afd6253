"""Activations that Keras does not have."""

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
