"""Recurrent language model over characters, bytes or words."""

from typing import Any

import keras
from keras import layers, ops

from dlunits.layers import EmbeddingRNN
from dlunits.models.layer_states import layer_states, model_from_config
from dlunits.models.sequences.recurrent_model import CELLS
from dlunits.typing import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class RecurrentLanguageModel(keras.Model):
    """Recurrent language model: predicts the next token of a text.

    States are inputs and outputs, so that a text can be processed in segments
    of any length: `dlunits.training.TruncatedBPTT` trains the model on
    segments, `step_model` generates one token at a time.

        x_t       = E[token_t]                               embedding
        h_t, s_t  = recurrent layers(x_t, s_{t-1})           states s
        logits_t  = V h_t + c                                output layer
        p(token_{t+1} | token_1 ... token_t) = softmax(logits_t)

    E is the embedding matrix, h_t the output of the last recurrent layer, V and
    c are the weights of the output layer. Dropout is applied to the outputs of
    each recurrent layer, not to the recurrent connections.

    Reference: Zaremba, Sutskever and Vinyals, 2014, "Recurrent neural network
    regularization", https://arxiv.org/abs/1409.2329.

    Args:
        vocabulary_size: Integer of at least 2, number of tokens.
        cell: `"rnn"`, `"lstm"` or `"gru"`.
        units: Positive integer, units of every recurrent layer.
        num_layers: Positive integer, recurrent layers.
        dropout: Number in [0, 1), dropout rate after every recurrent layer.
        embedding_dim: Positive integer; `None` for `units`.
        dtype: Dtype policy of all layers; `None` for Keras' global policy.
        **kwargs: Keyword arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: List of the tokens and of the states, see `get_initial_state`.
        training: Boolean, whether dropout is active.

    Input shape: Tokens `(batch, time)`, integers; each state `(batch, units)`.

    Output shape: List of the logits `(batch, time, vocabulary_size)` and of
        the states after the last token.

    Raises:
        ValueError: If an argument is out of range.

    Example, (4 + 1) * 3 weights and biases of the output layer:

    >>> model = RecurrentLanguageModel(3, cell="gru", units=4)
    >>> tokens = ops.convert_to_tensor([[0, 2, 1]])
    >>> logits, *states = model([tokens, *model.get_initial_state(1)])
    >>> tuple(logits.shape), model.layers[-1].count_params()
    ((1, 3, 3), 15)
    """

    def __init__(
        self,
        vocabulary_size: int,
        cell: str = "lstm",
        units: int = 256,
        num_layers: int = 1,
        dropout: float = 0.0,
        embedding_dim: int | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        check_arguments(
            vocabulary_size, cell, units, num_layers, dropout, embedding_dim
        )
        recurrent_layers = [
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
            embedding_dim or units,
            dtype=dtype,
            name="embedding",
        )
        output_layer = layers.Dense(vocabulary_size, dtype=dtype, name="logits")
        states_per_layer = len(recurrent_layers[0].state_size)
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        states = [
            keras.Input((units,), name=f"state_{number + 1}")
            for number in range(num_layers * states_per_layer)
        ]
        x, new_states = tokens, []
        steps: list[Any] = [
            EmbeddingRNN(embedding, recurrent_layers[0]),
            *recurrent_layers[1:],
        ]
        for number, layer in enumerate(steps):
            if number > 0:
                x = layers.Dropout(dropout, dtype=dtype)(x)
            first = number * states_per_layer
            x, *new = layer(
                x, initial_state=states[first : first + states_per_layer]
            )
            new_states += new
        x = layers.Dropout(dropout, dtype=dtype)(x)
        super().__init__(
            [tokens, *states], [output_layer(x), *new_states], **kwargs
        )
        self.embedding = embedding
        self.recurrent_layers = recurrent_layers
        self.output_layer = output_layer
        self.vocabulary_size = vocabulary_size
        self.cell = cell
        self.units = units
        self.num_layers = num_layers
        self.dropout = dropout
        self.embedding_dim = embedding_dim

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Size of each state."""
        return tuple(state.shape[-1] for state in self.inputs[1:])

    def get_initial_state(self, batch_size: int) -> list[Tensor]:
        """Returns the initial states, zeros.

        Args:
            batch_size: Positive integer.

        Returns:
            List of tensors `(batch_size, units)`.
        """
        return [ops.zeros((batch_size, size)) for size in self.state_sizes]

    def step_model(self) -> keras.Model:
        """Builds a model of one time step with the same weights, for decoding.

        Returns:
            `keras.Model` that maps `[token, *states]`, a token `(batch,)`, to
            `[logits, *states]`, logits `(batch, vocabulary_size)`, without a
            loop over time.
        """
        token = keras.Input((), dtype="int32", name="token")
        states = [
            keras.Input((size,), name=f"state_{number + 1}")
            for number, size in enumerate(self.state_sizes)
        ]
        x = self.embedding(token)
        new_states: list[Tensor] = []
        for layer in self.recurrent_layers:
            first = len(new_states)
            x, *new = SingleStep(layer)(
                [x, *states[first : first + len(layer.state_size)]]
            )
            new_states += new
        return keras.Model(
            [token, *states], [self.output_layer(x), *new_states]
        )

    def get_config(self) -> Config:
        return {
            "vocabulary_size": self.vocabulary_size,
            "cell": self.cell,
            "units": self.units,
            "num_layers": self.num_layers,
            "dropout": self.dropout,
            "embedding_dim": self.embedding_dim,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
            **layer_states(self),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> "RecurrentLanguageModel":
        return model_from_config(cls, config)


@keras.saving.register_keras_serializable(package="dlunits")
class SingleStep(layers.Layer):
    """Computes one time step of a recurrent layer, with its weights.

    Args:
        layer: Built recurrent layer.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: List of x `(batch, features)` and of the states of the layer,
            `(batch, units)`.

    Input shape: List of `(batch, features)` and `(batch, units)` of each state.

    Output shape: Tuple of the output and the new states, `(batch, units)` each.

    Example, a step x + h = 1 + 1, with weights 1 and a linear activation:

    >>> ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
    >>> adder = CELLS["rnn"](1, activation="linear", **ones)
    >>> adder.build((None, None, 1))
    >>> output, state = SingleStep(adder)([ops.ones((1, 1)), ops.ones((1, 1))])
    >>> float(output[0, 0])
    2.0
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        kwargs.setdefault("name", f"{layer.name}_step")
        super().__init__(**kwargs)
        self.layer = layer
        self.built = True

    def call(self, inputs: list[Tensor]) -> tuple[Tensor, ...]:
        x, *states = inputs
        output, states = self.layer.cell(x, states)
        return output, *keras.tree.flatten(states)

    def compute_output_shape(
        self, input_shapes: list[Shape]
    ) -> tuple[Shape, ...]:
        _, *states = input_shapes
        return states[0], *states

    def get_config(self) -> Config:
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config: Config) -> "SingleStep":
        config = dict(config)
        layer = keras.saving.deserialize_keras_object(config.pop("layer"))
        return cls(layer, **config)


def check_arguments(
    vocabulary_size: int,
    cell: str,
    units: int,
    num_layers: int,
    dropout: float,
    embedding_dim: int | None,
) -> None:
    """Raises a `ValueError` if an argument is out of range."""
    if vocabulary_size < 2:
        raise ValueError(
            "`vocabulary_size` must be at least 2. Received: "
            f"{vocabulary_size=}"
        )
    if cell not in CELLS:
        raise ValueError(
            f"`cell` must be one of {', '.join(CELLS)}. Received: {cell=}"
        )
    counts = {"units": units, "num_layers": num_layers}
    if embedding_dim is not None:
        counts["embedding_dim"] = embedding_dim
    for name, value in counts.items():
        if value < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={value}"
            )
    if not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: {dropout=}")
