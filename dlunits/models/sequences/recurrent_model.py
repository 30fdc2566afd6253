"""The four topologies of a recurrent network, out of one builder."""

import keras
from keras import layers

from dlunits.layers import GRU, LSTM, Bidirectional, SimpleRNN

TOPOLOGIES = ("one_to_one", "one_to_many", "many_to_one", "many_to_many")
CELLS = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}


@keras.saving.register_keras_serializable(package="dlunits")
class RecurrentModel(keras.Model):
    """Reads one thing or a sequence, and writes one thing or a sequence.

        h_t = f(W_xh x_t + W_hh h_{t-1} + b_h)      hidden layers
        y_t = g(W_hy h_t + b_y)                     output layer

    with f as the cell has it. What differs is which steps have an input and
    of which steps the output is asked for:

        one_to_one    one_to_many    many_to_one    many_to_many

            y          y  y  y              y         y  y  y
            |          |  |  |              |         |  |  |
            h          h->h->h        h->h->h         h->h->h
            |          |  |  |        |  |  |         |  |  |
            x          x  x  x        x  x  x         x  x  x
                       (x again)

    - `one_to_one` is the feed-forward special case: where nothing is
      remembered, h_0 = 0, h_1 = tanh(W_xh x + b_h). It is made of dense layers
      and has no cell.
    - `one_to_many` reads the same x at each of `num_steps` steps.
    - `many_to_one` writes after the last step, in two directions after the
      last step of each.
    - `many_to_many` writes at every step. With `num_steps` it reads the whole
      sequence first, and then writes another of that length: an encoder,
      whose last h is what a one-to-many decoder reads, with layers of the same
      sizes the other way round.

    Sequences read may be of any length (`None` in `input_shape`), and masked:
    what is masked is not read.

    Reference: Goodfellow, Bengio and Courville, 2016, "Deep Learning",
    chapter 10, https://www.deeplearningbook.org/contents/rnn.html.

    Args:
        topology: "one_to_one", "one_to_many", "many_to_one" or
            "many_to_many".
        input_shape: Tuple, shape of one example: `(features,)` where one is
            read, `(time, features)` where many are; `time` may be `None`.
        output_size: Positive integer, numbers in one output.
        cell: "lstm", "gru" or "rnn".
        units: Tuple of positive integers, units of the hidden layers; in two
            directions, of each.
        bidirectional: Whether hidden layers read from both ends.
        dropout: Number in [0, 1), share of the outputs of every hidden layer
            that are silent in a training step.
        output_activation: Activation g, such as `"softmax"`.
        num_steps: Positive integer, length of the sequence written, or `None`
            where that is as long as the one read, or there is none.
        dtype: Policy of all layers; `None` takes Keras' current one.
        name: Name of the model.

    Input shape: `(batch, features)` or `(batch, time, features)`.

    Output shape: `(batch, output_size)` or `(batch, time, output_size)`.

    Raises:
        ValueError: If an argument is out of range or does not fit the
            topology.

    Example, 4 (3 + 2 + 1) numbers of a hidden layer, 4 + 1 of the output:

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
        topology,
        input_shape,
        output_size,
        *,
        cell="lstm",
        units=(128,),
        bidirectional=False,
        dropout=0.0,
        output_activation=None,
        num_steps=None,
        dtype=None,
        name="recurrent_model",
        **kwargs,
    ):
        check_topology(topology, input_shape, bidirectional, num_steps)
        check_sizes(input_shape, output_size, units, num_steps)
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

        def hidden(x, units, title, *, writes_all=True, dense=False):
            for index, size in enumerate(units, 1):
                options = {"dtype": policy, "name": f"{title}_{index}"}
                if dense:
                    layer = layers.Dense(size, activation="tanh", **options)
                else:
                    every = writes_all or index < len(units)
                    layer = recurrent_layer(
                        cell, size, bidirectional, every, **options
                    )
                x = layer(x)
                if dropout:
                    x = layers.Dropout(dropout, dtype=policy)(x)
            return x

        def repeated(x):
            return layers.RepeatVector(num_steps, dtype=policy)(x)

        inputs = keras.Input(input_shape, name="input")
        if topology == "one_to_one":
            x = hidden(inputs, units, "hidden", dense=True)
        elif topology == "one_to_many":
            x = hidden(repeated(inputs), units, "hidden")
        elif topology == "many_to_one":
            x = hidden(inputs, units, "hidden", writes_all=False)
        elif num_steps is None:
            x = hidden(inputs, units, "hidden")
        else:
            code = hidden(inputs, units, "encoder", writes_all=False)
            x = hidden(repeated(code), units[::-1], "decoder")
        outputs = layers.Dense(
            output_size,
            activation=output_activation,
            dtype=policy,
            name="output",
        )(x)
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.supports_masking = True
        self.dtype_policy = policy
        self.arguments = {
            "topology": topology,
            "input_shape": tuple(input_shape),
            "output_size": output_size,
            "cell": cell,
            "units": tuple(units),
            "bidirectional": bidirectional,
            "dropout": dropout,
            "output_activation": keras.activations.serialize(
                keras.activations.get(output_activation)
            ),
            "num_steps": num_steps,
        }

    def compute_mask(self, inputs, previous_mask):
        return None  # layers inside mask what they write at every step

    def get_config(self):
        return {
            **self.arguments,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def recurrent_layer(cell, units, bidirectional, every_step, *, dtype, name):
    """A layer that reads a sequence, one way or both ways."""
    layer = CELLS[cell](
        units,
        return_sequences=every_step,
        dtype=dtype,
        name=f"{name}_one_way" if bidirectional else name,
    )
    if bidirectional:
        return Bidirectional(layer, dtype=dtype, name=name)
    return layer


def check_topology(topology, input_shape, bidirectional, num_steps):
    """Refuses what the topology does not have."""
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
            f"`input_shape` of {topology!r} must be {shape}. Received: "
            f"{input_shape=}"
        )
    if topology == "one_to_one" and bidirectional:
        raise ValueError(
            "'one_to_one' has one step, which reads the same from both ends: "
            f"leave `bidirectional` out. Received: {bidirectional=}"
        )
    if topology == "one_to_many" and num_steps is None:
        raise ValueError(
            "'one_to_many' needs `num_steps`, the length of the sequence it "
            f"writes. Received: {num_steps=}"
        )
    if topology.endswith("one") and num_steps is not None:
        raise ValueError(
            f"{topology!r} writes one output: leave `num_steps` out, or take "
            f"a topology that ends in 'many'. Received: {num_steps=}"
        )


def check_sizes(input_shape, output_size, units, num_steps):
    """Refuses sizes below 1, and a network without a hidden layer."""
    optional = [
        size for size in (*input_shape[:-1], num_steps) if size is not None
    ]
    sizes = [*optional, input_shape[-1], output_size, *units]
    if not units or None in sizes or min(sizes) < 1:
        raise ValueError(
            "Every size must be at least 1, and there must be a hidden layer; "
            "only the length of the sequence read may be None. Received: "
            f"{input_shape=}, {output_size=}, {units=}, {num_steps=}"
        )
