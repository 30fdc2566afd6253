"""Forecasts of a series, with intervals."""

import functools

import keras
import numpy as np
from keras import layers, ops

from dlunits.layers import ConformalInterval
from dlunits.models.sequences.reversible_instance_normalization import (
    ReversibleInstanceNormalization,
    restored,
)
from dlunits.models.sequences.seg_rnn import SegRNN

KINDS = ("linear", "gru", "lstm")


@keras.saving.register_keras_serializable(package="dlunits")
class Forecaster(keras.Model):
    """Says the next steps of a series from its last ones, all at once.

        z, level, spread = normalized window
        forecast         = network(z) * spread + level
        low, high        = forecast -+ q

    The window is normalized inside the model, see
    `dlunits.models.sequences.reversible_instance_normalization`: it takes and
    gives values in the units of the series. `adapt` learns the spread of each
    channel, by which the loss is divided too, so that channels in other units
    count alike.

    | kind     | network                                                      |
    |----------|--------------------------------------------------------------|
    | `linear` | y = W z + b, one product for all steps of the horizon        |
    | `gru`, `lstm` | recurrent network over segments of the window, see      |
    |          | `dlunits.models.sequences.seg_rnn`                          |

    Many-to-many is to forecast all channels, many-to-one is to forecast one
    of them, `targets`. By default each channel is forecast from its own past
    by weights that all share, which needs the least data; with `together` all
    channels are read for each.

    `calibrate` measures errors on windows kept aside, of which
    `dlunits.layers.ConformalInterval` makes the intervals.

    References: Zeng et al., 2023, "Are transformers effective for time series
    forecasting?", https://arxiv.org/abs/2205.13504; Lin et al., 2023, "SegRNN",
    https://arxiv.org/abs/2308.11200.

    Args:
        window: Integer of at least 2, steps that are read.
        horizon: Positive integer, steps that are forecast.
        channels: Positive integer.
        targets: Places of the channels that are forecast, `None` for all.
        kind: `"linear"`, `"gru"` or `"lstm"`.
        together: Whether all channels are read for each target.
        level: `"last"` or `"mean"`, what is taken from a window.
        divide: Whether a window is divided by its own spread.
        units: Even integer, of a recurrent network.
        segment: Steps that it reads at once.
        rate: Of dropout, before the last layer.
        coverage: Number in (0, 1), of the intervals.
        dtype: Policy of all layers; `None` takes Keras' current one.

    Input shape: `(batch, window, channels)`.

    Output shape: `(batch, horizon, targets)`.

    Raises:
        ValueError: If an argument is out of range.

    Example, weights by hand: (window + 1) * horizon that are trained, and a
    spread for each channel and half a width for each number of the forecast.

    >>> model = Forecaster(window=24, horizon=5, channels=3)
    >>> model.count_params() == (24 + 1) * 5 + 3 + 5 * 3
    True
    >>> one = Forecaster(8, 5, channels=3, targets=[2], together=True)
    >>> one(ops.ones((1, 8, 3)))[0, :, 0].shape[0]
    5
    """

    def __init__(
        self,
        window,
        horizon,
        channels,
        targets=None,
        kind="linear",
        together=False,
        level="last",
        divide=True,
        units=64,
        segment=24,
        rate=0.0,
        coverage=0.9,
        dtype=None,
        name="forecaster",
        **kwargs,
    ):
        targets = list(range(channels)) if targets is None else list(targets)
        check_arguments(window, horizon, channels, targets, kind)
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        inputs = keras.Input((window, channels))
        normalization = ReversibleInstanceNormalization(
            level, divide, dtype=policy, name="normalization"
        )
        z, at, spread = normalization(inputs)
        if targets != list(range(channels)):
            at, spread = of_targets(at, targets), of_targets(spread, targets)
            z = z if together else of_targets(z, targets)
        if kind == "linear":
            z = linear_steps(z, horizon, len(targets), together, rate, policy)
        else:
            z = SegRNN(
                horizon,
                len(targets),
                kind,
                units,
                segment,
                rate,
                together,
                dtype=policy,
                name=kind,
            )(z)
        # Large values lose their digits in half precision.
        outputs = ops.cast(restored(z, at, spread), policy.compute_dtype)
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.dtype_policy = policy
        self.window = window
        self.horizon = horizon
        self.num_channels = channels
        self.targets = targets
        self.kind = kind
        self.together = together
        self.level = level
        self.divide = divide
        self.units = units
        self.segment = segment
        self.rate = rate
        self.coverage = coverage
        self.normalization = normalization
        self.interval = ConformalInterval(coverage, name="interval")
        self.interval.build((None, horizon, len(targets)))

    def adapt(self, values):
        """Learns the spread of each channel from a series to be learnt.

        Args:
            values: Array `(rows, channels)`; NaN is missing.

        Raises:
            ValueError: If a channel is constant.
        """
        self.normalization.adapt(values)

    def calibrate(self, windows, futures, batch_size=1024):
        """Makes intervals of the errors on windows kept aside.

        Args:
            windows: Array `(examples, window, channels)`.
            futures: Array `(examples, horizon, targets)`.
            batch_size: Positive integer.

        Raises:
            ValueError: If there are too few examples for the coverage.
        """
        forecast = self.predict(windows, batch_size=batch_size, verbose=0)
        self.interval.adapt(np.asarray(futures) - forecast)

    def intervals(self, forecast):
        """Forecasts `(batch, horizon, targets)` -> `(..., 2)`, low and high."""
        return self.interval(forecast)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The loss of values in spreads of their channels."""
        scale = ops.take(self.normalization.scale, self.targets)
        y = ops.cast(y, "float32") / scale
        y_pred = ops.cast(y_pred, "float32") / scale
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def get_config(self):
        return {
            "window": self.window,
            "horizon": self.horizon,
            "channels": self.num_channels,
            "targets": self.targets,
            "kind": self.kind,
            "together": self.together,
            "level": self.level,
            "divide": self.divide,
            "units": self.units,
            "segment": self.segment,
            "rate": self.rate,
            "coverage": self.coverage,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
        }


def check_arguments(window, horizon, channels, targets, kind):
    if window < 2 or horizon < 1 or channels < 1:
        raise ValueError(
            "`window` must be at least 2, `horizon` and `channels` at least "
            f"1. Received: {window=}, {horizon=}, {channels=}"
        )
    known = set(range(channels))
    if not targets or len(set(targets)) < len(targets) or set(targets) - known:
        raise ValueError(
            f"`targets` must be different places from 0 to {channels - 1}. "
            f"Received: {targets=}"
        )
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {KINDS}. Received: {kind=}")


def of_targets(values, targets):
    """(batch, steps, channels) -> (batch, steps, targets)"""
    return ops.stack([values[:, :, place] for place in targets], axis=-1)


def linear_steps(z, horizon, outputs, together, rate, policy):
    """(batch, window, channels) -> (batch, horizon, outputs)

    Weights begin at 0, with which all stays at its level: random ones would
    stay in whatever directions windows hardly move in.
    """
    dense = functools.partial(
        layers.Dense, kernel_initializer="zeros", dtype=policy, name="linear"
    )
    if together:
        z = layers.Flatten(dtype=policy)(z)
    else:
        z = layers.Permute((2, 1), dtype=policy)(z)
    z = layers.Dropout(rate, dtype=policy)(z)
    if together:
        z = dense(horizon * outputs)(z)
        return layers.Reshape((horizon, outputs), dtype=policy)(z)
    z = dense(horizon)(z)
    return layers.Permute((2, 1), dtype=policy)(z)
