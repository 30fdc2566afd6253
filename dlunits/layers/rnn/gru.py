"""Gated recurrent unit (GRU) over sequences."""

from typing import Any

import keras

from dlunits.activations import derivative_from_output
from dlunits.layers.rnn.bptt import BackpropagationThroughTime
from dlunits.layers.rnn.gru_cell import (
    ResetAfterEquations,
    ResetBeforeEquations,
    gru_equations,
)


@keras.saving.register_keras_serializable(package="dlunits")
class GRU(BackpropagationThroughTime, keras.layers.GRU):
    """Gated recurrent unit (GRU) layer with an explicit gradient.

    A `keras.layers.GRU` with the same arguments, weights and results, that
    trains faster on the CPU. `dlunits.layers.GRUCell` documents the equations
    of a time step, `dlunits.layers.rnn.bptt.BackpropagationThroughTime` the
    computation of the gradient.

    Reference: Cho et al., 2014, "Learning phrase representations using RNN
    encoder-decoder for statistical machine translation",
    https://arxiv.org/abs/1406.1078.

    Args:
        units: Positive integer, size of the state.
        **kwargs: Arguments of `keras.layers.GRU` except `use_cudnn`;
            `reset_after=False` gives the published equations. With
            activations other than tanh, sigmoid, ReLU, linear and
            `hard_sigmoid` the loop of the Keras layer runs.

    Call arguments:
        sequences: Tensor.
        initial_state: List of h_0, or `None` for zeros.
        mask: Boolean tensor `(batch, time)`. The state does not change where
            it is `False`.
        training: Whether to apply dropout.

    Input shape: `(batch, time, features)`.

    Output shape: `(batch, units)`; with `return_sequences` `(batch, time,
        units)`; with `return_state` followed by h, `(batch, units)`.

    Example:

    >>> import numpy as np
    >>> x = np.ones((2, 5, 3), "float32")
    >>> gru, keras_gru = GRU(4), keras.layers.GRU(4)
    >>> _ = gru(x), keras_gru(x)
    >>> gru.set_weights(keras_gru.get_weights())
    >>> bool(np.allclose(gru(x), keras_gru(x), atol=1e-6))
    True
    """

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(units, use_cudnn=False, **kwargs)

    def equations(self) -> ResetAfterEquations | ResetBeforeEquations | None:
        """Returns the equations of a time step, `None` to use Keras' loop."""
        activations = self.activation, self.recurrent_activation
        if None in map(derivative_from_output, activations):
            return None
        return gru_equations(*activations, self.reset_after)
