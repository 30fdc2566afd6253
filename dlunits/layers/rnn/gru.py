"""Gated recurrent units, with backpropagation through time written out."""

import keras

from dlunits.activations import derivative_by_value
from dlunits.layers.rnn.bptt import BackpropagationThroughTime
from dlunits.layers.rnn.gru_cell import (
    ResetAfterEquations,
    ResetBeforeEquations,
)


@keras.saving.register_keras_serializable(package="dlunits")
class GRU(BackpropagationThroughTime, keras.layers.GRU):
    """Gated recurrent units over a sequence, trained faster than Keras' own.

    What `keras.layers.GRU` is, with its arguments and its weights, which can
    be exchanged; the same results, too. Gradients are written out, see
    `dlunits.layers.rnn.bptt.BackpropagationThroughTime`, and
    `dlunits.layers.GRUCell` has the equations of a time step.

    Reference: Cho et al., 2014, https://arxiv.org/abs/1406.1078.

    Args:
        units: Positive integer.
        Others: Those of `keras.layers.GRU` but `use_cudnn`, keywords;
            `reset_after=False` is the unit as published. With activations
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
    >>> ours, stock = GRU(4), keras.layers.GRU(4)
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
        if self.reset_after:
            return ResetAfterEquations(*functions)
        return ResetBeforeEquations(*functions)
