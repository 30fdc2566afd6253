"""One time step of a simple recurrent network."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras

from dlunits.activations import derivative_from_output
from dlunits.layers.rnn.recurrent_kernel import (
    RecurrentKernel,
    SharedProjectionGradient,
    step_projections,
)
from dlunits.typing import Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class SimpleRNNCell(keras.layers.SimpleRNNCell):
    """Simple recurrent (Elman) cell: one time step.

    A `keras.layers.SimpleRNNCell` with the same arguments, weights and
    results. Use it in `keras.layers.RNN`, or step by step. For whole
    sequences `dlunits.layers.SimpleRNN` is faster.

        h_t = phi(W x_t + U h_{t-1} + b)

    `x_t` is the input, `h_t` the hidden state, `phi` is `activation` (tanh),
    W is `kernel`, U is `recurrent_kernel` and b is `bias`.

    Reference: Elman, 1990, "Finding structure in time",
    https://doi.org/10.1207/s15516709cog1402_1.

    Args:
        units: Positive integer, size of the state.
        **kwargs: Arguments of `keras.layers.SimpleRNNCell`.

    Call arguments:
        inputs: x_t.
        states: List of h_{t-1}.
        training: Whether to apply dropout.

    Input shape: `(batch, features)`; states `(batch, units)`.

    Output shape: h_t `(batch, units)`, and the list of h_t.

    Example:

    >>> cell = SimpleRNNCell(
    ...     1, kernel_initializer="ones", recurrent_initializer="ones"
    ... )
    >>> one = keras.ops.ones((1, 1))
    >>> h, _ = cell(one, [one])
    >>> round(float(h[0, 0]), 3)  # tanh(1 + 1)
    0.964
    """

    def call(
        self,
        inputs: Tensor,
        states: Tensor | Sequence[Tensor],
        training: bool = False,
    ) -> tuple[Tensor, list[Tensor]]:
        state = SimpleRNNState(*keras.tree.flatten(states))
        a, recurrent = step_projections(self, inputs, state.h, training)
        equations = SimpleRNNEquations(self.activation)
        state, _ = equations.forward(a, state, recurrent)
        return state.h, [state.h]


class SimpleRNNState(NamedTuple):
    """State of a simple recurrent network, or the gradient w.r.t. it.

    Args:
        h: Tensor `(batch, units)`, hidden state.
    """

    h: Tensor


class SimpleRNNResiduals(NamedTuple):
    """Values of a time step that its gradient needs.

    Args:
        h: Tensor `(batch, units)`, hidden state after the time step.
    """

    h: Tensor


class SimpleRNNEquations:
    """Equation of a simple recurrent network, and its gradients.

    Forward: the equation of `SimpleRNNCell`, with the input projection
    a_t = W x_t + b given.

    Backward, with d_y for the gradient of the loss with respect to y,
    and the index t omitted:

        d_a      = d_h * phi'(a + U h_prev)
        d_h_prev = U^T d_a

    The derivative phi' is computed from h = phi(a + U h_prev), see
    `dlunits.activations.derivative_from_output`. Without a known derivative
    only `forward` is available.

    Args:
        activation: Function phi.

    Example, where h = tanh(0), at which the slope is 1:

    >>> equations = SimpleRNNEquations(keras.activations.tanh)
    >>> zero, recurrent = keras.ops.zeros((1, 1)), RecurrentKernel([[3.0]])
    >>> _, residuals = equations.forward(zero, SimpleRNNState(zero), recurrent)
    >>> d_state, d_projection = equations.backward(
    ...     SimpleRNNState(zero + 2), zero, residuals, recurrent
    ... )
    >>> float(d_projection.a[0, 0]), float(d_state.h[0, 0])  # 2 * 1, 3 * 2
    (2.0, 6.0)
    """

    State = SimpleRNNState
    Residuals = SimpleRNNResiduals
    Gradients = SharedProjectionGradient

    def __init__(self, activation: Callable[[Tensor], Tensor]):
        self.phi = activation
        # phi' as a function of the value of phi.
        self.d_phi: Any = derivative_from_output(activation)

    def forward(
        self, a: Tensor, state: SimpleRNNState, recurrent: RecurrentKernel
    ) -> tuple[SimpleRNNState, SimpleRNNResiduals]:
        """One time step from a `(batch, units)` and the previous state."""
        h = self.phi(a + recurrent(state.h))
        return SimpleRNNState(h), SimpleRNNResiduals(h)

    def backward(
        self,
        d_state: SimpleRNNState,
        h_prev: Tensor,
        residuals: SimpleRNNResiduals,
        recurrent: RecurrentKernel,
    ) -> tuple[SimpleRNNState, SharedProjectionGradient]:
        """Gradients w.r.t. the previous state and the projections."""
        d_a = d_state.h * self.d_phi(residuals.h)
        d_h_prev = recurrent.state_gradient(d_a)
        return SimpleRNNState(d_h_prev), SharedProjectionGradient(d_a)

    def recurrent_kernel_gradient(
        self,
        d_projection: SharedProjectionGradient,
        h_prev: Tensor,
        residuals: SimpleRNNResiduals,
        recurrent: RecurrentKernel,
    ) -> Tensor:
        """Gradient with respect to U, summed over all time steps."""
        return recurrent.kernel_gradient(h_prev, d_projection.u)
