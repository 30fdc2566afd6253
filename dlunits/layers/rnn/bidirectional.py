"""Bidirectional recurrent layers, of different types and sizes."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from dlunits.typing import Shape, Tensor

MERGE_MODES = ("concat", "sum", "mul", "ave", None)


@keras.saving.register_keras_serializable(package="dlunits")
class Bidirectional(keras.layers.Bidirectional):
    """Bidirectional wrapper for two recurrent layers of any types and sizes.

    A `keras.layers.Bidirectional` that also takes two different layers, such
    as an LSTM forward and a GRU backward, with different numbers of units.
    Each layer takes and returns its own states.

        h_t = merge(forward h_t, backward h_t)

    where forward h_t has read x_1 ... x_t, backward h_t has read x_T ... x_t,
    and `merge` is set by `merge_mode`. A sequence that a mask shortens is read
    backward from its own last step.

    Reference: Schuster and Paliwal, 1997, "Bidirectional recurrent neural
    networks", https://doi.org/10.1109/78.650093.

    Args:
        layer: Recurrent layer, such as `dlunits.layers.LSTM(32)`; a copy of it
            is the forward layer.
        backward_layer: Recurrent layer with `go_backwards=True`, or `None` for
            a copy of `layer`.
        merge_mode: "concat", "sum", "mul" (product), "ave" (mean), or `None`
            for the list of both outputs.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        sequences: Tensor.
        initial_state: List of the states of the forward layer and then those
            of the backward layer, or `None` for zeros.
        mask: Boolean tensor `(batch, time)`.
        training: Whether to apply dropout.

    Input shape: `(batch, time, features)`.

    Output shape: `(batch, units)`, or `(batch, time, units)` if the layers
        return sequences. With "concat", `units` is the sum of the units of
        both layers. If the layers return states, the states of the forward and
        the backward layer follow.

    Raises:
        ValueError: If a layer is not recurrent, if both layers read in the
            same direction or return different things, or if their outputs
            cannot be merged.

    Example, with outputs of 3 + 2 units:

    >>> from dlunits.layers import GRU, LSTM
    >>> layer = Bidirectional(LSTM(3), GRU(2, go_backwards=True))
    >>> tuple(layer(ops.ones((4, 7, 5))).shape)
    (4, 5)
    """

    def __init__(
        self,
        layer: keras.layers.RNN,
        backward_layer: keras.layers.RNN | None = None,
        merge_mode: str | None = "concat",
        **kwargs: Any,
    ):
        if merge_mode not in MERGE_MODES:
            raise ValueError(
                "`merge_mode` must be one of "
                f"{', '.join(map(repr, MERGE_MODES))}. Received: {merge_mode=}"
            )
        for each in (layer, backward_layer):
            if each is not None and not hasattr(each, "go_backwards"):
                raise ValueError(
                    "Expected a recurrent layer, such as "
                    f"`dlunits.layers.LSTM(32)`. Received: {each}"
                )
        super().__init__(
            layer, merge_mode, backward_layer=backward_layer, **kwargs
        )
        units = [each.cell.output_size for each in self.directions()]
        if merge_mode in ("sum", "mul", "ave") and units[0] != units[1]:
            raise ValueError(
                f"{merge_mode=} needs two layers with the same number of "
                'units: make them equal, or use merge_mode="concat". '
                f"Received: {units[0]} and {units[1]} units"
            )

    def directions(self) -> tuple[keras.layers.RNN, keras.layers.RNN]:
        """Returns the forward and the backward layer."""
        return self.forward_layer, self.backward_layer

    def call(
        self,
        sequences: Tensor,
        initial_state: Sequence[Tensor] | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        num_states = len(self.forward_layer.state_size)
        initial_states: list[Any] = [None, None]
        if initial_state is not None:
            initial_states = [
                initial_state[:num_states],
                initial_state[num_states:],
            ]
        results = [
            layer(sequences, initial_state=states, mask=mask, training=training)
            for layer, states in zip(
                self.directions(), initial_states, strict=True
            )
        ]
        states = ()
        if self.return_state:
            states = (*results[0][1:], *results[1][1:])
            results = [result[0] for result in results]
        forward, backward = results
        if self.return_sequences:
            backward = ops.flip(backward, axis=1)
        output = merge_outputs(forward, backward, self.merge_mode)
        if self.merge_mode is None:
            return (*output, *states)
        return (output, *states) if self.return_state else output

    def compute_output_shape(
        self, sequences_shape: Shape, initial_state_shape: Any = None
    ) -> Any:
        shapes = [
            layer.compute_output_shape(sequences_shape)
            for layer in self.directions()
        ]
        states = ()
        if self.return_state:
            states = (*shapes[0][1:], *shapes[1][1:])
            shapes = [shape[0] for shape in shapes]
        if self.merge_mode is None:
            return (*shapes, *states)
        shape = shapes[0]
        if self.merge_mode == "concat":
            shape = (*shape[:-1], shapes[0][-1] + shapes[1][-1])
        return (shape, *states) if self.return_state else shape


def merge_outputs(
    forward: Tensor, backward: Tensor, merge_mode: str | None
) -> Any:
    """Merges two tensors `(batch, ..., units)`; the pair for `None`."""
    if merge_mode == "concat":
        return ops.concatenate([forward, backward], axis=-1)
    if merge_mode == "sum":
        return forward + backward
    if merge_mode == "mul":
        return forward * backward
    if merge_mode == "ave":
        return (forward + backward) / 2
    return forward, backward
