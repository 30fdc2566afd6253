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
        merge_mode: "concat", "sum", "mul" (product), "ave" (mean), or `None`
            for the list of both outputs.
        weights: As in `keras.layers.Bidirectional`.
        backward_layer: Recurrent layer with `go_backwards=True`, or `None` for
            a copy of `layer`.
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
            same direction or return different things, if their outputs cannot
            be merged, or if the number of initial states is wrong.

    Example, with outputs of 3 + 2 units:

    >>> from dlunits.layers import GRU, LSTM
    >>> layer = Bidirectional(
    ...     LSTM(3), backward_layer=GRU(2, go_backwards=True)
    ... )
    >>> tuple(layer(ops.ones((4, 7, 5))).shape)
    (4, 5)
    """

    def __init__(
        self,
        layer: keras.layers.RNN,
        merge_mode: str | None = "concat",
        weights: Sequence[Tensor] | None = None,
        backward_layer: keras.layers.RNN | None = None,
        **kwargs: Any,
    ):
        if merge_mode not in MERGE_MODES:
            raise ValueError(
                "`merge_mode` must be one of "
                f"{', '.join(map(repr, MERGE_MODES))}; pass a second layer as "
                f"`backward_layer`. Received: {merge_mode=}"
            )
        for each in (layer, backward_layer):
            if each is not None and not hasattr(each, "go_backwards"):
                raise ValueError(
                    "Expected a recurrent layer, such as "
                    f"`dlunits.layers.LSTM(32)`. Received: {each}"
                )
        super().__init__(layer, merge_mode, weights, backward_layer, **kwargs)

    def build(
        self, sequences_shape: Shape, initial_state_shape: Any = None
    ) -> None:
        super().build(sequences_shape)
        if self.merge_mode is None:
            return
        # The layers may have any numbers of units if these are concatenated.
        end = -1 if self.merge_mode == "concat" else None
        forward, backward = self.shapes_of_layers(sequences_shape)
        if forward[0][:end] != backward[0][:end]:
            raise ValueError(
                f"merge_mode={self.merge_mode!r} needs two layers with outputs "
                "of the same shape: make them equal, or use "
                'merge_mode="concat" for layers that differ in units only. '
                f"Received: shapes {forward[0]} and {backward[0]}"
            )

    def directions(self) -> tuple[keras.layers.RNN, keras.layers.RNN]:
        """Returns the forward and the backward layer."""
        return self.forward_layer, self.backward_layer

    def split_states(self, states: Sequence[Any] | None) -> list[Any]:
        """Splits states, or their shapes, into those of the two layers."""
        if states is None:
            return [None, None]
        counts = [
            len(layer.get_initial_state(batch_size=1))
            for layer in self.directions()
        ]
        if not isinstance(states, list | tuple) or len(states) != sum(counts):
            received = (
                f"{len(states)} tensors"
                if isinstance(states, list | tuple)
                else f"{type(states).__name__}"
            )
            raise ValueError(
                "`initial_state` must be a list of the states of the forward "
                f"layer and then those of the backward layer, {counts[0]} + "
                f"{counts[1]} tensors. Received: {received}"
            )
        return [states[: counts[0]], states[counts[0] :]]

    def call(
        self,
        sequences: Tensor,
        initial_state: Sequence[Tensor] | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        results = [
            layer(sequences, initial_state=states, mask=mask, training=training)
            for layer, states in zip(
                self.directions(), self.split_states(initial_state), strict=True
            )
        ]
        states = ()
        if self.return_state:
            states = (*results[0][1:], *results[1][1:])
            results = [result[0] for result in results]
        forward, backward = (ops.cast(y, self.compute_dtype) for y in results)
        if self.return_sequences:
            backward = ops.flip(backward, axis=1)
        output = merge_outputs(forward, backward, self.merge_mode)
        if self.merge_mode is None:
            return (*output, *states)
        return (output, *states) if self.return_state else output

    def shapes_of_layers(
        self, sequences_shape: Shape, initial_state_shape: Any = None
    ) -> list[tuple[Shape, ...]]:
        """Shapes of the output and of the states of each layer."""
        shapes = []
        for layer, states in zip(
            self.directions(),
            self.split_states(initial_state_shape),
            strict=True,
        ):
            given = () if states is None else (states,)
            shape = layer.compute_output_shape(sequences_shape, *given)
            shapes.append(shape if self.return_state else (shape,))
        return shapes

    def compute_output_shape(
        self, sequences_shape: Shape, initial_state_shape: Any = None
    ) -> Any:
        forward, backward = self.shapes_of_layers(
            sequences_shape, initial_state_shape
        )
        states = (*forward[1:], *backward[1:])
        if self.merge_mode is None:
            return (forward[0], backward[0], *states)
        shape: Any = forward[0]
        if self.merge_mode == "concat":
            shape = (*shape[:-1], shape[-1] + backward[0][-1])
        return (shape, *states) if self.return_state else shape

    def compute_mask(self, _: Any, mask: Any) -> Any:
        """Mask of the outputs; states have none."""
        mask = keras.tree.flatten(mask)[0] if self.return_sequences else None
        return (mask, mask) if self.merge_mode is None else mask


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
