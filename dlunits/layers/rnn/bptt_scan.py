"""Recurrence over time with a gradient by backpropagation through time."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from dlunits.autodiff import custom_gradient
from dlunits.layers.rnn.recurrent_kernel import RecurrentKernel
from dlunits.scan import scan
from dlunits.typing import Tensor


class BPTTScan:
    """Runs the equations of a cell over time, with an explicit gradient.

    The forward loop returns the residuals of each time step, from which the
    backward loop computes the gradients with respect to the states and the
    projections. The gradient of the recurrent kernel is one matrix product over
    all time steps after the backward loop.

    Args:
        equations: Equations of one time step, see
            `dlunits.layers.rnn.bptt.BackpropagationThroughTime`.
        unroll: Whether to unroll the loops.
        compiled: Whether XLA compiles the loops, in graphs of TensorFlow.

    Call arguments:
        a: Tensor `(time, batch, gates * units)`, the input projection.
        state: Sequence of tensors `(batch, units)`, the initial state, h
            first.
        recurrent: `dlunits.layers.rnn.recurrent_kernel.RecurrentKernel`.
        mask: Boolean tensor `(time, batch, 1)`, or `None`. The state does not
            change where it is `False`.

    Returns:
        Tuple of h at all time steps, `(time, batch, units)`, and the list of
        the last states.

    Example, a sum over time:

    >>> from dlunits.layers.rnn.simple_rnn_cell import SimpleRNNEquations
    >>> cumulative_sum = BPTTScan(SimpleRNNEquations(keras.activations.linear))
    >>> recurrent = RecurrentKernel(ops.ones((1, 1)))
    >>> h, _ = cumulative_sum(
    ...     ops.ones((3, 1, 1)), [ops.zeros((1, 1))], recurrent
    ... )
    >>> ops.convert_to_numpy(h)[:, 0, 0].tolist()
    [1.0, 2.0, 3.0]
    """

    def __init__(
        self, equations: Any, unroll: bool = False, compiled: bool = False
    ):
        self.equations = equations
        self.scan = functools.partial(scan, unroll=unroll)
        self.compiled = compiled and not unroll and is_tracing_tensorflow()

    def __call__(
        self,
        a: Tensor,
        state: Sequence[Tensor],
        recurrent: RecurrentKernel,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        inputs = {"a": a, "state": tuple(state)}
        constants = {
            "kernel": recurrent.kernel,
            "bias": recurrent.bias,
            "dropout_masks": recurrent.dropout_masks,
            "mask": mask,
        }
        # A custom gradient takes a flat list of tensors, without `None`.
        constants = {k: v for k, v in constants.items() if v is not None}
        arguments = (inputs, constants)

        def forward(run, *tensors):
            inputs, constants = keras.tree.pack_sequence_as(
                arguments, list(tensors)
            )
            h, last, residuals = run(**inputs, constants=constants)
            initial_h, *_ = inputs["state"]
            h_prev = ops.concatenate([initial_h[None], h[:-1]], axis=0)
            return (h, *last), (constants, h_prev, residuals)

        def backward(run, kept, gradients):
            constants, h_prev, residuals = kept
            d_h, *d_last = gradients
            d_state, d_projection = run(
                d_h, d_last, h_prev, residuals, constants
            )
            residuals = self.equations.Residuals(*residuals)
            d_projection = self.equations.Gradients(*d_projection)
            recurrent = kernel_from(constants)
            # Masks get no gradient.
            d_constants = keras.tree.map_structure(lambda _: None, constants)
            d_constants["kernel"] = self.equations.recurrent_kernel_gradient(
                d_projection, h_prev, residuals, recurrent
            )
            if "bias" in constants:
                d_constants["bias"] = recurrent.bias_gradient(d_projection.u)
            d_inputs = {"a": d_projection.a, "state": d_state}
            return tuple(keras.tree.flatten((d_inputs, d_constants)))

        loops = (
            functools.partial(forward, self.forward),
            functools.partial(backward, self.backward),
        )
        compiled = None
        # A loop over an unknown number of time steps would be compiled again
        # for each number.
        if self.compiled and a.shape[0] is not None:
            compiled = (
                functools.partial(forward, compile_by_xla(self.forward)),
                functools.partial(backward, compile_by_xla(self.backward)),
            )
        h, *last = custom_gradient(*loops, compiled)(
            *keras.tree.flatten(arguments)
        )
        return h, last

    def forward(
        self,
        a: Tensor,
        state: tuple[Tensor, ...],
        constants: dict[str, Any],
    ) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Loop over time.

        Returns:
            `(h, last, residuals)`: h at all time steps, the last states, and
            the residuals at all time steps.
        """
        recurrent = kernel_from(constants)

        def step(state, inputs_t):
            a_t, *mask_t = inputs_t
            state = self.equations.State(*state)
            new_state, residuals = self.equations.forward(a_t, state, recurrent)
            new_state = select(mask_t, new_state, state)
            h, *_ = new_state
            return new_state, (h, *residuals)

        last, (h, *residuals) = self.scan(
            step,
            state,
            (a, *masks_from(constants)),
            num_outputs=1 + len(self.equations.Residuals._fields),
        )
        return h, tuple(last), tuple(residuals)

    def backward(
        self,
        d_h: Tensor,
        d_last: Sequence[Tensor],
        h_prev: Tensor,
        residuals: Sequence[Tensor],
        constants: dict[str, Any],
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Loop over time from the last step to the first.

        Returns:
            Gradients with respect to the initial state, and with respect to
            the projections at all time steps.
        """
        recurrent = kernel_from(constants)
        num_residuals = len(residuals)

        def step(d_state, inputs_t):
            d_h_t, h_prev_t, *rest = inputs_t
            residuals_t = self.equations.Residuals(*rest[:num_residuals])
            mask_t = rest[num_residuals:]
            d_state = self.equations.State(*d_state)
            d_state = d_state._replace(h=d_state.h + d_h_t)
            d_prev, d_projection = self.equations.backward(
                d_state, h_prev_t, residuals_t, recurrent
            )
            zeros = tuple(map(ops.zeros_like, d_projection))
            return (
                select(mask_t, d_prev, d_state),
                select(mask_t, d_projection, zeros),
            )

        return self.scan(
            step,
            tuple(d_last),
            (d_h, h_prev, *residuals, *masks_from(constants)),
            num_outputs=len(self.equations.Gradients._fields),
            reverse=True,
        )


def kernel_from(constants: dict[str, Any]) -> RecurrentKernel:
    """Returns the recurrent kernel of `constants`."""
    return RecurrentKernel(
        constants["kernel"], constants.get("bias"), constants["dropout_masks"]
    )


def masks_from(constants: dict[str, Any]) -> list[Tensor]:
    """Returns a list with the mask of the time steps, empty without a mask."""
    return [constants["mask"]] if "mask" in constants else []


def select(
    mask: Sequence[Tensor], values: Sequence[Tensor], others: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Selects `values` where the mask is `True`, else `others`.

    Args:
        mask: Sequence of one boolean tensor; empty to select all `values`.
        values: Sequence of tensors.
        others: Sequence of tensors of the same shapes.

    Returns:
        Tuple of tensors.
    """
    if not mask:
        return tuple(values)
    pairs = zip(values, others, strict=True)
    return tuple(ops.where(*mask, value, other) for value, other in pairs)


def compile_by_xla(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function compiled by XLA, on TensorFlow."""
    import tensorflow as tf

    return tf.function(function, autograph=False, jit_compile=True)


def is_tracing_tensorflow() -> bool:
    """Whether TensorFlow is tracing a graph.

    In eager mode a loop would be compiled at every call.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.executing_eagerly()
