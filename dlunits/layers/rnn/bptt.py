"""Backpropagation through time, written out: what recurrent layers share."""

import contextlib
import os

import keras
from keras import ops

from dlunits.layers.rnn.bptt_scan import BPTTScan
from dlunits.layers.rnn.recurrent_kernel import (
    dropout_masks,
    input_product,
    recurrent_product,
)

ROWS_A_PART = 16  # with fewer, a product of matrices no longer pays


class BackpropagationThroughTime:
    """Runs a Keras recurrent layer by equations with their adjoint beside.

    To be inherited before the Keras layer. What Keras does at every time step
    and need not is done once: the product of inputs and kernel before the
    loop, the gradient of the recurrent kernel after it. The loop backwards
    holds one small product alone.

        forward     a = x W + b                          all steps at once
                    s_t, kept_t = step(a_t, s_{t-1}, U)          loop
        backward    da_t, ds_{t-1} = adjoint(kept_t, ds_t, U)    loop back
                    dU = sum_t h_{t-1}^T da_t            all steps at once

    On TensorFlow both loops are compiled by XLA in training, and each core has
    a part of the mini-batch to itself. A model whose batches are of many
    lengths is compiled once for each.

    A layer provides `equations()`, an object with

        step(a_t, states, U) -> (states, kept): `kept` is a tuple.
        adjoint(kept_t, h_before, gradients, U) -> (of the states, of a_t and,
            where it is another, of the product with U).
        kernel_gradient(U, h_before, kept, gradients): that of the recurrent
            kernel, from all time steps at once.
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
    >>> isinstance(adder, BackpropagationThroughTime)
    True
    >>> float(adder(ops.ones((1, 5, 1)))[0, 0])
    5.0
    """

    embeddings = None  # table that integers in the sequences are rows of

    @contextlib.contextmanager
    def reading_rows_of(self, embeddings):
        """In here, sequences `(batch, time, 1)` are row numbers of a table.

        Its rows are multiplied by the kernel, in place of the inputs; see
        `dlunits.layers.EmbeddingRNN`.
        """
        self.embeddings = embeddings
        try:
            yield
        finally:
            self.embeddings = None

    def inner_loop(self, sequences, initial_state, mask, training=False):
        equations = self.equations()
        if equations is None:
            return super().inner_loop(sequences, initial_state, mask, training)
        cell, x = self.cell, sequences[:, 0]
        batch = {
            "sequences": sequences,
            "states": tuple(initial_state),
            "mask": keras.tree.flatten(mask)[0] if mask is not None else None,
            "input_masks": dropout_masks(
                cell.dropout, training, cell.get_dropout_mask, x
            ),
            "recurrent_masks": dropout_masks(
                cell.recurrent_dropout,
                training,
                cell.get_recurrent_dropout_mask,
                initial_state[0],
            ),
        }
        recurrence = BPTTScan(equations, self.unroll, compiled=training)
        num_parts = number_of_parts(sequences.shape[0]) if training else 1
        if num_parts == 1:
            return self.run_part(recurrence, **batch)
        parts = [
            self.run_part(recurrence, **part)
            for part in parts_of(batch, num_parts)
        ]
        return keras.tree.map_structure(
            lambda *tensors: ops.concatenate(tensors, axis=0), *parts
        )

    def run_part(
        self, recurrence, sequences, states, mask, input_masks, recurrent_masks
    ):
        """Returns last output, outputs and states, batch first."""
        x = ops.transpose(sequences, (1, 0, 2))  # time first
        if mask is not None:
            mask = ops.cast(ops.transpose(mask)[..., None], "bool")
            x = ops.where(mask, x, ops.zeros_like(x))  # 0 times NaN is not 0
        if self.go_backwards:
            x = ops.flip(x, axis=0)
            mask = None if mask is None else ops.flip(mask, axis=0)
        h, *states = recurrence(
            self.product_of_inputs(x, input_masks),
            states,
            recurrent_product(self.cell, states[0].dtype, recurrent_masks),
            mask,
        )
        if mask is not None:
            h = without_masked(h, mask, self.zero_output_for_mask)
        steps = h if self.return_sequences else h[-1:]
        return h[-1], ops.transpose(steps, (1, 0, 2)), states

    def product_of_inputs(self, x, masks):
        """Gives x W + b, of vectors or of rows of a table."""
        if self.embeddings is None:
            return input_product(self.cell, x, masks)
        table = input_product(self.cell, self.embeddings, ())
        return ops.take(table, x[..., 0], axis=0)


def without_masked(h, mask, zero):
    """What Keras puts out for masked steps: zeros, or the output before."""
    seen = mask if zero else ops.cumsum(ops.cast(mask, "int32"), axis=0) > 0
    return ops.where(seen, h, ops.zeros_like(h))


def number_of_parts(batch_size):
    """Into how many parts a mini-batch is cut that TensorFlow trains on."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    if tf.executing_eagerly() or tf.config.list_logical_devices("GPU"):
        return 1
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    most = 4 if batch_size is None else batch_size // ROWS_A_PART
    return max(1, min(threads or os.cpu_count(), most))


def parts_of(batch, num_parts):
    """Cuts every tensor by its rows into as many parts, for TensorFlow."""
    import tensorflow as tf

    def parts(tensor):
        size = ops.shape(tensor)[0]
        starts = [size * number // num_parts for number in range(num_parts)]
        stops = [*starts[1:], size]
        sizes = [b - a for a, b in zip(starts, stops, strict=True)]
        # Not slices: the gradient of each would be as large as the whole.
        return tf.split(tensor, sizes, num=num_parts)

    split = [
        [None] * num_parts if tensor is None else parts(tensor)
        for tensor in keras.tree.flatten(batch)
    ]
    return [
        keras.tree.pack_sequence_as(batch, list(tensors))
        for tensors in zip(*split, strict=True)
    ]
