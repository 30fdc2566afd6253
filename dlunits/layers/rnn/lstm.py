"""Long short-term memory, with backpropagation through time written out."""

import keras

from dlunits.activations import derivative_by_value
from dlunits.layers.rnn.bptt import BackpropagationThroughTime
from dlunits.layers.rnn.lstm_cell import LSTMEquations


@keras.saving.register_keras_serializable(package="dlunits")
class LSTM(BackpropagationThroughTime, keras.layers.LSTM):
    """Long short-term memory over a sequence, trained faster than Keras' own.

    What `keras.layers.LSTM` is, with its arguments and its weights, which can
    be exchanged; the same results, too. Gradients are written out, see
    `dlunits.layers.rnn.bptt.BackpropagationThroughTime`, and
    `dlunits.layers.LSTMCell` has the equations of a time step.

    Reference: Hochreiter and Schmidhuber, 1997,
    https://doi.org/10.1162/neco.1997.9.8.1735.

    Args:
        units: Positive integer.
        Others: Those of `keras.layers.LSTM` but `use_cudnn`, keywords. With
            activations other than tanh, sigmoid, ReLU, linear and
            `hard_sigmoid` it runs as Keras' layer does.

    Call arguments:
        sequences: Tensor.
        initial_state: List of h_0 and c_0, or `None` for zeros.
        mask: Booleans `(batch, time)`; states stay where it is `False`.
        training: Whether dropout acts.

    Input shape: `(batch, time, features)`.

    Output shape: `(batch, units)`; with `return_sequences` `(batch, time,
        units)`; with `return_state` followed by h and c, `(batch, units)`.

    Example:

    >>> import numpy as np
    >>> x = np.ones((2, 5, 3), "float32")
    >>> ours, stock = LSTM(4), keras.layers.LSTM(4)
    >>> _ = ours(x), stock(x)
    >>> ours.set_weights(stock.get_weights())
    >>> bool(np.allclose(ours(x), stock(x), atol=1e-6))
    True
    """

    def __init__(self, units, **kwargs):
        super().__init__(units, use_cudnn=False, **kwargs)

    def equations(self):
        functions = self.activation, self.recurrent_activation
        if None in map(derivative_by_value, functions):
            return None
        return LSTMEquations(*functions)
