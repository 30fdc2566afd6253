"""Input and recurrent projections of a recurrent layer."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import keras
from keras import ops

from dlunits.typing import Tensor


class ProjectionGradients(NamedTuple):
    """Gradients with respect to the two projections of a recurrent cell.

        a_t = W x_t + b           input projection
        u_t = U h_{t-1} + b'      recurrent projection

    A cell that uses only the sum `a_t + u_t` has one gradient for both; see
    `SharedProjectionGradient`.

    Args:
        a: Gradient with respect to the input projection, tensor
            `(batch, gates * units)`, or `(time, batch, gates * units)`.
        u: Gradient with respect to the recurrent projection, of the same
            shape.
    """

    a: Tensor
    u: Tensor


class SharedProjectionGradient(NamedTuple):
    """Gradient with respect to both projections, if a cell uses only their sum.

    Args:
        a: Gradient with respect to the input projection. `u`, the gradient
            with respect to the recurrent projection, is the same tensor.
    """

    a: Tensor

    @property
    def u(self) -> Tensor:
        """Gradient with respect to the recurrent projection."""
        return self.a


class RecurrentKernel:
    """Recurrent projection u = U h + b', with its gradients.

    With recurrent dropout each gate k has its own mask m_k, which is the same
    at every time step:

        u_k = U_k (h * m_k) + b'_k

    Reference: Gal and Ghahramani, 2016, "A theoretically grounded application
    of dropout in recurrent neural networks",
    https://arxiv.org/abs/1512.05287.

    Args:
        kernel: Tensor `(units, gates * units)`, the columns U_k of all gates.
        bias: Tensor `(gates * units,)`, b', or `None` for no bias.
        dropout_masks: Sequence of tensors `(batch, units)`, one per gate;
            empty for no dropout.

    Example, two gates of one unit:

    >>> recurrent = RecurrentKernel(ops.convert_to_tensor([[2.0, 3.0]]))
    >>> ops.convert_to_numpy(recurrent(ops.ones((1, 1)))).tolist()
    [[2.0, 3.0]]
    >>> d_h = recurrent.state_gradient(ops.ones((1, 2)))
    >>> ops.convert_to_numpy(d_h).tolist()  # 2 + 3
    [[5.0]]
    """

    def __init__(
        self,
        kernel: Tensor,
        bias: Tensor | None = None,
        dropout_masks: Sequence[Tensor] = (),
    ):
        self.kernel = kernel
        self.bias = bias
        self.dropout_masks = tuple(dropout_masks)

    def __call__(self, h: Tensor) -> Tensor:
        """Returns u, `(batch, units)` -> `(batch, gates * units)`."""
        if self.dropout_masks:
            gates = [
                ops.matmul(h * mask, kernel)
                for mask, kernel in self.masked_gates()
            ]
            u = ops.concatenate(gates, axis=-1)
        else:
            u = ops.matmul(h, self.kernel)
        return u if self.bias is None else u + self.bias

    def gate_slice(self, start: int, stop: int) -> "RecurrentKernel":
        """Returns the recurrent kernel of the gates `start` to `stop - 1`."""
        units = self.kernel.shape[0]
        columns = slice(start * units, stop * units)
        return RecurrentKernel(
            self.kernel[:, columns],
            None if self.bias is None else self.bias[columns],
            self.dropout_masks[start:stop],
        )

    def state_gradient(self, d_u: Tensor) -> Tensor:
        """Gradient with respect to h, d_h = U^T d_u.

        `(batch, gates * units)` -> `(batch, units)`
        """
        if not self.dropout_masks:
            return ops.matmul(d_u, ops.transpose(self.kernel))
        gates = ops.split(d_u, len(self.dropout_masks), axis=-1)
        return sum(
            ops.matmul(gate, ops.transpose(kernel)) * mask
            for gate, (mask, kernel) in zip(
                gates, self.masked_gates(), strict=True
            )
        )

    def kernel_gradient(self, h: Tensor, d_u: Tensor) -> Tensor:
        """Gradient with respect to U, summed over batch and time.

        `(time, batch, units)`, `(time, batch, gates * units)`
            -> `(units, gates * units)`
        """
        if not self.dropout_masks:
            return sum_of_products(h, d_u)
        gates = ops.split(d_u, len(self.dropout_masks), axis=-1)
        gradients = [
            sum_of_products(h * mask, gate)
            for gate, mask in zip(gates, self.dropout_masks, strict=True)
        ]
        return ops.concatenate(gradients, axis=-1)

    def bias_gradient(self, d_u: Tensor) -> Tensor:
        """Gradient with respect to b', summed over batch and time.

        `(time, batch, gates * units)` -> `(gates * units,)`
        """
        return ops.sum(d_u, axis=(0, 1))

    def masked_gates(self) -> Iterable[tuple[Tensor, Tensor]]:
        """Pairs of dropout mask and kernel, one per gate."""
        num_gates = len(self.dropout_masks)
        kernels = ops.split(self.kernel, num_gates, axis=-1)
        return zip(self.dropout_masks, kernels, strict=True)


def input_projection(
    cell: keras.layers.Layer, x: Tensor, dropout_masks: Sequence[Tensor]
) -> Tensor:
    """Input projection a = W x + b of a Keras cell, for all time steps at once.

    `(..., batch, features)` -> `(..., batch, gates * units)`
    """
    kernel = ops.cast(cell.kernel, x.dtype)
    if len(dropout_masks) > 1:
        pairs = RecurrentKernel(kernel, None, dropout_masks).masked_gates()
        gates = [matmul_last_axis(x * mask, gate) for mask, gate in pairs]
        a = ops.concatenate(gates, axis=-1)
    else:
        for mask in dropout_masks:  # one mask for all gates
            x = x * mask
        a = matmul_last_axis(x, kernel)
    bias, _ = input_and_recurrent_bias(cell, x.dtype)
    return a if bias is None else a + bias


def recurrent_kernel(
    cell: keras.layers.Layer, dtype: str, dropout_masks: Sequence[Tensor]
) -> RecurrentKernel:
    """Returns the `RecurrentKernel` of a Keras cell."""
    kernel = ops.cast(cell.recurrent_kernel, dtype)
    _, bias = input_and_recurrent_bias(cell, dtype)
    return RecurrentKernel(kernel, bias, dropout_masks)


def step_projections(
    cell: keras.layers.Layer, x: Tensor, h: Tensor, training: bool
) -> tuple[Tensor, RecurrentKernel]:
    """Input projection and recurrent kernel of a Keras cell, one time step.

    `(batch, features)`, `(batch, units)` -> `(batch, gates * units)`, kernel
    """
    x = ops.cast(x, cell.compute_dtype)  # integers, such as one-hot vectors
    input_masks = dropout_masks(
        cell.dropout, training, cell.get_dropout_mask, x
    )
    recurrent_masks = dropout_masks(
        cell.recurrent_dropout, training, cell.get_recurrent_dropout_mask, h
    )
    return (
        input_projection(cell, x, input_masks),
        recurrent_kernel(cell, h.dtype, recurrent_masks),
    )


def dropout_masks(
    rate: float,
    training: bool | None,
    get_mask: Callable[[Tensor], Tensor | Sequence[Tensor]],
    x: Tensor,
) -> tuple[Tensor, ...]:
    """Dropout masks of a Keras cell for x of shape `(batch, size)`.

    Empty without dropout, else one mask for all gates or one per gate.
    """
    if not training or not 0 < rate < 1:
        return ()
    masks = get_mask(x)
    return tuple(masks) if isinstance(masks, list | tuple) else (masks,)


def input_and_recurrent_bias(
    cell: keras.layers.Layer, dtype: str
) -> tuple[Tensor | None, Tensor | None]:
    """Biases b and b' of a Keras cell, `None` where it has none."""
    if cell.bias is None:
        return None, None
    bias = ops.cast(cell.bias, dtype)
    return (bias, None) if len(bias.shape) == 1 else (bias[0], bias[1])


def matmul_last_axis(x: Tensor, kernel: Tensor) -> Tensor:
    """One matrix product, `(..., features)` -> `(..., size)`."""
    y = ops.matmul(to_matrix(x), kernel)
    return ops.reshape(y, (*ops.shape(x)[:-1], kernel.shape[-1]))


def sum_of_products(x: Tensor, y: Tensor) -> Tensor:
    """Sum of x^T y over time and batch.

    `(time, batch, m)`, `(time, batch, n)` -> `(m, n)`

    On JAX the two axes are summed as they are. Joined to one, XLA would gather
    the batches of all devices on each of them.
    """
    if keras.backend.backend() == "jax":
        return ops.tensordot(x, y, axes=((0, 1), (0, 1)))
    return ops.matmul(ops.transpose(to_matrix(x)), to_matrix(y))


def to_matrix(x: Tensor) -> Tensor:
    """Reshapes `(..., size)` to `(rows, size)`."""
    return ops.reshape(x, (-1, x.shape[-1]))
