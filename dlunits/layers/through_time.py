"""Backpropagation through time, written out: what recurrent layers share."""

import functools

import keras
from keras import ops

from dlunits.autodiff import custom_gradient
from dlunits.layers.recurrent_product import (
    RecurrentProduct,
    input_product,
    recurrent_product,
)
from dlunits.scan import scan


class ThroughTime:
    """Runs a Keras recurrent layer by equations with their adjoint beside.

    To be inherited before the Keras layer. What Keras does at every time step
    and need not is done once: the product of inputs and kernel before the
    loop, the gradient of the recurrent kernel after it. The loop backwards
    holds one small product alone.

        forward     a = x W + b                          all steps at once
                    s_t, kept_t = step(a_t, s_{t-1}, U)          loop
        backward    da_t, ds_{t-1} = adjoint(kept_t, ds_t, U)    loop back
                    dU = sum_t h_{t-1}^T da_t            all steps at once

    On TensorFlow both loops are compiled by XLA in training; a model whose
    batches are of many lengths is compiled once for each.

    A layer provides `equations()`, an object with

        step(a_t, states, U) -> (states, kept): `kept` is a tuple.
        adjoint(kept_t, h_before, gradients, U) -> (of the states, of a_t and,
            where it is another, of the product with U).
        kernel_gradient(U, h_before, kept, gradients): of all time steps, where
            it is not `U.kernel_gradient(h_before, gradients[-1])`.
        num_kept, num_gradients: how many tensors these tuples hold.

    or `None` if there is no adjoint for its activations: Keras' loop runs it.

    Reference: Werbos, 1990, "Backpropagation through time: what it does and
    how to do it", https://doi.org/10.1109/5.58337.

    Example, a layer that adds what it is given, by a kernel of 1:

    >>> import dlunits
    >>> adder = dlunits.layers.SimpleRNN(
    ...     1, activation="linear", kernel_initializer="ones",
    ...     recurrent_initializer="ones",
    ... )
    >>> isinstance(adder, ThroughTime), float(adder(ops.ones((1, 5, 1)))[0, 0])
    (True, 5.0)
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        equations = self.equations()
        if equations is None:
            return super().inner_loop(sequences, initial_state, mask, training)
        mask = keras.tree.flatten(mask)[0] if mask is not None else None
        if mask is not None:
            mask = ops.cast(ops.transpose(mask)[..., None], "bool")
        sequences = ops.transpose(sequences, (1, 0, 2))  # time first
        if mask is not None:  # 0 times what is not a number is not 0
            sequences = ops.where(mask, sequences, ops.zeros_like(sequences))
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=0)
            mask = None if mask is None else ops.flip(mask, axis=0)
        h, *states = recur(
            equations,
            input_product(self.cell, sequences, training),
            initial_state,
            recurrent_product(self.cell, initial_state[0], training),
            mask,
            unroll=self.unroll,
            compiled=training,
        )
        if mask is not None:
            h = without_masked(h, mask, self.zero_output_for_mask)
        outputs = ops.transpose(h, (1, 0, 2)) if self.return_sequences else h
        return h[-1], outputs, states


def without_masked(h, mask, zero):
    """What Keras puts out for masked steps: zeros, or the output before."""
    seen = mask if zero else ops.cumsum(ops.cast(mask, "int32"), axis=0) > 0
    return ops.where(seen, h, ops.zeros_like(h))


def recur(equations, a, states, product, mask=None, *, unroll, compiled):
    """(time, batch, gates * units) -> states h (time, batch, units), and last

    Its gradient is backpropagation through time.
    """
    constants = {
        "kernel": (product.kernel,),
        "bias": () if product.bias is None else (product.bias,),
        "dropout": product.dropout_masks,
        "mask": () if mask is None else (mask,),
    }
    sizes = {name: len(tensors) for name, tensors in constants.items()}

    def unpacked(arguments):
        parts = {}
        for name, size in sizes.items():
            parts[name], arguments = arguments[:size], arguments[size:]
        a, *states = arguments
        bias = parts["bias"][0] if parts["bias"] else None
        product = RecurrentProduct(*parts["kernel"], bias, parts["dropout"])
        return a, tuple(states), product, parts["mask"]

    loop = functools.partial(
        compiled_scan if compiled and not unroll else scan, unroll=unroll
    )

    def forward(*arguments):
        a, states, product, mask = unpacked(arguments)

        def step(states, now):
            a_t, *mask_t = now
            new, kept = equations.step(a_t, states, product)
            new = selected(mask_t, new, states)
            return new, (new[0], *kept)

        last, (h, *kept) = loop(
            step, states, (a, *mask), num_outputs=1 + equations.num_kept
        )
        before = ops.concatenate([states[0][None], h[:-1]], axis=0)
        return (h, *last), (arguments, before, tuple(kept))

    def backward(kept, gradients):
        arguments, before, kept = kept
        _, _, product, mask = unpacked(arguments)
        of_h, *of_last = gradients

        def step(of_states, now):
            of_h_t, before_t, *kept_t = now
            kept_t, mask_t = kept_t[: len(kept)], kept_t[len(kept) :]
            of_states = (of_states[0] + of_h_t, *of_states[1:])
            of_before, outputs = equations.adjoint(
                kept_t, before_t, of_states, product
            )
            zeros = tuple(map(ops.zeros_like, outputs))
            return (
                selected(mask_t, of_before, of_states),
                selected(mask_t, outputs, zeros),
            )

        of_states, outputs = loop(
            step,
            tuple(of_last),
            (of_h, before, *kept, *mask),
            num_outputs=equations.num_gradients,
            reverse=True,
        )
        of_kernel = equations.kernel_gradient(product, before, kept, outputs)
        of_bias = [product.bias_gradient(outputs[-1])] * sizes["bias"]
        none = [None] * (sizes["dropout"] + sizes["mask"])
        return (of_kernel, *of_bias, *none, outputs[0], *of_states)

    flat = (tensor for tensors in constants.values() for tensor in tensors)
    return custom_gradient(forward, backward)(*flat, a, *states)


def selected(mask, chosen, others):
    """Where there is a mask, the first where it holds, else the second."""
    if not mask:
        return tuple(chosen)
    pairs = zip(chosen, others, strict=True)
    return tuple(ops.where(*mask, new, old) for new, old in pairs)


def compiled_scan(step, carry, sequences, **options):
    """As `scan`, compiled by XLA inside a graph of TensorFlow's."""
    if keras.backend.backend() != "tensorflow":
        return scan(step, carry, sequences, **options)
    import tensorflow as tf

    if tf.executing_eagerly():  # would be compiled at every call
        return scan(step, carry, sequences, **options)
    loop = functools.partial(scan, step, **options)
    return tf.function(loop, autograph=False, jit_compile=True)(
        tuple(carry), tuple(sequences)
    )
