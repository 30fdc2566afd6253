"""Backpropagation through time with explicit gradients, for Keras layers."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from dlunits.layers.rnn.bptt_scan import BPTTScan
from dlunits.layers.rnn.recurrent_kernel import (
    dropout_masks,
    input_projection,
    recurrent_kernel,
)
from dlunits.layers.rnn.static_batch_size import with_static_batch_size
from dlunits.typing import Shape, Tensor

# With fewer examples per shard, a second thread costs more than it saves.
MIN_SHARD_SIZE = 16


class BackpropagationThroughTime:
    """Mixin that runs a Keras recurrent layer with an explicit gradient.

    Inherit from it before the Keras layer. Two products that Keras computes
    at every time step are computed once for all time steps: the input
    projection before the loop, and the gradient of the recurrent kernel after
    the backward loop. The backward loop contains one small matrix product.

        forward     a = W x + b                                 all time steps
                    state_t, residuals_t
                        = forward(a_t, state_{t-1}, U)          loop
        backward    d_state_{t-1}, d_a_t, d_u_t
                        = backward(d_state_t, residuals_t, U)   reverse loop
                    dU = sum_t h_{t-1} d_u_t^T                  all time steps

    where x is the input, W the input kernel, b the bias, U the recurrent
    kernel, u the recurrent projection U h_{t-1} + b', and d_y the gradient of
    the loss with respect to y.

    On TensorFlow, both loops are compiled by XLA in training, and the
    mini-batch is split into shards that run in parallel on the CPU cores. Loops
    are not compiled if the number of time steps is unknown when the graph is
    traced, because XLA would compile them once per length.

    A layer implements `equations()`, which returns an object with

        forward(a_t, state, recurrent) -> (state, residuals)
        backward(d_state, h_prev, residuals, recurrent)
            -> (d_state of the previous step, d_projection)
        recurrent_kernel_gradient(d_projection, h_prev, residuals, recurrent)
            -> gradient with respect to U, from all time steps
        State, Residuals, Gradients: NamedTuple classes of the above; `State`
            has h first, `Gradients` has a and u.

    `recurrent` is a `dlunits.layers.rnn.recurrent_kernel.RecurrentKernel`.
    `equations()` returns `None` if the derivative of an activation is not
    known; the loop of the Keras layer then runs.

    Reference: Werbos, 1990, "Backpropagation through time: what it does and
    how to do it", https://doi.org/10.1109/5.58337.

    Example, a layer that adds its inputs up, as its kernels are 1:

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

    # Embedding matrix and the input projections of its rows, while the inputs
    # are token ids.
    embeddings: Tensor | None = None
    token_projections: Tensor | None = None

    # Attributes of `keras.layers.RNN`.
    name: str
    cell: Any
    state_size: list[int]
    unroll: bool
    go_backwards: bool
    return_sequences: bool
    zero_output_for_mask: bool

    def __init__(self, units: int, *args: Any, **kwargs: Any):
        super().__init__(units, *args, **kwargs)  # type: ignore[call-arg]
        if getattr(self, "use_cudnn", False) == "auto":
            # The kernels of cuDNN, which XLA cannot compile, are not used.
            self.supports_jit = True

    def equations(self) -> Any:
        """Returns the equations of a time step, or `None`; see the class."""
        raise NotImplementedError

    @contextlib.contextmanager
    def embedding_lookup(self, embeddings: Tensor) -> Iterator[None]:
        """Context in which the layer takes token ids instead of vectors.

        In this context, sequences `(batch, time, 1)` are integers that select
        rows of the input projection of `embeddings`; see
        `dlunits.layers.EmbeddingRNN`.

        Args:
            embeddings: Tensor `(vocabulary size, features)`.
        """
        self.embeddings = embeddings
        self.token_projections = input_projection(self.cell, embeddings, ())
        try:
            yield
        finally:
            self.embeddings = self.token_projections = None

    def call(
        self,
        sequences: Tensor,
        initial_state: Tensor | Sequence[Tensor] | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
    ) -> Any:
        """Checks the arguments, and runs the layer."""
        check_is_dense(sequences)
        if initial_state is not None:
            self.check_initial_state(
                [tuple(x.shape) for x in keras.tree.flatten(initial_state)]
            )
        if self.token_projections is None:
            # Integer inputs, such as one-hot vectors, are cast to floats.
            sequences = ops.cast(sequences, self.cell.compute_dtype)
        return super().call(  # type: ignore[misc]
            sequences, initial_state=initial_state, mask=mask, training=training
        )

    def compute_output_shape(
        self, sequences_shape: Shape, initial_state_shape: Any = None
    ) -> Any:
        """Shapes of the outputs; checks those of the initial state."""
        if initial_state_shape:
            nested = isinstance(initial_state_shape[0], list | tuple)
            self.check_initial_state(
                initial_state_shape if nested else [initial_state_shape]
            )
        return super().compute_output_shape(  # type: ignore[misc]
            sequences_shape
        )

    def check_initial_state(self, shapes: Sequence[Shape]) -> None:
        """Checks the number of states and their sizes.

        Raises:
            ValueError: If they are not those of the cell.
        """
        sizes = [shape[-1] if len(shape) == 2 else () for shape in shapes]
        if len(sizes) != len(self.state_size) or any(
            received not in (None, size)
            for received, size in zip(sizes, self.state_size, strict=True)
        ):
            count = len(self.state_size)
            expected = ", ".join(f"(batch, {size})" for size in self.state_size)
            raise ValueError(
                f"`initial_state` of {self.name} must have {count} "
                f"tensor{'s' * (count > 1)}, of shapes {expected}. Received: "
                f"{len(shapes)}, of shapes {', '.join(map(str, shapes))}"
            )

    def inner_loop(
        self,
        sequences: Tensor,
        initial_state: Sequence[Tensor],
        mask: Tensor | None,
        training: bool | None = False,
    ) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """Runs the recurrence; see `keras.layers.RNN.inner_loop`."""
        equations = self.equations()
        if equations is None:
            return super().inner_loop(  # type: ignore[misc]
                sequences, initial_state, mask, training
            )
        cell, x = self.cell, sequences[:, 0]
        batch = {
            "sequences": sequences,
            "state": tuple(initial_state),
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
        batch = with_static_batch_size(batch)
        bptt_scan = BPTTScan(equations, self.unroll, compiled=bool(training))
        shards = num_shards(batch["sequences"].shape[0]) if training else 1
        if shards == 1:
            return self.run_shard(bptt_scan, **batch)
        results = [
            self.run_shard(bptt_scan, **shard)
            for shard in split_batch(batch, shards)
        ]
        return keras.tree.map_structure(
            lambda *tensors: ops.concatenate(tensors, axis=0), *results
        )

    def run_shard(
        self,
        bptt_scan: BPTTScan,
        sequences: Tensor,
        state: Sequence[Tensor],
        mask: Tensor | None,
        input_masks: Sequence[Tensor],
        recurrent_masks: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Runs the recurrence on one shard of the mini-batch.

        Returns:
            Last output `(batch, units)`, outputs `(batch, time, units)`, and
            the list of the last states.
        """
        x = ops.transpose(sequences, (1, 0, 2))  # (time, batch, features)
        if mask is not None:
            # (batch, time) or (batch, time, 1) -> (time, batch, 1)
            mask = mask if len(mask.shape) == 3 else mask[..., None]
            mask = ops.cast(ops.transpose(mask, (1, 0, 2)), "bool")
            # Masked inputs may be NaN, and 0 * NaN is NaN.
            x = ops.where(mask, x, ops.zeros_like(x))
        if self.go_backwards:
            x = ops.flip(x, axis=0)
            mask = None if mask is None else ops.flip(mask, axis=0)
        h, last = bptt_scan(
            self.input_projection(x, input_masks),
            state,
            recurrent_kernel(self.cell, state[0].dtype, recurrent_masks),
            mask,
        )
        if mask is not None:
            h = mask_outputs(h, mask, self.zero_output_for_mask)
        steps = h if self.return_sequences else h[-1:]
        return h[-1], ops.transpose(steps, (1, 0, 2)), last

    def input_projection(
        self, x: Tensor, dropout_masks: Sequence[Tensor]
    ) -> Tensor:
        """Input projection W x + b, of vectors or of token ids.

        `(time, batch, features)` -> `(time, batch, gates * units)`
        """
        if self.token_projections is None:
            return input_projection(self.cell, x, dropout_masks)
        return ops.take(self.token_projections, x[..., 0], axis=0)


def check_is_dense(x: Tensor) -> None:
    """Checks that the inputs of a recurrent layer are a dense tensor.

    Raises:
        ValueError: If they are a ragged or sparse tensor of TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if isinstance(x, tf.RaggedTensor):
        raise ValueError(
            "Recurrent layers take dense tensors. Received: a ragged tensor. "
            "Pad it with `x.to_tensor()`, and pass "
            "`mask=tf.sequence_mask(x.row_lengths())`."
        )
    if isinstance(x, tf.SparseTensor):
        raise ValueError(
            "Recurrent layers take dense tensors. Received: a sparse tensor. "
            "Convert it with `tf.sparse.to_dense(x)`."
        )


def mask_outputs(h: Tensor, mask: Tensor, zero_output_for_mask: bool) -> Tensor:
    """Outputs of masked time steps, as Keras defines them on TensorFlow.

    They are 0 with `zero_output_for_mask`, else the output of the previous
    step; before the first step that is not masked they are 0.

    Args:
        h: Tensor `(time, batch, units)`, in which masked steps repeat the
            previous state.
        mask: Boolean tensor `(time, batch, 1)`.
        zero_output_for_mask: Whether masked outputs are 0.

    Returns:
        Tensor of the shape of `h`.
    """
    keep = mask
    if not zero_output_for_mask:
        keep = ops.cumsum(ops.cast(mask, "int32"), axis=0) > 0
    return ops.where(keep, h, ops.zeros_like(h))


def num_shards(batch_size: int | None) -> int:
    """Number of shards that a mini-batch is split into for training.

    It is 1 in eager mode, on a GPU and on backends other than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    if tf.executing_eagerly() or tf.config.list_logical_devices("GPU"):
        return 1
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    threads = threads or os.cpu_count() or 1
    max_shards = 4 if batch_size is None else batch_size // MIN_SHARD_SIZE
    return max(1, min(threads, max_shards))


def split_batch(batch: dict[str, Any], num_shards: int) -> list[dict[str, Any]]:
    """Splits the tensors of a mini-batch along their first axis.

    Args:
        batch: Nested structure of tensors `(batch, ...)` and `None`.
        num_shards: Positive integer.

    Returns:
        List of `num_shards` structures like `batch`.
    """
    import tensorflow as tf

    def split(tensor):
        size = ops.shape(tensor)[0]
        starts = [size * number // num_shards for number in range(num_shards)]
        stops = [*starts[1:], size]
        sizes = [b - a for a, b in zip(starts, stops, strict=True)]
        # The gradient of a slice would be a zero-padded tensor of full size.
        return tf.split(tensor, sizes, num=num_shards)

    leaves = [
        [None] * num_shards if tensor is None else split(tensor)
        for tensor in keras.tree.flatten(batch)
    ]
    return [
        keras.tree.pack_sequence_as(batch, list(tensors))
        for tensors in zip(*leaves, strict=True)
    ]
