"""A simple recurrent network, backpropagation through time written out."""

import keras

from dlunits.activations import derivative_by_value
from dlunits.layers.rnn.bptt import BackpropagationThroughTime
from dlunits.layers.rnn.simple_rnn_cell import SimpleRNNEquations


@keras.saving.register_keras_serializable(package="dlunits")
class SimpleRNN(BackpropagationThroughTime, keras.layers.SimpleRNN):
    """A simple recurrent network over a sequence, trained faster than Keras'.

    What `keras.layers.SimpleRNN` is, with its arguments and its weights, which
    can be exchanged; the same results, too. Gradients are written out, see
    `dlunits.layers.rnn.bptt.BackpropagationThroughTime`, and
    `dlunits.layers.SimpleRNNCell` has the equation of a time step.

    Reference: Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1.

    Args:
        units: Positive integer.
        Others: Those of `keras.layers.SimpleRNN`, keywords. With an activation
            other than tanh, sigmoid, ReLU, linear and `hard_sigmoid` it runs
            as Keras' layer does.

    Call arguments:
        sequences: Tensor.
        initial_state: List of h_0, or `None` for zeros.
        mask: Booleans `(batch, time)`; states stay where it is `False`.
        training: Whether dropout acts.

    Input shape: `(batch, time, features)`.

    Output shape: `(batch, units)`; with `return_sequences` `(batch, time,
        units)`; with `return_state` followed by h, `(batch, units)`.

    Example:

    >>> import numpy as np
    >>> x = np.ones((2, 5, 3), "float32")
    >>> ours, stock = SimpleRNN(4), keras.layers.SimpleRNN(4)
    >>> _ = ours(x), stock(x)
    >>> ours.set_weights(stock.get_weights())
    >>> bool(np.allclose(ours(x), stock(x), atol=1e-6))
    True
    """

    def equations(self):
        if derivative_by_value(self.activation) is None:
            return None
        return SimpleRNNEquations(self.activation)
