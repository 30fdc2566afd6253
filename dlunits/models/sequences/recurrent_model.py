"""Recurrent networks: one-to-one, one-to-many, many-to-one, many-to-many."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from dlunits.layers import GRU, LSTM, Bidirectional, SimpleRNN
from dlunits.models.layer_states import layer_states, model_from_config
from dlunits.typing import Config, Shape, Tensor

TOPOLOGIES = ("one_to_one", "one_to_many", "many_to_one", "many_to_many")
CELLS: dict[str, Any] = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}


@keras.saving.register_keras_serializable(package="dlunits")
class RecurrentModel(keras.Model):
    """Recurrent network: one-to-one, one-to-many, many-to-one, many-to-many.

        h_t = f(W_xh x_t + W_hh h_{t-1} + b_h)      hidden layers
        y_t = g(W_hy h_t + b_y)                     output layer

    for a simple cell: x_t is the input, h_t the hidden state and y_t the output
    at time t, W and b are weights, and f and g activations. LSTM and GRU cells
    have their own equations. The topologies differ in the steps that have an
    input or an output:

        one_to_one    one_to_many    many_to_one    many_to_many

            y          y  y  y              y         y  y  y
            |          |  |  |              |         |  |  |
            h          h->h->h        h->h->h         h->h->h
            |          |  |  |        |  |  |         |  |  |
            x          x  x  x        x  x  x         x  x  x
                       (same x)

    - `one_to_one` is the feed-forward special case: with h_0 = 0, h_1 =
      tanh(W_xh x + b_h). It has dense layers and ignores `cell`.
    - `one_to_many` reads the same x at each of `num_steps` steps.
    - `many_to_one` has an output after the last step; with `bidirectional`,
      after the last step of each direction.
    - `many_to_many` has an output at every step. With `num_steps` it is an
      encoder-decoder: the encoder reads the whole sequence, and a one-to-many
      decoder of the reversed `units` reads the encoder's last h and returns
      `num_steps` outputs.

    The length of input sequences may vary (`None` in `input_shape`). Masked
    steps are skipped.

    Reference: Goodfellow, Bengio and Courville, 2016, "Deep Learning",
    chapter 10, https://www.deeplearningbook.org/contents/rnn.html.

    Args:
        topology: `"one_to_one"`, `"one_to_many"`, `"many_to_one"` or
            `"many_to_many"`.
        input_shape: Tuple, shape of one example: `(features,)` for one input,
            `(time, features)` for many; `time` may be `None`.
        output_dim: Positive integer, size of one output.
        cell: `"lstm"`, `"gru"` or `"rnn"`.
        units: Tuple of positive integers, units of the hidden layers; with
            `bidirectional`, units per direction.
        bidirectional: Boolean, whether hidden layers read in both directions.
        dropout: Number in [0, 1), dropout rate after every hidden layer.
        output_activation: Activation g, such as `"softmax"`.
        num_steps: Positive integer, length of the output sequence. `None` for
            the length of the input sequence or a single output.
        dtype: Dtype policy of all layers; `None` for Keras' global policy.
        name: Name of the model.
        **kwargs: Keyword arguments of `keras.Model`.

    Input shape: `(batch, features)` or `(batch, time, features)`.

    Output shape: `(batch, output_dim)` or `(batch, time, output_dim)`.

    Raises:
        ValueError: If an argument is out of range or does not fit the
            topology.

    Example, 4 (3 + 4 + 1) weights of the hidden layer, 4 + 1 of the output
    layer:

    >>> def shape(topology, input_shape, **options):
    ...     model = RecurrentModel(
    ...         topology, input_shape, 1, cell="rnn", units=(4,), **options)
    ...     return model.output_shape[1:], model.count_params()
    >>> shape("one_to_one", (3,))  # no W_hh
    ((1,), 21)
    >>> shape("one_to_many", (3,), num_steps=5)
    ((5, 1), 37)
    >>> shape("many_to_one", (None, 3))
    ((1,), 37)
    >>> shape("many_to_many", (7, 3))
    ((7, 1), 37)
    """

    def __init__(
        self,
        topology: str,
        input_shape: Shape,
        output_dim: int,
        *,
        cell: str = "lstm",
        units: Sequence[int] = (128,),
        bidirectional: bool = False,
        dropout: float = 0.0,
        output_activation: Any = None,
        num_steps: int | None = None,
        dtype: Any = None,
        name: str = "recurrent_model",
        **kwargs: Any,
    ) -> None:
        check_topology(topology, input_shape, bidirectional, num_steps)
        check_sizes(input_shape, output_dim, units, num_steps)
        if cell not in CELLS:
            raise ValueError(
                f"`cell` must be one of {', '.join(map(repr, CELLS))}. "
                f"Received: {cell=}"
            )
        if not 0 <= dropout < 1:
            raise ValueError(
                f"`dropout` must be in [0, 1). Received: {dropout=}"
            )
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())

        def hidden_layers(
            x: Tensor,
            units: Sequence[int],
            prefix: str,
            *,
            return_sequences: bool = True,
            recurrent: bool = True,
        ) -> Tensor:
            for index, width in enumerate(units, 1):
                options = {"dtype": policy, "name": f"{prefix}_{index}"}
                if recurrent:
                    layer = recurrent_layer(
                        cell,
                        width,
                        bidirectional,
                        return_sequences or index < len(units),
                        **options,
                    )
                else:
                    layer = layers.Dense(width, activation="tanh", **options)
                x = layer(x)
                if dropout:
                    x = layers.Dropout(dropout, dtype=policy)(x)
            return x

        def repeat(x: Tensor) -> Tensor:
            return layers.RepeatVector(num_steps, dtype=policy)(x)

        inputs = keras.Input(input_shape, name="input")
        if topology == "one_to_one":
            x = hidden_layers(inputs, units, "hidden", recurrent=False)
        elif topology == "one_to_many":
            x = hidden_layers(repeat(inputs), units, "hidden")
        elif topology == "many_to_one":
            x = hidden_layers(inputs, units, "hidden", return_sequences=False)
        elif num_steps is None:
            x = hidden_layers(inputs, units, "hidden")
        else:
            code = hidden_layers(
                inputs, units, "encoder", return_sequences=False
            )
            x = hidden_layers(repeat(code), units[::-1], "decoder")
        outputs = layers.Dense(
            output_dim,
            activation=output_activation,
            dtype=policy,
            name="output",
        )(x)
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.supports_masking = True
        self.dtype_policy = policy
        self.topology = topology
        self.output_dim = output_dim
        self.cell = cell
        self.units = tuple(units)
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.output_activation = keras.activations.get(output_activation)
        self.num_steps = num_steps

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor) -> None:
        return None  # the layers inside apply the mask of the inputs

    def get_config(self) -> Config:
        return {
            "topology": self.topology,
            "input_shape": self.input_shape[1:],
            "output_dim": self.output_dim,
            "cell": self.cell,
            "units": self.units,
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
            "output_activation": keras.activations.serialize(
                self.output_activation
            ),
            "num_steps": self.num_steps,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
            **layer_states(self),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> "RecurrentModel":
        return model_from_config(cls, config)


def recurrent_layer(
    cell: str,
    units: int,
    bidirectional: bool,
    return_sequences: bool,
    *,
    dtype: Any,
    name: str,
) -> keras.layers.Layer:
    """Builds a recurrent layer that reads in one or in both directions."""
    layer = CELLS[cell](
        units,
        return_sequences=return_sequences,
        dtype=dtype,
        name=f"{name}_one_way" if bidirectional else name,
    )
    if bidirectional:
        return Bidirectional(layer, dtype=dtype, name=name)
    return layer


def check_topology(
    topology: str,
    input_shape: Shape,
    bidirectional: bool,
    num_steps: int | None,
) -> None:
    """Raises a `ValueError` if an argument does not fit the topology."""
    if topology not in TOPOLOGIES:
        raise ValueError(
            f"`topology` must be one of {', '.join(map(repr, TOPOLOGIES))}. "
            f"Received: {topology=}"
        )
    rank, shape = 1, "(features,)"
    if topology.startswith("many"):
        rank, shape = 2, "(time, features)"
    if len(input_shape) != rank:
        raise ValueError(
            f"`input_shape` must be {shape} for {topology!r}. Received: "
            f"{input_shape=}"
        )
    if topology == "one_to_one" and bidirectional:
        raise ValueError(
            "'one_to_one' has a single time step: leave out `bidirectional`. "
            f"Received: {bidirectional=}"
        )
    if topology == "one_to_many" and num_steps is None:
        raise ValueError(
            "'one_to_many' needs `num_steps`, the length of the output "
            f"sequence. Received: {num_steps=}"
        )
    if topology.endswith("one") and num_steps is not None:
        raise ValueError(
            f"{topology!r} has one output: leave out `num_steps`, or use a "
            f"topology that ends in 'many'. Received: {num_steps=}"
        )


def check_sizes(
    input_shape: Shape,
    output_dim: int,
    units: Sequence[int],
    num_steps: int | None,
) -> None:
    """Raises a `ValueError` if a size is not positive or `units` is empty."""
    optional = [
        size for size in (*input_shape[:-1], num_steps) if size is not None
    ]
    sizes = [*optional, input_shape[-1] or 0, output_dim, *units]
    if not units or min(sizes) < 1:
        raise ValueError(
            "Every size must be at least 1, and `units` must not be empty; "
            "only the length of the input sequence may be None. Received: "
            f"{input_shape=}, {output_dim=}, {units=}, {num_steps=}"
        )
