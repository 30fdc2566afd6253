"""Multi-step forecasting of time series with prediction intervals."""

import functools
from collections.abc import Iterable, Sequence
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
from dlunits.models.sequences.statistical_forecasts import (
    SeasonalNaiveForecast,
    ThetaForecast,
)
from dlunits.typing import Array, ArrayLike, Config, Shape, Tensor

NETWORKS = ("linear", "gru", "lstm")
BASELINES = ("naive", "seasonal_naive", "theta")
METHODS = (*NETWORKS, "combination", *BASELINES)
# L2 penalties of linear weights, relative to the mean square of the inputs.
PENALTIES = tuple(10.0**exponent for exponent in np.arange(-5, 1.5, 0.5))
MAX_LINEAR_INPUTS = 4096  # inputs per target for a fit in closed form


@keras.saving.register_keras_serializable(package="dlunits")
class Forecaster(keras.Model):
    """Multi-step time series forecaster with prediction intervals.

        z, center, stddev = RevIN(x)
        forecast          = network(z) * stddev + center
        interval          = [forecast - q, forecast + q]

    x is a window of the series. RevIN is
    `dlunits.models.sequences.ReversibleInstanceNormalization`, which normalizes
    each window inside the model; inputs and outputs are in the units of the
    series. All steps are forecast at once. `method` is a network or a baseline
    without weights:

    | `method`         | forecast                                             |
    |------------------|------------------------------------------------------|
    | `linear`         | y = W z + b, one product for all steps (Zeng et al.) |
    | `gru`, `lstm`    | RNN over segments, `dlunits.models.sequences.SegRNN` |
    | `naive`          | the last value                                       |
    | `seasonal_naive` | the last season                                      |
    | `theta`          | `dlunits.models.sequences.ThetaForecast`             |
    | `combination`    | mean of `linear` and `theta`                         |

    The weights of `linear` are a least-squares problem, which `fit_linear`
    solves without epochs; the recurrent networks are trained with `fit`.

    By default channels are independent: each target is forecast from its own
    past, with the same weights. With `channel_mixing` each target is forecast
    from all channels.

    `adapt` computes the standard deviation of each channel; the loss is
    computed on values divided by it, so that channels in different units have
    equal weight. `calibrate` computes the half-widths q from the errors on
    held-out windows, see `dlunits.layers.ConformalInterval`.

    References: Zeng et al., 2023, "Are transformers effective for time series
    forecasting?", https://arxiv.org/abs/2205.13504; Toner and Darlow, 2024, "An
    analysis of linear time series forecasting models" (closed form),
    https://arxiv.org/abs/2403.14587; Lin et al., 2023, "SegRNN",
    https://arxiv.org/abs/2308.11200.

    Args:
        window: Integer of at least 2, number of input steps.
        horizon: Positive integer, number of steps to forecast.
        num_channels: Positive integer, number of input channels.
        targets: Indices of the channels to forecast; `None` for all.
        method: One of the methods in the table.
        season: Positive integer up to the window, length of the season of a
            baseline in steps; 1 for no season.
        minimum: Lower bound of forecasts and intervals, or `None`.
        channel_mixing: Boolean, whether each target is forecast from all
            channels.
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
        dtype: Dtype policy of all layers; `None` for Keras' global policy.
        name: Name of the model.
        **kwargs: Keyword arguments of `keras.Model`.

    Input shape: `(batch, window, num_channels)`.

    Output shape: `(batch, horizon, targets)`.

    Raises:
        ValueError: If an argument is out of range.

    Example, where the weights are (window + 1) * horizon of the network, a
    standard deviation per channel and a half-width per value of the forecast:

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
        method: str = "linear",
        season: int = 1,
        minimum: float | None = None,
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
        check_arguments(window, horizon, num_channels, targets, method, season)
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        inputs = keras.Input((window, num_channels))
        instance_normalization = ReversibleInstanceNormalization(
            normalization, scale, dtype=policy, name="normalization"
        )
        z, center, stddev = instance_normalization(inputs)
        past = inputs
        if targets != every_channel:
            past = take_targets(inputs, targets)
            center = take_targets(center, targets)
            stddev = take_targets(stddev, targets)
            z = z if channel_mixing else take_targets(z, targets)
        parts = []
        if method in ("linear", "combination"):
            z = linear_network(
                z, horizon, len(targets), channel_mixing, dropout, policy
            )
        elif method in NETWORKS:
            z = SegRNN(
                horizon,
                len(targets),
                method,
                units,
                segment_length,
                dropout,
                channel_mixing,
                dtype=policy,
                name=method,
            )(z)
        if method not in BASELINES:
            # In single precision: large values lose digits in half precision.
            parts.append(denormalize(z, center, stddev))
        if method in ("theta", "combination"):
            parts.append(ThetaForecast(horizon, season, name="theta")(past))
        elif method in BASELINES:
            last = season if method == "seasonal_naive" else 1
            parts.append(SeasonalNaiveForecast(horizon, last)(past))
        outputs = sum(parts[1:], parts[0]) / len(parts)
        if minimum is not None:
            outputs = LowerBound(minimum, name="minimum")(outputs)
        outputs = ops.cast(outputs, policy.compute_dtype)
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.dtype_policy = policy
        self.window = window
        self.horizon = horizon
        self.num_channels = num_channels
        self.targets = targets
        self.method = method
        self.season = season
        self.minimum = minimum
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

    def forecast(self, windows: ArrayLike, batch_size: int = 1024) -> Array:
        """Forecasts the steps after each window.

        The result is that of `predict`, without compiling a function, which
        takes longer than the forecasts of a method that is not recurrent.

        Args:
            windows: Array `(examples, window, num_channels)`.
            batch_size: Positive integer.

        Returns:
            Array `(examples, horizon, targets)`.
        """
        if self.method in ("gru", "lstm"):
            return self.predict(windows, batch_size=batch_size, verbose=0)
        windows = np.asarray(windows)
        batches = [
            ops.convert_to_numpy(self(windows[first : first + batch_size]))
            for first in range(0, len(windows), batch_size)
        ]
        return np.concatenate(batches)

    def calibrate(
        self, windows: ArrayLike, futures: ArrayLike, batch_size: int = 1024
    ) -> None:
        """Computes the half-widths of the intervals from held-out windows.

        Args:
            windows: Array `(examples, window, num_channels)`.
            futures: Array `(examples, horizon, targets)`, true values.
            batch_size: Positive integer.

        Raises:
            ValueError: If there are too few examples for the coverage.
        """
        forecast = self.forecast(windows, batch_size)
        self.interval.adapt(np.asarray(futures) - forecast)

    def prediction_intervals(self, forecast: Tensor) -> Tensor:
        """Computes the bounds of the intervals around forecasts.

        Args:
            forecast: Tensor `(batch, horizon, targets)`, output of the model.

        Returns:
            Tensor `(batch, horizon, targets, 2)`, lower and upper bound.
        """
        interval = self.interval(forecast)
        if self.minimum is None:
            return interval
        return ops.maximum(interval, self.minimum)

    def fit_linear(
        self,
        training_batches: Iterable[tuple[ArrayLike, ArrayLike]],
        validation_batches: Iterable[tuple[ArrayLike, ArrayLike]],
        penalties: Sequence[float] = PENALTIES,
    ) -> list[dict[str, float]]:
        """Fits a linear network by ridge regression, in closed form.

        The loss is that of `fit`, the squared error in units of
        `channel_stddev`, plus the L2 penalty

            L2 term = penalty * mean square of an input * (|W|^2 + |b|^2)

        W and b are the kernel and bias of the linear layer. The penalty with
        the lowest error on validation windows is selected. With
        `channel_mixing` each target has its own regression and penalty. Dropout
        has no effect. Call `adapt` before.

        Args:
            training_batches: Batches of windows `(batch, window,
                num_channels)` and futures `(batch, horizon, targets)`, which
                can be read repeatedly.
            validation_batches: The same, of other windows.
            penalties: Candidate penalties.

        Returns:
            A dict for each regression: `penalty`, and `validation_mse`, that
            of the linear network.

        Raises:
            ValueError: If the method has no linear network.
        """
        if self.method not in ("linear", "combination"):
            raise ValueError(
                "`fit_linear` needs the method 'linear' or 'combination'. "
                f"Received: {self.method!r}"
            )
        mixed = self.channel_mixing
        num_targets = len(self.targets)
        groups = (
            [[target] for target in range(num_targets)]
            if mixed
            else [list(range(num_targets))]
        )
        chosen, solutions = [], []
        for group in groups:
            gram, product, *_ = self.moments(training_batches, group)
            penalty_unit = np.trace(gram) / len(gram) * np.eye(len(gram))
            gram_v, product_v, square_v, count_v = self.moments(
                validation_batches, group
            )
            fits = []
            for penalty in penalties:
                weights = np.linalg.solve(
                    gram + penalty * penalty_unit, product
                )
                error = square_v - 2 * np.sum(weights * product_v)
                error += np.sum(weights * (gram_v @ weights))
                fits.append((float(error) / count_v, penalty, weights))
            error, penalty, weights = min(fits, key=lambda fit: fit[0])
            chosen.append({"penalty": penalty, "validation_mse": error})
            solutions.append(weights)
        # (inputs + 1, horizon * regressions), the steps outermost
        weights = np.stack(solutions, axis=-1).reshape(len(solutions[0]), -1)
        self.get_layer("linear").set_weights([weights[:-1], weights[-1]])
        return chosen

    def moments(
        self,
        batches: Iterable[tuple[ArrayLike, ArrayLike]],
        group: list[int],
    ) -> tuple[Array, Array, float, int]:
        """Moments of the least-squares problem: sums of products.

        Args:
            batches: See `fit_linear`.
            group: Targets of a regression.

        Returns:
            `(A^T A, A^T B, |B|^2, size of B)` with a row of A for each window
            and target, the inputs of the linear layer and 1, and the same row
            of B, the future minus the center. All rows are in units of
            `channel_stddev`.
        """
        gram, product = np.zeros(()), np.zeros(())
        square, count = 0.0, 0
        channels = [self.targets[target] for target in group]
        unit = np.asarray(
            ops.convert_to_numpy(self.instance_normalization.channel_stddev),
            "float64",
        )[channels]
        for x, y in batches:
            z, center, stddev = (
                np.asarray(ops.convert_to_numpy(part), "float64")
                for part in self.instance_normalization(np.asarray(x))
            )
            scale = stddev[:, :, channels] / unit  # (batch, 1, group)
            if self.channel_mixing:
                a = z.reshape(len(z), 1, -1)
            else:
                a = z[:, :, channels].transpose(0, 2, 1)
            a = np.concatenate([a, np.ones((*a.shape[:2], 1))], axis=2)
            a = (a * scale.transpose(0, 2, 1)).reshape(-1, a.shape[2])
            b = (np.asarray(y)[:, :, group] - center[:, :, channels]) / unit
            b = b.transpose(0, 2, 1).reshape(len(a), -1)
            gram = gram + a.T @ a
            product = product + a.T @ b
            square += float(np.sum(b**2))
            count += b.size
        return gram, product, square, count

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
            "method": self.method,
            "season": self.season,
            "minimum": self.minimum,
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
    method: str,
    season: int,
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
    if method not in METHODS:
        raise ValueError(
            f"`method` must be one of {METHODS}. Received: {method=}"
        )
    if not 1 <= season <= window:
        raise ValueError(
            f"`season` must be from 1 to the window, {window}. Received: "
            f"{season=}"
        )


@keras.saving.register_keras_serializable(package="dlunits")
class LowerBound(keras.layers.Layer):
    """Clips values below a minimum to it, except in training.

    In training values are not clipped, as their gradient would be 0.

    Args:
        minimum: Number.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape: Any.

    Output shape: Same as the input.

    Example:

    >>> ops.convert_to_numpy(LowerBound(0.0)(np.array([-1.0, 2.0]))).tolist()
    [0.0, 2.0]
    """

    def __init__(self, minimum: float, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.minimum = minimum

    def call(self, values: Tensor, training: bool = False) -> Tensor:
        return values if training else ops.maximum(values, self.minimum)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {**super().get_config(), "minimum": self.minimum}


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

    Weights are initialized with 0, for which the forecast is the center of the
    window. With random weights, directions in which windows hardly vary would
    keep their initial values.
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
