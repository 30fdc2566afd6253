"""One time step of a gated recurrent unit (GRU)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
from keras import ops

from dlunits.layers.rnn.gated_equations import GatedEquations
from dlunits.layers.rnn.recurrent_kernel import (
    ProjectionGradients,
    RecurrentKernel,
    SharedProjectionGradient,
    step_projections,
)
from dlunits.typing import Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class GRUCell(keras.layers.GRUCell):
    """Cell of a gated recurrent unit (GRU): one time step.

    A `keras.layers.GRUCell` with the same arguments, weights and results. Use
    it in `keras.layers.RNN`, or step by step. For whole sequences
    `dlunits.layers.GRU` is faster.

        z_t = sigma(W_z x_t + U_z h_{t-1} + b_z)               update gate
        r_t = sigma(W_r x_t + U_r h_{t-1} + b_r)               reset gate
        n_t = phi(W_n x_t + b_n + U_n (r_t * h_{t-1}))         candidate
        h_t = z_t * h_{t-1} + (1 - z_t) * n_t                  hidden state

    These are the published equations, `reset_after=False`. With
    `reset_after=True`, Keras' default, a recurrent bias b' is added to every U
    h_{t-1}, and the reset gate is applied after the product, so that a time
    step needs one matrix product instead of two:

        n_t = phi(W_n x_t + b_n + r_t * (U_n h_{t-1} + b'_n))

    `x_t` is the input, `phi` is `activation` (tanh), `sigma` is
    `recurrent_activation` (the sigmoid) and `*` is the elementwise product. The
    weights `kernel` W, `recurrent_kernel` U and `bias` b contain the columns of
    the gates in the order z, r, n.

    Reference: Cho et al., 2014, "Learning phrase representations using RNN
    encoder-decoder for statistical machine translation",
    https://arxiv.org/abs/1406.1078.

    Args:
        units: Positive integer, size of the state.
        **kwargs: Arguments of `keras.layers.GRUCell`.

    Call arguments:
        inputs: x_t.
        states: List of h_{t-1}.
        training: Whether to apply dropout.

    Input shape: `(batch, features)`; states `(batch, units)`.

    Output shape: h_t `(batch, units)`, and the list of h_t.

    Example, where the gates are 0.5 and the candidate is 0:

    >>> cell = GRUCell(
    ...     1, kernel_initializer="zeros", recurrent_initializer="zeros"
    ... )
    >>> h, _ = cell(ops.ones((1, 1)), [ops.ones((1, 1))])
    >>> float(h[0, 0])  # 0.5 * 1 + 0.5 * 0
    0.5
    """

    def call(
        self,
        inputs: Tensor,
        states: Tensor | Sequence[Tensor],
        training: bool = False,
    ) -> tuple[Tensor, list[Tensor]]:
        state = GRUState(*keras.tree.flatten(states))
        a, recurrent = step_projections(self, inputs, state.h, training)
        equations = gru_equations(
            self.activation, self.recurrent_activation, self.reset_after
        )
        state, _ = equations.forward(a, state, recurrent)
        return state.h, [state.h]


class GRUState(NamedTuple):
    """State of a GRU, or the gradient with respect to it.

    Args:
        h: Tensor `(batch, units)`, hidden state.
    """

    h: Tensor


class ResetAfterResiduals(NamedTuple):
    """Values of a time step that its gradient needs, `(batch, units)` each.

    Args:
        z: Update gate.
        r: Reset gate.
        n: Candidate.
        u_n: Recurrent projection of the candidate, U_n h_{t-1} + b'_n.
    """

    z: Tensor
    r: Tensor
    n: Tensor
    u_n: Tensor


class ResetBeforeResiduals(NamedTuple):
    """Values of a time step that its gradient needs, `(batch, units)` each.

    Args:
        z: Update gate.
        r: Reset gate.
        n: Candidate.
    """

    z: Tensor
    r: Tensor
    n: Tensor


class ResetAfterEquations(GatedEquations):
    """Equations of a GRU with `reset_after=True`, and their gradients.

    Forward: the equations of `GRUCell`, with the input projection
    a_t = W x_t + b given and u_t = U h_{t-1} + b'.

    Backward, with d_y for the gradient of the loss with respect to y,
    and the index t omitted:

        d_a_n    = d_h * (1 - z) * phi'(a_n + r * u_n)
        d_a_z    = d_h * (h_prev - n) * sigma'(a_z + u_z)
        d_a_r    = d_a_n * u_n * sigma'(a_r + u_r)
        d_u      = [d_a_z, d_a_r, d_a_n * r]
        d_h_prev = d_h * z + U^T d_u

    The derivatives sigma' and phi' are computed from the values of sigma and
    phi, see `dlunits.activations.derivative_from_output`. Without a known
    derivative only `forward` is available.

    Args:
        activation: Function phi.
        recurrent_activation: Function sigma.

    Example, where the gates are 0.5 and the candidate is 0:

    >>> equations = ResetAfterEquations(
    ...     keras.activations.tanh, keras.activations.sigmoid
    ... )
    >>> a, recurrent = ops.zeros((1, 3)), RecurrentKernel(ops.zeros((1, 3)))
    >>> state, _ = equations.forward(a, GRUState(ops.ones((1, 1))), recurrent)
    >>> float(state.h[0, 0])  # 0.5 * 1 + 0.5 * 0
    0.5
    """

    State = GRUState
    Residuals = ResetAfterResiduals
    Gradients = ProjectionGradients

    def forward(
        self, a: Tensor, state: GRUState, recurrent: RecurrentKernel
    ) -> tuple[GRUState, ResetAfterResiduals]:
        """One time step from a `(batch, 3 * units)` and the previous state."""
        h_prev = state.h
        a_z, a_r, a_n = ops.split(a, 3, axis=-1)
        u_z, u_r, u_n = ops.split(recurrent(h_prev), 3, axis=-1)
        z = self.sigma(a_z + u_z)
        r = self.sigma(a_r + u_r)
        n = self.phi(a_n + r * u_n)
        h = z * h_prev + (1 - z) * n
        return GRUState(h), ResetAfterResiduals(z, r, n, u_n)

    def backward(
        self,
        d_state: GRUState,
        h_prev: Tensor,
        residuals: ResetAfterResiduals,
        recurrent: RecurrentKernel,
    ) -> tuple[GRUState, ProjectionGradients]:
        """Gradients w.r.t. the previous state and the projections."""
        d_h = d_state.h
        z, r, n, u_n = residuals
        d_a_n = d_h * (1 - z) * self.d_phi(n)
        d_a_z = d_h * (h_prev - n) * self.d_sigma(z)
        d_a_r = d_a_n * u_n * self.d_sigma(r)
        d_a = ops.concatenate([d_a_z, d_a_r, d_a_n], axis=-1)
        d_u = ops.concatenate([d_a_z, d_a_r, d_a_n * r], axis=-1)
        d_h_prev = d_h * z + recurrent.state_gradient(d_u)
        return GRUState(d_h_prev), ProjectionGradients(d_a, d_u)


class ResetBeforeEquations(GatedEquations):
    """Equations of a GRU with `reset_after=False`, and their gradients.

    Forward: the equations of `GRUCell`, with the input projection
    a_t = W x_t + b given.

    Backward, with d_y for the gradient of the loss with respect to y,
    and the index t omitted:

        d_a_n    = d_h * (1 - z) * phi'(a_n + U_n (r * h_prev))
        d_rh     = U_n^T d_a_n                 gradient w.r.t. r * h_prev
        d_a_z    = d_h * (h_prev - n) * sigma'(a_z + U_z h_prev)
        d_a_r    = d_rh * h_prev * sigma'(a_r + U_r h_prev)
        d_h_prev = d_h * z + d_rh * r + U_zr^T [d_a_z, d_a_r]

    The derivatives sigma' and phi' are computed from the values of sigma and
    phi, see `dlunits.activations.derivative_from_output`. Without a known
    derivative only `forward` is available.

    Args:
        activation: Function phi.
        recurrent_activation: Function sigma.

    Example, where the gates are 0.5 and the candidate is 0:

    >>> equations = ResetBeforeEquations(
    ...     keras.activations.tanh, keras.activations.sigmoid
    ... )
    >>> a, recurrent = ops.zeros((1, 3)), RecurrentKernel(ops.zeros((1, 3)))
    >>> state, _ = equations.forward(a, GRUState(ops.ones((1, 1))), recurrent)
    >>> float(state.h[0, 0])  # 0.5 * 1 + 0.5 * 0
    0.5
    """

    State = GRUState
    Residuals = ResetBeforeResiduals
    Gradients = SharedProjectionGradient

    def forward(
        self, a: Tensor, state: GRUState, recurrent: RecurrentKernel
    ) -> tuple[GRUState, ResetBeforeResiduals]:
        """One time step from a `(batch, 3 * units)` and the previous state."""
        h_prev = state.h
        U_zr, U_n = recurrent.gate_slice(0, 2), recurrent.gate_slice(2, 3)
        a_z, a_r, a_n = ops.split(a, 3, axis=-1)
        u_z, u_r = ops.split(U_zr(h_prev), 2, axis=-1)
        z = self.sigma(a_z + u_z)
        r = self.sigma(a_r + u_r)
        n = self.phi(a_n + U_n(r * h_prev))
        h = z * h_prev + (1 - z) * n
        return GRUState(h), ResetBeforeResiduals(z, r, n)

    def backward(
        self,
        d_state: GRUState,
        h_prev: Tensor,
        residuals: ResetBeforeResiduals,
        recurrent: RecurrentKernel,
    ) -> tuple[GRUState, SharedProjectionGradient]:
        """Gradients w.r.t. the previous state and the projections."""
        d_h = d_state.h
        z, r, n = residuals
        U_zr, U_n = recurrent.gate_slice(0, 2), recurrent.gate_slice(2, 3)
        d_a_n = d_h * (1 - z) * self.d_phi(n)
        d_rh = U_n.state_gradient(d_a_n)
        d_a_z = d_h * (h_prev - n) * self.d_sigma(z)
        d_a_r = d_rh * h_prev * self.d_sigma(r)
        d_a_zr = ops.concatenate([d_a_z, d_a_r], axis=-1)
        d_h_prev = d_h * z + d_rh * r + U_zr.state_gradient(d_a_zr)
        d_a = ops.concatenate([d_a_zr, d_a_n], axis=-1)
        return GRUState(d_h_prev), SharedProjectionGradient(d_a)

    def recurrent_kernel_gradient(
        self,
        d_projection: SharedProjectionGradient,
        h_prev: Tensor,
        residuals: ResetBeforeResiduals,
        recurrent: RecurrentKernel,
    ) -> Tensor:
        """Gradient with respect to U, summed over all time steps."""
        U_zr, U_n = recurrent.gate_slice(0, 2), recurrent.gate_slice(2, 3)
        units = h_prev.shape[-1]
        d_a_zr, d_a_n = ops.split(d_projection.a, [2 * units], axis=-1)
        return ops.concatenate(
            [
                U_zr.kernel_gradient(h_prev, d_a_zr),
                U_n.kernel_gradient(residuals.r * h_prev, d_a_n),
            ],
            axis=-1,
        )


def gru_equations(
    activation: Callable[[Tensor], Tensor],
    recurrent_activation: Callable[[Tensor], Tensor],
    reset_after: bool,
) -> ResetAfterEquations | ResetBeforeEquations:
    """Returns the equations of a GRU by its argument `reset_after`."""
    if reset_after:
        return ResetAfterEquations(activation, recurrent_activation)
    return ResetBeforeEquations(activation, recurrent_activation)
