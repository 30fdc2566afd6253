"""A recurrent network that predicts the next token of a text."""

import keras
from keras import layers, ops

from dlunits.layers import EmbeddingRNN
from dlunits.models.sequences.recurrent_model import CELLS


@keras.saving.register_keras_serializable(package="dlunits")
class RecurrentLanguageModel(keras.Model):
    """Predicts the next character, byte or word from all that came before.

    States go in and come out, so that a text can be read in pieces of any
    size: `dlunits.training.TruncatedBPTT` trains it so, and `advance` takes
    one token at a time.

        x_t        = E[token_t]
        h_t, s_t   = recurrent layers(x_t, s_{t-1})
        logits_t   = V h_t + c,    p(token_{t+1}) = softmax(logits_t)

    with the embedding E, the states s and the output layer V, c. Dropout acts
    on what goes up from each recurrent layer, not along time.

    Reference: Zaremba, Sutskever and Vinyals, 2014, "Recurrent neural network
    regularization", https://arxiv.org/abs/1409.2329.

    Args:
        vocabulary_size: Integer of at least 2.
        cell: "rnn", "lstm" or "gru".
        units: Positive integer, of every recurrent layer.
        num_layers: Positive integer.
        dropout: Float in [0, 1), behind every recurrent layer.
        embedding_size: Positive integer; `None` for `units`.

    Call arguments:
        inputs: List of the tokens and of the states, see `initial_states`.
        training: Whether dropout acts.

    Input shape: Tokens `(batch, time)`, integers; each state `(batch, units)`.

    Output shape: List of logits `(batch, time, vocabulary_size)` and of the
        states behind the last token.

    Raises:
        ValueError: If an argument is out of range.

    Example, the output layer alone: (4 + 1) * 3 numbers:

    >>> model = RecurrentLanguageModel(3, cell="gru", units=4)
    >>> tokens = ops.convert_to_tensor([[0, 2, 1]])
    >>> logits, *states = model([tokens, *model.initial_states(1)])
    >>> tuple(logits.shape), model.layers[-1].count_params()
    ((1, 3, 3), 15)
    """

    def __init__(
        self,
        vocabulary_size,
        cell="lstm",
        units=256,
        num_layers=1,
        dropout=0.0,
        embedding_size=None,
        dtype=None,
        **kwargs,
    ):
        check(vocabulary_size, cell, units, num_layers, dropout)
        recurrent = [
            CELLS[cell](
                units,
                return_sequences=True,
                return_state=True,
                dtype=dtype,
                name=f"{cell}_{number + 1}",
            )
            for number in range(num_layers)
        ]
        embedding = layers.Embedding(
            vocabulary_size,
            embedding_size or units,
            dtype=dtype,
            name="embedding",
        )
        to_logits = layers.Dense(vocabulary_size, dtype=dtype, name="logits")
        num_states = len(recurrent[0].state_size)
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        states = [
            keras.Input((units,), name=f"state_{number + 1}")
            for number in range(num_layers * num_states)
        ]
        x, last = tokens, []
        readers = [EmbeddingRNN(embedding, recurrent[0]), *recurrent[1:]]
        for number, layer in enumerate(readers):
            if number > 0:
                x = layers.Dropout(dropout, dtype=dtype)(x)
            own = states[number * num_states : (number + 1) * num_states]
            x, *new = layer(x, initial_state=own)
            last += new
        x = layers.Dropout(dropout, dtype=dtype)(x)
        super().__init__([tokens, *states], [to_logits(x), *last], **kwargs)
        self.embedding = embedding
        self.recurrent = recurrent
        self.to_logits = to_logits
        self.options = {
            "vocabulary_size": vocabulary_size,
            "cell": cell,
            "units": units,
            "num_layers": num_layers,
            "dropout": dropout,
            "embedding_size": embedding_size,
        }

    @property
    def state_sizes(self):
        """Tuple of the size of each state."""
        return tuple(state.shape[-1] for state in self.inputs[1:])

    def initial_states(self, batch_size):
        """Zeros, with which a text begins."""
        return [ops.zeros((batch_size, size)) for size in self.state_sizes]

    def advance(self):
        """The model of one time step: a token `(batch,)` and states.

        A `keras.Model` with the same weights, without a loop over time.

        Returns:
            Model of [token, *states] to [logits (batch, size), *states].
        """
        token = keras.Input((), dtype="int32", name="token")
        states = [
            keras.Input((size,), name=f"state_{number + 1}")
            for number, size in enumerate(self.state_sizes)
        ]
        x, last = self.embedding(token), []
        for layer in self.recurrent:
            own = states[len(last) : len(last) + len(layer.state_size)]
            x, *new = OneStep(layer)([x, *own])
            last += new
        return keras.Model([token, *states], [self.to_logits(x), *last])

    def get_config(self):
        return {
            **self.options,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


@keras.saving.register_keras_serializable(package="dlunits")
class OneStep(layers.Layer):
    """Takes one time step of a recurrent layer, whose weights it shares.

    Args:
        layer: Recurrent layer.

    Call arguments:
        inputs: List of x `(batch, features)` and of the states of the layer,
            `(batch, units)`.

    Output shape: Tuple of the output and the new states, `(batch, units)`.

    Example, 1 + 1 by a layer that adds:

    >>> ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
    >>> adder = CELLS["rnn"](1, activation="linear", **ones)
    >>> adder.build((None, None, 1))
    >>> output, state = OneStep(adder)([ops.ones((1, 1)), ops.ones((1, 1))])
    >>> float(output[0, 0])
    2.0
    """

    def __init__(self, layer, **kwargs):
        kwargs.setdefault("name", f"{layer.name}_step")
        super().__init__(**kwargs)
        self.layer = layer
        self.built = True

    def call(self, inputs):
        x, *states = inputs
        output, states = self.layer.cell(x, states)
        return output, *keras.tree.flatten(states)

    def compute_output_shape(self, input_shapes):
        _, *states = input_shapes
        return states[0], *states

    def get_config(self):
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        layer = keras.saving.deserialize_keras_object(config.pop("layer"))
        return cls(layer, **config)


def check(vocabulary_size, cell, units, num_layers, dropout):
    if vocabulary_size < 2:
        raise ValueError(
            "`vocabulary_size` must be at least 2: there must be something to "
            f"choose from. Received: {vocabulary_size=}"
        )
    if cell not in CELLS:
        raise ValueError(
            f"`cell` must be one of {', '.join(CELLS)}. Received: {cell=}"
        )
    for name, value in {"units": units, "num_layers": num_layers}.items():
        if value < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={value}"
            )
    if not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must lie in [0, 1). Received: {dropout=}")
