"""The two products of a recurrent layer: of its inputs, and of its states."""

from keras import ops


class RecurrentKernel:
    """h U + b, with what backpropagation through time needs of it.

    With dropout each gate has a mask of its own, the same at every time step:

        [ (h * m_1) U_1 + b_1, (h * m_2) U_2 + b_2, ... ]

    Reference: Gal and Ghahramani, 2016, "A theoretically grounded application
    of dropout in recurrent neural networks",
    https://arxiv.org/abs/1512.05287.

    Args:
        kernel: Tensor `(units, gates * units)`, U.
        bias: Tensor `(gates * units,)`, b, or `None`.
        dropout_masks: Tuple of tensors `(batch, units)`, one a gate; empty
            without dropout.

    Example, two gates of one unit:

    >>> product = RecurrentKernel(ops.convert_to_tensor([[2.0, 3.0]]))
    >>> ops.convert_to_numpy(product(ops.ones((1, 1)))).tolist()
    [[2.0, 3.0]]
    >>> ops.convert_to_numpy(product.adjoint(ops.ones((1, 2)))).tolist()
    [[5.0]]
    """

    def __init__(self, kernel, bias=None, dropout_masks=()):
        self.kernel = kernel
        self.bias = bias
        self.dropout_masks = tuple(dropout_masks)

    def __call__(self, h):
        """(batch, units) -> (batch, gates * units)"""
        if self.dropout_masks:
            gates = [
                ops.matmul(h * mask, kernel) for mask, kernel in self.gates()
            ]
            product = ops.concatenate(gates, axis=-1)
        else:
            product = ops.matmul(h, self.kernel)
        return product if self.bias is None else product + self.bias

    def of_gates(self, first, last):
        """The product of the gates `first` to before `last` alone."""
        units = self.kernel.shape[0]
        columns = slice(first * units, last * units)
        return RecurrentKernel(
            self.kernel[:, columns],
            None if self.bias is None else self.bias[columns],
            self.dropout_masks[first:last],
        )

    def adjoint(self, gradient):
        """From the gradient of the product to that of the state.

        (batch, gates * units) -> (batch, units)
        """
        if not self.dropout_masks:
            return ops.matmul(gradient, ops.transpose(self.kernel))
        parts = ops.split(gradient, len(self.dropout_masks), axis=-1)
        return sum(
            ops.matmul(part, ops.transpose(kernel)) * mask
            for part, (mask, kernel) in zip(parts, self.gates(), strict=True)
        )

    def kernel_gradient(self, h, gradient):
        """Sums over batch and time: one product for each shared weight.

        (time, batch, units), (time, batch, gates * units)
            -> (units, gates * units)
        """
        if not self.dropout_masks:
            return ops.matmul(ops.transpose(rows(h)), rows(gradient))
        parts = ops.split(gradient, len(self.dropout_masks), axis=-1)
        gates = [
            ops.matmul(ops.transpose(rows(h * mask)), rows(part))
            for part, mask in zip(parts, self.dropout_masks, strict=True)
        ]
        return ops.concatenate(gates, axis=-1)

    def bias_gradient(self, gradient):
        """(time, batch, gates * units) -> (gates * units,)"""
        return ops.sum(gradient, axis=(0, 1))

    def gates(self):
        """Pairs of dropout mask and kernel."""
        num_gates = len(self.dropout_masks)
        kernels = ops.split(self.kernel, num_gates, axis=-1)
        return zip(self.dropout_masks, kernels, strict=True)


def input_product(cell, x, masks):
    """Gives x W + b of a Keras cell, one product for all time steps.

    (..., batch, features) -> (..., batch, gates * units)
    """
    kernel = ops.cast(cell.kernel, x.dtype)
    if len(masks) > 1:
        pairs = RecurrentKernel(kernel, None, masks).gates()
        gates = [product_of_rows(x * mask, kernel) for mask, kernel in pairs]
        a = ops.concatenate(gates, axis=-1)
    else:
        for mask in masks:  # one for all gates
            x = x * mask
        a = product_of_rows(x, kernel)
    bias, _ = biases(cell, x.dtype)
    return a if bias is None else a + bias


def recurrent_product(cell, dtype, masks):
    """The `RecurrentKernel` of a Keras cell."""
    kernel = ops.cast(cell.recurrent_kernel, dtype)
    return RecurrentKernel(kernel, biases(cell, dtype)[1], masks)


def products_of_step(cell, x, h, training):
    """Both, for one time step: x W + b, and the product for h."""
    return (
        input_product(
            cell,
            x,
            dropout_masks(cell.dropout, training, cell.get_dropout_mask, x),
        ),
        recurrent_product(
            cell,
            h.dtype,
            dropout_masks(
                cell.recurrent_dropout,
                training,
                cell.get_recurrent_dropout_mask,
                h,
            ),
        ),
    )


def dropout_masks(rate, training, draw, x):
    """As Keras draws them, for x of `(batch, size)`: none, or one a gate."""
    if not training or not 0 < rate < 1:
        return ()
    masks = draw(x)
    return tuple(masks) if isinstance(masks, list | tuple) else (masks,)


def biases(cell, dtype):
    """That of the inputs and that of the states, `None` where there is none."""
    if cell.bias is None:
        return None, None
    bias = ops.cast(cell.bias, dtype)
    return (bias, None) if len(bias.shape) == 1 else (bias[0], bias[1])


def product_of_rows(x, kernel):
    """(..., features) -> (..., size), as one product of two matrices."""
    y = ops.matmul(rows(x), kernel)
    return ops.reshape(y, (*ops.shape(x)[:-1], kernel.shape[-1]))


def rows(x):
    """(..., size) -> (rows, size)"""
    return ops.reshape(x, (-1, x.shape[-1]))
