"""Scan over time steps, as `keras.ops.scan`, with outputs of any shape.

On TensorFlow, the outputs of `keras.ops.scan` must have the shapes of the
carry.
"""

from collections.abc import Callable
from typing import TypeAlias

import keras
from keras import ops

from dlunits.typing import Tensor

Tensors: TypeAlias = tuple[Tensor, ...]
Step: TypeAlias = Callable[[Tensors, Tensors], tuple[Tensors, Tensors]]


def scan(
    step: Step,
    carry: Tensors,
    sequences: Tensors,
    *,
    num_outputs: int,
    reverse: bool = False,
    unroll: bool = False,
) -> tuple[Tensors, Tensors]:
    """Scan: applies a function to each time step and stacks the outputs.

        carry, outputs[t] = step(carry, (x[t] for x in sequences))

    On TensorFlow the gradient of the loop is slow: use it within
    `dlunits.autodiff.custom_gradient`.

    Args:
        step: Function that maps the carry and a tuple of tensors x[t], one per
            sequence, to the next carry and a tuple of output tensors.
        carry: Tuple of tensors, the initial carry. Its shapes do not change.
        sequences: Non-empty tuple of tensors `(time, ...)`.
        num_outputs: Positive integer, number of outputs of `step`.
        reverse: Whether to run from the last time step to the first. Outputs
            keep the order of the inputs.
        unroll: Whether to unroll the loop. The number of time steps must then
            be known.

    Returns:
        `(carry, outputs)`: the last carry, and a tuple of stacked outputs
        `(time, ...)`.

    Example, a running sum:

    >>> x = ops.convert_to_tensor([1.0, 2.0, 3.0])
    >>> add = lambda carry, x_t: ((carry[0] + x_t[0],), (carry[0] + x_t[0],))
    >>> (last,), (sums,) = scan(add, (ops.zeros(()),), (x,), num_outputs=1)
    >>> float(last), ops.convert_to_numpy(sums).tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    name = keras.backend.backend()
    if unroll or name not in ("tensorflow", "jax"):
        return unrolled_scan(step, carry, sequences, reverse)
    if name == "jax":
        import jax

        return jax.lax.scan(step, carry, sequences, reverse=reverse)
    return tensorflow_scan(step, carry, sequences, num_outputs, reverse)


def unrolled_scan(
    step: Step, carry: Tensors, sequences: Tensors, reverse: bool
) -> tuple[Tensors, Tensors]:
    """`scan` as an unrolled Python loop.

    Args:
        step, carry, sequences, reverse: As in `scan`.

    Returns:
        `(carry, outputs)`, as `scan`.

    Example:

    >>> x = ops.convert_to_tensor([1.0, 2.0, 3.0])
    >>> add = lambda carry, x_t: ((carry[0] + x_t[0],), (carry[0] + x_t[0],))
    >>> (last,), _ = unrolled_scan(add, (ops.zeros(()),), (x,), reverse=True)
    >>> float(last)
    6.0
    """
    num_steps = sequences[0].shape[0]
    outputs = [()] * num_steps
    for t in reversed(range(num_steps)) if reverse else range(num_steps):
        carry, outputs[t] = step(carry, tuple(x[t] for x in sequences))
    return carry, tuple(map(ops.stack, zip(*outputs, strict=True)))


def tensorflow_scan(
    step: Step,
    carry: Tensors,
    sequences: Tensors,
    num_outputs: int,
    reverse: bool,
) -> tuple[Tensors, Tensors]:
    """`scan` in a `tf.while_loop`.

    Args:
        step, carry, sequences, num_outputs, reverse: As in `scan`.

    Returns:
        `(carry, outputs)`, as `scan`.

    Example:

    >>> import tensorflow as tf
    >>> add = lambda carry, x_t: ((carry[0] + x_t[0],), (carry[0] + x_t[0],))
    >>> x, zero = tf.constant([1.0, 2.0, 3.0]), tf.zeros(())
    >>> (last,), _ = tensorflow_scan(add, (zero,), (x,), 1, reverse=True)
    >>> float(last)
    6.0
    """
    import tensorflow as tf

    static = sequences[0].shape[0]
    num_steps = tf.shape(sequences[0])[0] if static is None else static
    arrays = tuple(
        tf.TensorArray(sequences[0].dtype, num_steps)
        for _ in range(num_outputs)
    )

    def body(count, carry, arrays):
        t = num_steps - 1 - count if reverse else count
        # Indexing the first axis does not copy; reading a TensorArray does.
        carry, outputs = step(carry, tuple(x[t] for x in sequences))
        written = zip(arrays, outputs, strict=True)
        return count + 1, carry, tuple(a.write(t, y) for a, y in written)

    _, carry, arrays = tf.while_loop(
        lambda count, *_: count < num_steps,
        body,
        (0, tuple(carry), arrays),
        maximum_iterations=num_steps,
    )
    return carry, tuple(array.stack() for array in arrays)
