"""Multi-step forecasting of time series with prediction intervals."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from dlunits.layers import ConformalInterval
from dlunits.models.layer_states import layer_states, model_from_config
from dlunits.models.sequences.reversible_instance_normalization import (
    ReversibleInstanceNormalization,
    denormalize,
)
from dlunits.models.sequences.seg_rnn import SegRNN
from dlunits.typing import ArrayLike, Config, Tensor

NETWORKS = ("linear", "gru", "lstm")


@keras.saving.register_keras_serializable(package="dlunits")
class Forecaster(keras.Model):
    """Forecasts the next steps of a series, all at once, with intervals.

        z, center, stddev = RevIN(x)
        forecast          = network(z) * stddev + center
        interval          = [forecast - q, forecast + q]

    RevIN is `dlunits.models.sequences.ReversibleInstanceNormalization`, which
    normalizes each window x inside the model; inputs and outputs are in the
    units of the series. `network` is

    | `network`     | forecast                                                |
    |---------------|---------------------------------------------------------|
    | `linear`      | y = W z + b, one product for all steps (Zeng et al.)    |
    | `gru`, `lstm` | RNN over segments, `dlunits.models.sequences.SegRNN`    |

    By default channels are independent: each target is forecast from its own
    past, by weights that all share. With `channel_mixing` each target is
    forecast from all channels.

    `adapt` computes the standard deviation of each channel; the loss is
    computed on values divided by it, so that channels in different units have
    equal weight. `calibrate` computes the half-widths q from the errors on
    held-out windows, see `dlunits.layers.ConformalInterval`.

    References: Zeng et al., 2023, "Are transformers effective for time series
    forecasting?", https://arxiv.org/abs/2205.13504; Lin et al., 2023, "SegRNN",
    https://arxiv.org/abs/2308.11200.

    Args:
        window: Integer of at least 2, steps that are read.
        horizon: Positive integer, steps that are forecast.
        num_channels: Positive integer.
        targets: Indices of the channels to forecast; `None` for all.
        network: `"linear"`, `"gru"` or `"lstm"`.
        channel_mixing: Boolean, whether all channels are read for each
            target.
        normalization: `"last"` or `"mean"`, the value that is subtracted from
            a window.
        scale: Boolean, whether a window is divided by its own standard
            deviation.
        units: Positive even integer, units of a recurrent network.
        segment_length: Positive integer, steps per segment of a recurrent
            network.
        dropout: Number in [0, 1), dropout rate before the last layer.
        coverage: Number in (0, 1), probability that a value lies in its
            interval.
        dtype: Dtype policy of all layers; `None` takes Keras' global policy.
        name: Name of the model.
        **kwargs: Keyword arguments of `keras.Model`.

    Input shape: `(batch, window, num_channels)`.

    Output shape: `(batch, horizon, targets)`.

    Raises:
        ValueError: If an argument is out of range.

    Example. The weights are (window + 1) * horizon of the network, a standard
    deviation per channel and a half-width per value of the forecast:

    >>> model = Forecaster(window=24, horizon=5, num_channels=3)
    >>> model.count_params() == (24 + 1) * 5 + 3 + 5 * 3
    True
    >>> model = Forecaster(8, 5, 3, targets=[2], channel_mixing=True)
    >>> tuple(model(ops.ones((1, 8, 3))).shape)
    (1, 5, 1)
    """

    def __init__(
        self,
        window: int,
        horizon: int,
        num_channels: int,
        targets: Sequence[int] | None = None,
        *,
        network: str = "linear",
        channel_mixing: bool = False,
        normalization: str = "last",
        scale: bool = True,
        units: int = 64,
        segment_length: int = 24,
        dropout: float = 0.0,
        coverage: float = 0.9,
        dtype: Any = None,
        name: str = "forecaster",
        **kwargs: Any,
    ) -> None:
        every_channel = list(range(num_channels))
        targets = every_channel if targets is None else list(targets)
        check_arguments(window, horizon, num_channels, targets, network)
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        inputs = keras.Input((window, num_channels))
        instance_normalization = ReversibleInstanceNormalization(
            normalization, scale, dtype=policy, name="normalization"
        )
        z, center, stddev = instance_normalization(inputs)
        if targets != every_channel:
            center = take_targets(center, targets)
            stddev = take_targets(stddev, targets)
            z = z if channel_mixing else take_targets(z, targets)
        if network == "linear":
            z = linear_network(
                z, horizon, len(targets), channel_mixing, dropout, policy
            )
        else:
            z = SegRNN(
                horizon,
                len(targets),
                network,
                units,
                segment_length,
                dropout,
                channel_mixing,
                dtype=policy,
                name=network,
            )(z)
        # In single precision: large values lose digits in half precision.
        outputs = ops.cast(denormalize(z, center, stddev), policy.compute_dtype)
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.dtype_policy = policy
        self.window = window
        self.horizon = horizon
        self.num_channels = num_channels
        self.targets = targets
        self.network = network
        self.channel_mixing = channel_mixing
        self.normalization = normalization
        self.scale = scale
        self.units = units
        self.segment_length = segment_length
        self.dropout = dropout
        self.coverage = coverage
        self.instance_normalization = instance_normalization
        self.interval = ConformalInterval(coverage, name="interval")
        self.interval.build((None, horizon, len(targets)))

    def adapt(self, values: ArrayLike) -> None:
        """Computes the standard deviation of each channel.

        Args:
            values: Array `(time, num_channels)`, the training series; NaN is
                a missing value.

        Raises:
            ValueError: If a channel is constant.
        """
        self.instance_normalization.adapt(values)

    def calibrate(
        self, windows: ArrayLike, futures: ArrayLike, batch_size: int = 1024
    ) -> None:
        """Computes the widths of the intervals from held-out windows.

        Args:
            windows: Array `(examples, window, num_channels)`.
            futures: Array `(examples, horizon, targets)`, true values.
            batch_size: Positive integer.

        Raises:
            ValueError: If there are too few examples for the coverage.
        """
        forecast = self.predict(windows, batch_size=batch_size, verbose=0)
        self.interval.adapt(np.asarray(futures) - forecast)

    def prediction_intervals(self, forecast: Tensor) -> Tensor:
        """Computes the bounds of the intervals around forecasts.

        Args:
            forecast: Tensor `(batch, horizon, targets)`, output of the model.

        Returns:
            Tensor `(batch, horizon, targets, 2)`, lower and upper bound.
        """
        return self.interval(forecast)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Computes the compiled loss on values in units of `channel_stddev`."""
        stddev = ops.take(
            self.instance_normalization.channel_stddev, self.targets
        )
        y = ops.cast(y, "float32") / stddev
        y_pred = ops.cast(y_pred, "float32") / stddev
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def get_config(self) -> Config:
        return {
            "window": self.window,
            "horizon": self.horizon,
            "num_channels": self.num_channels,
            "targets": self.targets,
            "network": self.network,
            "channel_mixing": self.channel_mixing,
            "normalization": self.normalization,
            "scale": self.scale,
            "units": self.units,
            "segment_length": self.segment_length,
            "dropout": self.dropout,
            "coverage": self.coverage,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
            **layer_states(self),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> "Forecaster":
        return model_from_config(cls, config)


def check_arguments(
    window: int,
    horizon: int,
    num_channels: int,
    targets: list[int],
    network: str,
) -> None:
    """Raises a `ValueError` if an argument is out of range."""
    if window < 2 or horizon < 1 or num_channels < 1:
        raise ValueError(
            "`window` must be at least 2, `horizon` and `num_channels` at "
            f"least 1. Received: {window=}, {horizon=}, {num_channels=}"
        )
    known = set(range(num_channels))
    if not targets or len(set(targets)) < len(targets) or set(targets) - known:
        raise ValueError(
            "`targets` must be different channel indices from 0 to "
            f"{num_channels - 1}. Received: {targets=}"
        )
    if network not in NETWORKS:
        raise ValueError(
            f"`network` must be one of {NETWORKS}. Received: {network=}"
        )


def take_targets(values: Tensor, targets: list[int]) -> Tensor:
    """(batch, steps, channels) -> (batch, steps, targets)"""
    return ops.stack([values[:, :, index] for index in targets], axis=-1)


def linear_network(
    z: Tensor,
    horizon: int,
    num_targets: int,
    channel_mixing: bool,
    dropout: float,
    policy: keras.DTypePolicy,
) -> Tensor:
    """(batch, window, channels) -> (batch, horizon, targets)

    Weights start at 0, which forecasts the center of the window. From random
    weights, directions in which windows hardly vary would keep their values.
    """
    dense = functools.partial(
        layers.Dense, kernel_initializer="zeros", dtype=policy, name="linear"
    )
    if channel_mixing:
        z = layers.Flatten(dtype=policy)(z)
    else:
        z = layers.Permute((2, 1), dtype=policy)(z)
    z = layers.Dropout(dropout, dtype=policy)(z)
    if channel_mixing:
        z = dense(horizon * num_targets)(z)
        return layers.Reshape((horizon, num_targets), dtype=policy)(z)
    z = dense(horizon)(z)
    return layers.Permute((2, 1), dtype=policy)(z)
