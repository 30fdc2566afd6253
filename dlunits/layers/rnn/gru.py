"""Gated recurrent unit (GRU) over sequences."""

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
    trains faster on the CPU. See `dlunits.layers.GRUCell` for the equations of
    a time step, and `dlunits.layers.rnn.bptt.BackpropagationThroughTime` for
    the computation of the gradient.

    Reference: Cho et al., 2014, "Learning phrase representations using RNN
    encoder-decoder for statistical machine translation",
    https://arxiv.org/abs/1406.1078.

    Args:
        units: Positive integer, size of the state.
        *args, **kwargs: Other arguments of `keras.layers.GRU`;
            `reset_after=False` gives the published equations. The loop of the
            Keras layer runs with activations other than tanh, sigmoid, ReLU,
            linear and `hard_sigmoid`, and with `use_cudnn=True`.

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
    >>> gru, keras_gru = GRU(4), keras.layers.GRU(4)
    >>> _ = gru(x), keras_gru(x)
    >>> gru.set_weights(keras_gru.get_weights())
    >>> float(ops.max(ops.abs(gru(x) - keras_gru(x)))) < 1e-6
    True
    """

    def equations(self) -> ResetAfterEquations | ResetBeforeEquations | None:
        """Returns the equations of a time step, `None` to use Keras' loop."""
        activations = self.activation, self.recurrent_activation
        derivatives = map(derivative_from_output, activations)
        if self.use_cudnn is True or None in derivatives:
            return None
        return gru_equations(*activations, self.reset_after)
