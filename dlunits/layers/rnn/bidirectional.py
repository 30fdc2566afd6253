"""Two recurrent layers that read a sequence from both ends."""

import keras
from keras import ops

MERGE_MODES = ("concat", "sum", "mul", "ave", None)


@keras.saving.register_keras_serializable(package="dlunits")
class Bidirectional(keras.layers.Bidirectional):
    """Reads a sequence forwards and backwards, by any two recurrent layers.

    Keras' wrapper, and beyond it two layers of different kinds: an LSTM one
    way and a GRU the other, of different sizes. Each takes and gives the
    states that are its own.

        h_t = [forward h_t ; backward h_t]      or their sum, product, mean

    where backward h_t has read x_T ... x_t. Where a mask says that a sequence
    is shorter, it is read backwards from its own last step.

    Reference: Schuster and Paliwal, 1997, "Bidirectional recurrent neural
    networks", https://doi.org/10.1109/78.650093.

    Args:
        layer: Recurrent layer, `dlunits.layers.LSTM(...)` for example; a copy
            of it reads forwards.
        backward_layer: Recurrent layer with `go_backwards=True`, or `None` for
            a copy of `layer`.
        merge_mode: "concat", "sum", "mul", "ave", or `None` for the list of
            both outputs.

    Call arguments:
        sequences: Tensor.
        initial_state: List of the states of the forward layer and those of the
            backward layer, or `None` for zeros.
        mask: Booleans `(batch, time)`.
        training: Whether dropout acts.

    Input shape: `(batch, time, features)`.

    Output shape: `(batch, units)`, or `(batch, time, units)` if the layers
        return sequences; units of both together with "concat". If they return
        states, followed by those of the forward and the backward layer.

    Raises:
        ValueError: If a layer is not recurrent, the two read the same way or
            return different things, or their outputs cannot be merged.

    Example, outputs of 3 + 2 numbers:

    >>> from dlunits.layers import GRU, LSTM
    >>> both = Bidirectional(LSTM(3), GRU(2, go_backwards=True))
    >>> tuple(both(ops.ones((4, 7, 5))).shape)
    (4, 5)
    """

    def __init__(
        self, layer, backward_layer=None, merge_mode="concat", **kwargs
    ):
        if merge_mode not in MERGE_MODES:
            raise ValueError(
                "`merge_mode` must be one of "
                f"{', '.join(map(repr, MERGE_MODES))}. Received: {merge_mode=}"
            )
        for each in (layer, backward_layer):
            if each is not None and not hasattr(each, "go_backwards"):
                raise ValueError(
                    "A recurrent layer is expected, such as "
                    f"`dlunits.layers.LSTM(32)`. Received: {each}"
                )
        super().__init__(
            layer, merge_mode, backward_layer=backward_layer, **kwargs
        )
        units = [each.cell.output_size for each in self.both()]
        if merge_mode in ("sum", "mul", "ave") and units[0] != units[1]:
            raise ValueError(
                f"{merge_mode=} needs two layers of as many units: give them "
                'the same number, or take "concat". Received: '
                f"{units[0]} and {units[1]}"
            )

    def both(self):
        return self.forward_layer, self.backward_layer

    def call(self, sequences, initial_state=None, mask=None, training=None):
        num_states = len(self.forward_layer.state_size)
        if initial_state is None:
            initial_states = None, None
        else:
            initial_states = (
                initial_state[:num_states],
                initial_state[num_states:],
            )
        results = [
            layer(sequences, initial_state=states, mask=mask, training=training)
            for layer, states in zip(self.both(), initial_states, strict=True)
        ]
        states = ()
        if self.return_state:
            states = (*results[0][1:], *results[1][1:])
            results = [result[0] for result in results]
        forward, backward = results
        if self.return_sequences:
            backward = ops.flip(backward, axis=1)
        output = merged(forward, backward, self.merge_mode)
        if self.merge_mode is None:
            return (*output, *states)
        return (output, *states) if self.return_state else output

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        shapes = [
            layer.compute_output_shape(sequences_shape) for layer in self.both()
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


def merged(forward, backward, mode):
    """Two tensors (batch, ..., units) -> one, or the pair."""
    if mode == "concat":
        return ops.concatenate([forward, backward], axis=-1)
    if mode == "sum":
        return forward + backward
    if mode == "mul":
        return forward * backward
    if mode == "ave":
        return (forward + backward) / 2
    return forward, backward
