"""Common part of the LSTM and GRU equations."""

from collections.abc import Callable
from typing import Any

from dlunits.activations import derivative_from_output
from dlunits.layers.rnn.recurrent_kernel import RecurrentKernel
from dlunits.typing import Tensor


class GatedEquations:
    """Activations of a gated cell, and the gradient of its recurrent kernel.

    Args:
        activation: Function phi, activation of the candidate.
        recurrent_activation: Function sigma, activation of the gates.

    Attributes:
        phi, sigma: These functions.
        d_phi, d_sigma: Their derivatives, as functions of the values of phi
            and sigma; `None` for a function without a known derivative.
    """

    def __init__(
        self,
        activation: Callable[[Tensor], Tensor],
        recurrent_activation: Callable[[Tensor], Tensor],
    ):
        self.phi = activation
        self.sigma = recurrent_activation
        self.d_phi: Any = derivative_from_output(activation)
        self.d_sigma: Any = derivative_from_output(recurrent_activation)

    def recurrent_kernel_gradient(
        self,
        d_projection: Any,
        h_prev: Tensor,
        residuals: Any,
        recurrent: RecurrentKernel,
    ) -> Tensor:
        """Gradient with respect to U, summed over all time steps.

        `d_projection` is a `ProjectionGradients` or a
        `SharedProjectionGradient`.
        """
        return recurrent.kernel_gradient(h_prev, d_projection.u)
