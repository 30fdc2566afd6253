"""SegRNN, a segment recurrent network for forecasting (Lin et al., 2023)."""

from typing import Any

import keras
from keras import ops

from dlunits.layers import GRU, LSTM
from dlunits.typing import Config, Shape, Tensor

CELLS: dict[str, Any] = {"gru": GRU, "lstm": LSTM}


@keras.saving.register_keras_serializable(package="dlunits")
class SegRNN(keras.layers.Layer):
    """SegRNN: forecasts with an RNN over segments of the window.

    Use it for long windows: a window of 336 steps takes 336 recurrent steps, or
    14 with segments of 24 steps. For a window of L steps, a horizon of H steps,
    segments of w steps, n = ceil(L / w) and m = ceil(H / w) segments, and d
    units:

        x^d_i = ReLU(x^w_i W_prj + b_prj)               i = 1 ... n
        h_n   = state of RNN(x^d_1, ..., x^d_n)
        o_j   = RNN step with input [rp_j ; cp_c], state h_n    j = 1 ... m
        y^w_j = Dropout(o_j) W_prd + b_prd

    x^w_i is segment i of the window, y^w_j are the w values of segment j of the
    forecast for channel c, o_j is the output of the RNN, and W and b are
    weights. The positional embeddings rp_j of the segment and cp_c of the
    channel are trained vectors of d / 2 numbers. All m segments are decoded in
    parallel from h_n, so that errors do not accumulate (parallel multi-step
    forecasting, PMF).

    As in the paper, channels are independent by default: each is forecast from
    its own window, with the same weights. With `channel_mixing` a segment
    contains the w steps of all channels, and h_n is shared by all targets.

    Reference: Lin et al., 2023, "SegRNN: segment recurrent neural network for
    long-term time series forecasting", https://arxiv.org/abs/2308.11200.

    Args:
        horizon: Positive integer H, steps to forecast.
        num_targets: Positive integer, channels to forecast. Without
            `channel_mixing` it must be the number of input channels.
        cell: `"gru"` or `"lstm"`.
        units: Positive even integer d, size of the RNN's state.
        segment_length: Positive integer w, steps per segment. If it does not
            divide L, the window is padded in front with its first value; if
            it does not divide H, surplus steps are dropped.
        dropout: Number in [0, 1), dropout rate before the output layer.
        channel_mixing: Boolean, whether each target is forecast from all
            channels.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape: `(batch, window, channels)`.

    Output shape: `(batch, horizon, num_targets)`.

    Raises:
        ValueError: If an argument is out of range, or the channels are not
            `num_targets` without `channel_mixing`.

    Example, weights of a GRU with 4 units on inputs of size 4:

    >>> layer = SegRNN(6, num_targets=2, units=4, segment_length=3)
    >>> tuple(layer(ops.ones((1, 8, 2))).shape)
    (1, 6, 2)
    >>> layer.rnn.count_params()  # 3 (4 * 4 + 4 * 4 + 2 * 4)
    120
    """

    def __init__(
        self,
        horizon: int,
        num_targets: int,
        cell: str = "gru",
        units: int = 64,
        segment_length: int = 24,
        dropout: float = 0.0,
        channel_mixing: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(
                f"`cell` must be one of {sorted(CELLS)}. Received: {cell=}"
            )
        if min(horizon, num_targets, units, segment_length) < 1 or units % 2:
            raise ValueError(
                "`horizon`, `num_targets`, `units` and `segment_length` must "
                f"be positive, and `units` even. Received: {horizon=}, "
                f"{num_targets=}, {units=}, {segment_length=}"
            )
        self.horizon = horizon
        self.num_targets = num_targets
        self.cell = cell
        self.units = units
        self.segment_length = segment_length
        self.dropout = dropout
        self.channel_mixing = channel_mixing
        policy = self.dtype_policy
        self.projection = keras.layers.Dense(units, "relu", dtype=policy)
        self.rnn = CELLS[cell](units, return_state=True, dtype=policy)
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=policy)
        self.prediction = keras.layers.Dense(segment_length, dtype=policy)

    @property
    def num_output_segments(self) -> int:
        """Segments of the horizon, m = ceil(H / w)."""
        return -(-self.horizon // self.segment_length)

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1] or 0
        if not self.channel_mixing and channels != self.num_targets:
            raise ValueError(
                "Without `channel_mixing`, `num_targets` must be the number "
                f"of channels. Received: {channels} channels, "
                f"num_targets={self.num_targets}"
            )
        features = self.segment_length * (
            channels if self.channel_mixing else 1
        )
        self.projection.build((None, None, features))
        self.rnn.build((None, None, self.units))
        self.dropout_layer.build((None, self.units))
        self.prediction.build((None, self.units))
        half = self.units // 2
        self.segment_embeddings = self.add_weight(
            name="segment_embeddings",
            shape=(self.num_output_segments, half),
            initializer=keras.initializers.RandomNormal(),
        )
        self.channel_embeddings = self.add_weight(
            name="channel_embeddings",
            shape=(self.num_targets, half),
            initializer=keras.initializers.RandomNormal(),
        )

    def call(self, window: Tensor, training: bool = False) -> Tensor:
        segments = self.split_segments(window)
        _, *states = self.rnn(self.projection(segments), training=training)
        o = self.decode(states, training)
        y = self.prediction(self.dropout_layer(o, training=training))
        steps = self.num_output_segments * self.segment_length
        y = ops.reshape(y, (-1, self.num_targets, steps))
        return ops.transpose(y[:, :, : self.horizon], (0, 2, 1))

    def split_segments(self, window: Tensor) -> Tensor:
        """(batch, window, channels) -> (batch * groups, n, features)

        With `channel_mixing` there is one group per example, else one per
        channel.
        """
        length, channels = window.shape[1:]
        padding = -length % self.segment_length
        if padding:
            first = ops.repeat(window[:, :1], padding, axis=1)
            window = ops.concatenate([first, window], axis=1)
        n = (length + padding) // self.segment_length
        if self.channel_mixing:
            return ops.reshape(window, (-1, n, self.segment_length * channels))
        window = ops.transpose(window, (0, 2, 1))
        return ops.reshape(window, (-1, n, self.segment_length))

    def decode(self, states: list[Tensor], training: bool) -> Tensor:
        """States h_n (batch * groups, d) -> o (batch * targets * m, d)

        One step of the RNN for each target and output segment.
        """
        m, targets = self.num_output_segments, self.num_targets
        half = self.units // 2
        embeddings = ops.concatenate(
            [
                ops.broadcast_to(
                    self.segment_embeddings[None], (targets, m, half)
                ),
                ops.broadcast_to(
                    self.channel_embeddings[:, None], (targets, m, half)
                ),
            ],
            axis=-1,
        )  # (targets, m, d)
        repeats = m * (targets if self.channel_mixing else 1)
        states = [ops.repeat(state, repeats, axis=0) for state in states]
        embeddings = ops.reshape(embeddings, (targets * m, 1, self.units))
        batch = ops.shape(states[0])[0] // (targets * m)
        embeddings = ops.tile(embeddings, (batch, 1, 1))
        _, o, *_ = self.rnn(embeddings, initial_state=states, training=training)
        return o

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.horizon, self.num_targets)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "num_targets": self.num_targets,
            "cell": self.cell,
            "units": self.units,
            "segment_length": self.segment_length,
            "dropout": self.dropout,
            "channel_mixing": self.channel_mixing,
        }
