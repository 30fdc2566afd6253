"""Many steps from many steps, by a recurrent network over segments."""

import keras
from keras import ops

from dlunits.layers import GRU, LSTM

CELLS = {"gru": GRU, "lstm": LSTM}


@keras.saving.register_keras_serializable(package="dlunits")
class SegRNN(keras.layers.Layer):
    """Reads a window segment by segment, and says all steps to come at once.

    A recurrent network that reads 336 steps one by one has forgotten the
    first before it is at the last. Read in segments of 24, they are 14.

        e_i = relu(W segment_i + b)            i = 1 ... window / segment
        s   = recurrent network over e_1, e_2, ...
        h_j = one step of the same network from s, of the input [p_j ; q_c]
        y_j = V dropout(h_j) + a               j = 1 ... horizon / segment

    y_j are the `segment` values of the j-th segment to come; p_j and q_c are
    learnt vectors that say which segment and which channel are asked for. The
    segments to come do not wait for each other, so no error is fed back.

    With `together` one network reads all channels at once, and says any of
    them; without, each channel is read by itself, by the same weights.

    Reference: Lin et al., 2023, "SegRNN: segment recurrent neural network for
    long-term time series forecasting", https://arxiv.org/abs/2308.11200.

    Args:
        horizon: Positive integer, steps to say.
        outputs: Positive integer, channels to say; all that are read where
            they are read by themselves.
        cell: `"gru"` or `"lstm"`.
        units: Positive even integer.
        segment: Positive integer, steps in a segment. Where it does not
            divide the window, the first value is repeated in front.
        rate: Number in [0, 1), of dropout.
        together: Whether channels are read together.

    Input shape: `(batch, window, channels)`.

    Output shape: `(batch, horizon, outputs)`.

    Raises:
        ValueError: If a number is out of range, or the channels are not
            `outputs` where they are read by themselves.

    Example, weights of a GRU of 4 units on embeddings of 4:

    >>> layer = SegRNN(6, outputs=2, units=4, segment=3)
    >>> tuple(layer(ops.ones((1, 8, 2))).shape)
    (1, 6, 2)
    >>> layer.recurrent.count_params()  # 3 (4 * 4 + 4 * 4 + 2 * 4)
    120
    """

    def __init__(
        self,
        horizon,
        outputs,
        cell="gru",
        units=64,
        segment=24,
        rate=0.0,
        together=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(
                f"`cell` must be one of {sorted(CELLS)}. Received: {cell=}"
            )
        if min(horizon, outputs, units, segment) < 1 or units % 2:
            raise ValueError(
                "`horizon`, `outputs`, `units` and `segment` must be positive, "
                f"and `units` even. Received: {horizon=}, {outputs=}, "
                f"{units=}, {segment=}"
            )
        self.horizon = horizon
        self.outputs = outputs
        self.cell = cell
        self.units = units
        self.segment = segment
        self.rate = rate
        self.together = together
        policy = self.dtype_policy
        self.embedding = keras.layers.Dense(units, "relu", dtype=policy)
        self.recurrent = CELLS[cell](units, return_state=True, dtype=policy)
        self.dropout = keras.layers.Dropout(rate, dtype=policy)
        self.reading = keras.layers.Dense(segment, dtype=policy)

    @property
    def segments_to_come(self):
        return -(-self.horizon // self.segment)

    def build(self, input_shape):
        _, _, channels = input_shape
        if not self.together and channels != self.outputs:
            raise ValueError(
                "Channels that are read by themselves must be `outputs`. "
                f"Received: {channels} channels, outputs={self.outputs}"
            )
        features = self.segment * (channels if self.together else 1)
        self.embedding.build((None, None, features))
        self.recurrent.build((None, None, self.units))
        self.dropout.build((None, self.units))
        self.reading.build((None, self.units))
        half = self.units // 2
        self.places = self.add_weight(
            name="places",
            shape=(self.segments_to_come, half),
            initializer=keras.initializers.RandomNormal(),
        )
        self.channels = self.add_weight(
            name="channels",
            shape=(self.outputs, half),
            initializer=keras.initializers.RandomNormal(),
        )

    def call(self, window, training=False):
        segments = self.segments_of(window)
        _, *states = self.recurrent(self.embedding(segments), training=training)
        h = self.asked(states, training)
        steps = self.reading(self.dropout(h, training=training))
        shape = (-1, self.outputs, self.segments_to_come * self.segment)
        steps = ops.reshape(steps, shape)[:, :, : self.horizon]
        return ops.transpose(steps, (0, 2, 1))

    def segments_of(self, window):
        """(batch, window, channels) -> (batch * groups, segments, features)"""
        length, channels = window.shape[1:]
        short = -length % self.segment
        if short:
            first = ops.repeat(window[:, :1], short, axis=1)
            window = ops.concatenate([first, window], axis=1)
        number = (length + short) // self.segment
        if self.together:
            return ops.reshape(window, (-1, number, self.segment * channels))
        window = ops.transpose(window, (0, 2, 1))
        return ops.reshape(window, (-1, number, self.segment))

    def asked(self, states, training):
        """States (batch * groups, units) -> (batch * outputs * places, units)

        One step of the network for each place and channel.
        """
        places, outputs = self.segments_to_come, self.outputs
        half = self.units // 2
        question = ops.concatenate(
            [
                ops.broadcast_to(self.places[None], (outputs, places, half)),
                ops.broadcast_to(
                    self.channels[:, None], (outputs, places, half)
                ),
            ],
            axis=-1,
        )  # (outputs, places, units)
        of_group = places * (outputs if self.together else 1)
        states = [ops.repeat(state, of_group, axis=0) for state in states]
        question = ops.reshape(question, (outputs * places, 1, self.units))
        batch = ops.shape(states[0])[0] // (outputs * places)
        question = ops.tile(question, (batch, 1, 1))
        _, h, *_ = self.recurrent(
            question, initial_state=states, training=training
        )
        return h

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.horizon, self.outputs)

    def get_config(self):
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "outputs": self.outputs,
            "cell": self.cell,
            "units": self.units,
            "segment": self.segment,
            "rate": self.rate,
            "together": self.together,
        }
