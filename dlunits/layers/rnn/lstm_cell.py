"""One time step of a long short-term memory (LSTM)."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
from keras import ops

from dlunits.layers.rnn.gated_equations import GatedEquations
from dlunits.layers.rnn.recurrent_kernel import (
    RecurrentKernel,
    SharedProjectionGradient,
    step_projections,
)
from dlunits.typing import Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class LSTMCell(keras.layers.LSTMCell):
    """LSTM cell: one time step.

    A `keras.layers.LSTMCell` with the same arguments, weights and results.
    Use it in `keras.layers.RNN`, or step by step. For whole sequences
    `dlunits.layers.LSTM` is faster.

        i_t = sigma(W_i x_t + U_i h_{t-1} + b_i)      input gate
        f_t = sigma(W_f x_t + U_f h_{t-1} + b_f)      forget gate
        g_t = phi(W_g x_t + U_g h_{t-1} + b_g)        candidate
        o_t = sigma(W_o x_t + U_o h_{t-1} + b_o)      output gate
        c_t = f_t * c_{t-1} + i_t * g_t               cell state
        h_t = o_t * phi(c_t)                          hidden state

    `x_t` is the input, `phi` is `activation` (tanh), `sigma` is
    `recurrent_activation` (the sigmoid) and `*` is the elementwise product. The
    weights `kernel` W, `recurrent_kernel` U and `bias` b contain the columns of
    the gates in the order i, f, g, o.

    References: Hochreiter and Schmidhuber, 1997, "Long short-term memory",
    https://doi.org/10.1162/neco.1997.9.8.1735; for the forget gate, Gers et
    al., 2000, https://doi.org/10.1162/089976600300015015.

    Args:
        units: Positive integer, size of the states.
        **kwargs: Arguments of `keras.layers.LSTMCell`.

    Call arguments:
        inputs: x_t.
        states: List of h_{t-1} and c_{t-1}.
        training: Whether to apply dropout.

    Input shape: `(batch, features)`; states `(batch, units)`.

    Output shape: h_t `(batch, units)`, and the list of h_t and c_t.

    Example, where all gates are 0.5 and the candidate is 0:

    >>> cell = LSTMCell(1, kernel_initializer="zeros", unit_forget_bias=False)
    >>> x, states = ops.ones((1, 1)), [ops.zeros((1, 1)), ops.ones((1, 1))]
    >>> h, (_, c) = cell(x, states)
    >>> float(c[0, 0]), round(float(h[0, 0]), 3)  # 0.5 * 1, 0.5 * tanh(0.5)
    (0.5, 0.231)
    """

    def call(
        self, inputs: Tensor, states: Sequence[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        state = LSTMState(*states)
        a, recurrent = step_projections(self, inputs, state.h, training)
        equations = LSTMEquations(self.activation, self.recurrent_activation)
        state, _ = equations.forward(a, state, recurrent)
        return state.h, list(state)


class LSTMState(NamedTuple):
    """State of an LSTM, or the gradient with respect to it.

    Args:
        h: Tensor `(batch, units)`, hidden state.
        c: Tensor `(batch, units)`, cell state.
    """

    h: Tensor
    c: Tensor


class LSTMResiduals(NamedTuple):
    """Values of a time step that its gradient needs, `(batch, units)` each.

    Args:
        i: Input gate.
        f: Forget gate.
        g: Candidate.
        o: Output gate.
        c_prev: Cell state before the time step.
    """

    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    c_prev: Tensor


class LSTMEquations(GatedEquations):
    """Equations of an LSTM at one time step, and their gradients.

    Forward: the equations of `LSTMCell`, with the input projection
    a_t = W x_t + b given.

    Backward, with d_y for the gradient of the loss with respect to y, d_h and
    d_c those with respect to h_t and c_t, and the index t omitted:

        d_c      = d_c + d_h * o * phi'(c)
        d_a_i    = d_c * g * sigma'(a_i + U_i h_prev)
        d_a_f    = d_c * c_prev * sigma'(a_f + U_f h_prev)
        d_a_g    = d_c * i * phi'(a_g + U_g h_prev)
        d_a_o    = d_h * phi(c) * sigma'(a_o + U_o h_prev)
        d_h_prev = U^T d_a
        d_c_prev = d_c * f

    The derivatives sigma' and phi' are computed from the values of sigma and
    phi, see `dlunits.activations.derivative_from_output`. Without a known
    derivative only `forward` is available.

    Args:
        activation: Function phi.
        recurrent_activation: Function sigma.

    Example, where all gates are 0.5 and the candidate is 0:

    >>> equations = LSTMEquations(
    ...     keras.activations.tanh, keras.activations.sigmoid
    ... )
    >>> a, recurrent = ops.zeros((1, 4)), RecurrentKernel(ops.zeros((1, 4)))
    >>> state = LSTMState(h=ops.zeros((1, 1)), c=ops.ones((1, 1)))
    >>> state, _ = equations.forward(a, state, recurrent)
    >>> float(state.c[0, 0])  # 0.5 * 1 + 0.5 * 0
    0.5
    """

    State = LSTMState
    Residuals = LSTMResiduals
    Gradients = SharedProjectionGradient

    def forward(
        self, a: Tensor, state: LSTMState, recurrent: RecurrentKernel
    ) -> tuple[LSTMState, LSTMResiduals]:
        """One time step from a `(batch, 4 * units)` and the previous state."""
        h_prev, c_prev = state
        a_i, a_f, a_g, a_o = ops.split(a + recurrent(h_prev), 4, axis=-1)
        i = self.sigma(a_i)
        f = self.sigma(a_f)
        g = self.phi(a_g)
        o = self.sigma(a_o)
        c = f * c_prev + i * g
        h = o * self.phi(c)
        return LSTMState(h, c), LSTMResiduals(i, f, g, o, c_prev)

    def backward(
        self,
        d_state: LSTMState,
        h_prev: Tensor,
        residuals: LSTMResiduals,
        recurrent: RecurrentKernel,
    ) -> tuple[LSTMState, SharedProjectionGradient]:
        """Gradients w.r.t. the previous state and the projections."""
        d_h, d_c = d_state
        i, f, g, o, c_prev = residuals
        phi_c = self.phi(f * c_prev + i * g)
        d_c = d_c + d_h * o * self.d_phi(phi_c)
        d_a_i = d_c * g * self.d_sigma(i)
        d_a_f = d_c * c_prev * self.d_sigma(f)
        d_a_g = d_c * i * self.d_phi(g)
        d_a_o = d_h * phi_c * self.d_sigma(o)
        d_a = ops.concatenate([d_a_i, d_a_f, d_a_g, d_a_o], axis=-1)
        d_h_prev = recurrent.state_gradient(d_a)
        d_c_prev = d_c * f
        return LSTMState(d_h_prev, d_c_prev), SharedProjectionGradient(d_a)
