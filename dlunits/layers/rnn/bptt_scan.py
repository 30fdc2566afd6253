"""A recurrence over time whose gradient is written out."""

import functools

import keras
from keras import ops

from dlunits.autodiff import custom_gradient
from dlunits.layers.rnn.recurrent_kernel import RecurrentKernel
from dlunits.scan import scan


class BPTTScan:
    """Runs equations over time; its gradient is their adjoint, run back.

    Args:
        equations: See `dlunits.layers.rnn.bptt.BackpropagationThroughTime`.
        unroll: Whether the loops are written out.
        compiled: Whether XLA compiles the loops in TensorFlow's graphs.

    Call arguments:
        a: Tensor `(time, batch, gates * units)`, the product of the inputs.
        states: Tuple of tensors `(batch, units)`, h first.
        product: `dlunits.layers.rnn.recurrent_kernel.RecurrentKernel`.
        mask: Booleans `(time, batch, 1)`, or `None`: states stay where it is
            `False`.

    Returns:
        Tuple of h `(time, batch, units)` and of the last states.

    Example, a sum over time:

    >>> from dlunits.layers.rnn.simple_rnn_cell import SimpleRNNEquations
    >>> adding = BPTTScan(SimpleRNNEquations(keras.activations.linear))
    >>> product = RecurrentKernel(ops.ones((1, 1)))
    >>> h, _ = adding(ops.ones((3, 1, 1)), (ops.zeros((1, 1)),), product)
    >>> ops.convert_to_numpy(h)[:, 0, 0].tolist()
    [1.0, 2.0, 3.0]
    """

    def __init__(self, equations, unroll=False, compiled=False):
        self.equations = equations
        self.scan = functools.partial(scan, unroll=unroll)
        self.loop, self.loop_back = self.run, self.run_back
        if compiled and not unroll and in_graph_of_tensorflow():
            import tensorflow as tf

            compile_by_xla = functools.partial(
                tf.function, autograph=False, jit_compile=True
            )
            self.loop = compile_by_xla(self.run)
            self.loop_back = compile_by_xla(self.run_back)

    def __call__(self, a, states, product, mask=None):
        constants = (
            (product.kernel,),
            () if product.bias is None else (product.bias,),
            product.dropout_masks,
            () if mask is None else (mask,),
        )
        flat = keras.tree.flatten((constants, a, tuple(states)))

        def packed(tensors):
            structure = (constants, a, tuple(states))
            return keras.tree.pack_sequence_as(structure, list(tensors))

        def forward(*tensors):
            constants, a, states = packed(tensors)
            h, last, kept = self.loop(constants, a, states)
            before = ops.concatenate([states[0][None], h[:-1]], axis=0)
            return (h, *last), (tensors, before, kept)

        def backward(kept, gradients):
            tensors, before, kept = kept
            constants, *_ = packed(tensors)
            of_states, outputs = self.loop_back(
                constants, before, kept, gradients
            )
            product = product_of(constants)
            of_kernel = self.equations.kernel_gradient(
                product, before, kept, outputs
            )
            _, bias, *others = constants
            of_bias = [product.bias_gradient(outputs[-1])] * len(bias)
            none = [None] * sum(map(len, others))
            return (of_kernel, *of_bias, *none, outputs[0], *of_states)

        return custom_gradient(forward, backward)(*flat)

    def run(self, constants, a, states):
        """The loop over time: h of all steps, the last states, what is kept"""
        *_, mask = constants
        product = product_of(constants)

        def step(states, now):
            a_t, *mask_t = now
            new, kept = self.equations.step(a_t, states, product)
            new = selected(mask_t, new, states)
            return new, (new[0], *kept)

        last, (h, *kept) = self.scan(
            step, states, (a, *mask), num_outputs=1 + self.equations.num_kept
        )
        return h, tuple(last), tuple(kept)

    def run_back(self, constants, before, kept, gradients):
        """The loop back: gradients of the first states, and of all steps"""
        *_, mask = constants
        product = product_of(constants)
        of_h, *of_last = gradients

        def step(of_states, now):
            of_h_t, before_t, *kept_t = now
            kept_t, mask_t = kept_t[: len(kept)], kept_t[len(kept) :]
            of_states = (of_states[0] + of_h_t, *of_states[1:])
            of_before, outputs = self.equations.adjoint(
                kept_t, before_t, of_states, product
            )
            zeros = tuple(map(ops.zeros_like, outputs))
            return (
                selected(mask_t, of_before, of_states),
                selected(mask_t, outputs, zeros),
            )

        return self.scan(
            step,
            tuple(of_last),
            (of_h, before, *kept, *mask),
            num_outputs=self.equations.num_gradients,
            reverse=True,
        )


def product_of(constants):
    (kernel,), bias, dropout_masks, _ = constants
    return RecurrentKernel(kernel, *(bias or (None,)), dropout_masks)


def selected(mask, chosen, others):
    """Where there is a mask, the first where it holds, else the second."""
    if not mask:
        return tuple(chosen)
    pairs = zip(chosen, others, strict=True)
    return tuple(ops.where(*mask, new, old) for new, old in pairs)


def in_graph_of_tensorflow():
    """Whether a function of TensorFlow's is being traced.

    Run eagerly, a loop would be compiled at every call.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.executing_eagerly()
