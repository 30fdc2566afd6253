"""Long short-term memory (LSTM) over sequences."""

import keras

from dlunits.activations import derivative_from_output
from dlunits.layers.rnn.bptt import BackpropagationThroughTime
from dlunits.layers.rnn.lstm_cell import LSTMEquations


@keras.saving.register_keras_serializable(package="dlunits")
class LSTM(BackpropagationThroughTime, keras.layers.LSTM):
    """Long short-term memory (LSTM) layer with an explicit gradient.

    A `keras.layers.LSTM` with the same arguments, weights and results, that
    trains faster on the CPU. See `dlunits.layers.LSTMCell` for the equations of
    a time step, and `dlunits.layers.rnn.bptt.BackpropagationThroughTime` for
    the computation of the gradient.

    Reference: Hochreiter and Schmidhuber, 1997, "Long short-term memory",
    https://doi.org/10.1162/neco.1997.9.8.1735.

    Args:
        units: Positive integer, size of the states.
        *args, **kwargs: Other arguments of `keras.layers.LSTM`. The loop of the
            Keras layer runs with activations other than tanh, sigmoid, ReLU,
            linear and `hard_sigmoid`, and with `use_cudnn=True`.

    Call arguments:
        sequences: Tensor.
        initial_state: List of h_0 and c_0, or `None` for zeros.
        mask: Boolean tensor `(batch, time)`. The states do not change where it
            is `False`.
        training: Whether to apply dropout.

    Raises:
        ValueError: If the number or the sizes of the initial states are wrong,
            or the sequences are a ragged tensor.

    Input shape: `(batch, time, features)`.

    Output shape: `(batch, units)`; with `return_sequences` `(batch, time,
        units)`; with `return_state` followed by h and c, `(batch, units)`.

    Example:

    >>> from keras import ops
    >>> x = ops.ones((2, 5, 3))
    >>> lstm, keras_lstm = LSTM(4), keras.layers.LSTM(4)
    >>> _ = lstm(x), keras_lstm(x)
    >>> lstm.set_weights(keras_lstm.get_weights())
    >>> float(ops.max(ops.abs(lstm(x) - keras_lstm(x)))) < 1e-6
    True
    """

    def equations(self) -> LSTMEquations | None:
        """Returns the equations of a time step, `None` to use Keras' loop."""
        activations = self.activation, self.recurrent_activation
        derivatives = map(derivative_from_output, activations)
        if self.use_cudnn is True or None in derivatives:
            return None
        return LSTMEquations(*activations)
