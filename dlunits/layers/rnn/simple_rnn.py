"""Simple recurrent network over sequences."""

import keras

from dlunits.activations import derivative_from_output
from dlunits.layers.rnn.bptt import BackpropagationThroughTime
from dlunits.layers.rnn.simple_rnn_cell import SimpleRNNEquations


@keras.saving.register_keras_serializable(package="dlunits")
class SimpleRNN(BackpropagationThroughTime, keras.layers.SimpleRNN):
    """Simple (Elman) recurrent layer with an explicit gradient.

    A `keras.layers.SimpleRNN` with the same arguments, weights and results,
    that trains faster on the CPU. See `dlunits.layers.SimpleRNNCell` for the
    equation of a time step, and
    `dlunits.layers.rnn.bptt.BackpropagationThroughTime` for the computation of
    the gradient.

    Reference: Elman, 1990, "Finding structure in time",
    https://doi.org/10.1207/s15516709cog1402_1.

    Args:
        units: Positive integer, size of the state.
        *args, **kwargs: Other arguments of `keras.layers.SimpleRNN`. The loop
            of the Keras layer runs with an activation other than tanh, sigmoid,
            ReLU, linear and `hard_sigmoid`.

    Call arguments:
        sequences: Tensor.
        initial_state: List of h_0, or `None` for zeros.
        mask: Boolean tensor `(batch, time)`. The state does not change where
            it is `False`.
        training: Whether to apply dropout.

    Raises:
        ValueError: If the number or the size of the initial states is wrong,
            or the sequences are a ragged tensor.

    Input shape: `(batch, time, features)`.

    Output shape: `(batch, units)`; with `return_sequences` `(batch, time,
        units)`; with `return_state` followed by h, `(batch, units)`.

    Example:

    >>> from keras import ops
    >>> x = ops.ones((2, 5, 3))
    >>> rnn, keras_rnn = SimpleRNN(4), keras.layers.SimpleRNN(4)
    >>> _ = rnn(x), keras_rnn(x)
    >>> rnn.set_weights(keras_rnn.get_weights())
    >>> float(ops.max(ops.abs(rnn(x) - keras_rnn(x)))) < 1e-6
    True
    """

    def equations(self) -> SimpleRNNEquations | None:
        """Returns the equation of a time step, `None` to use Keras' loop."""
        if derivative_from_output(self.activation) is None:
            return None
        return SimpleRNNEquations(self.activation)
