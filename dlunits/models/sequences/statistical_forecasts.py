"""Statistical forecasts as layers without weights: seasonal naive, Theta."""

from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import Array, Config, Shape, Tensor

# Smoothing factors of exponential smoothing, of which the best one is chosen.
SMOOTHING = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
MIN_ROWS, SEASONS = 60, 5  # minimum rows, and seasons, of a window for Theta


@keras.saving.register_keras_serializable(package="dlunits")
class StatisticalForecast(keras.layers.Layer):
    """Layer that forecasts each channel from its own past.

    Args:
        horizon: Positive integer, number of steps to forecast.
        season: Positive integer, length of the season in steps; 1 without one.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape: `(batch, window, channels)`.

    Output shape: `(batch, horizon, channels)`, float32.

    Raises:
        ValueError: If an argument is not positive.
    """

    def __init__(self, horizon: int, season: int = 1, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        if min(horizon, season) < 1:
            raise ValueError(
                "`horizon` and `season` must be at least 1. Received: "
                f"{horizon=}, {season=}"
            )
        self.horizon = horizon
        self.season = season

    def compute_output_spec(self, window: Tensor) -> keras.KerasTensor:
        shape = self.compute_output_shape(window.shape)
        return keras.KerasTensor(shape, "float32")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.horizon, input_shape[2])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "season": self.season,
        }


@keras.saving.register_keras_serializable(package="dlunits")
class SeasonalNaiveForecast(StatisticalForecast):
    """Seasonal naive forecast: repeats the last season.

        forecast_h = x_(T + h - k season), with the smallest k such that
                     T + h - k season <= T

    where x is the window and T its last time step. With a season of 1 step it
    is the naive forecast. The window must contain at least one season.

    Reference: Hyndman and Athanasopoulos, 2021, "Forecasting: principles and
    practice", section 5.2, https://otexts.com/fpp3/simple-methods.html.

    Args:
        horizon: Positive integer, number of steps to forecast.
        season: Positive integer, length of the season in steps.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape: `(batch, window, channels)`.

    Output shape: `(batch, horizon, channels)`, float32.

    Raises:
        ValueError: If an argument is not positive.

    Example:

    >>> layer = SeasonalNaiveForecast(4, season=3)
    >>> window = np.array([[[9.0], [1.0], [2.0], [3.0]]])
    >>> ops.convert_to_numpy(layer(window)).ravel().tolist()
    [1.0, 2.0, 3.0, 1.0]
    """

    def call(self, window: Tensor) -> Tensor:
        first = window.shape[1] - self.season
        steps = first + np.arange(self.horizon) % self.season
        return ops.take(ops.cast(window, "float32"), steps, axis=1)


@keras.saving.register_keras_serializable(package="dlunits")
class ThetaForecast(StatisticalForecast):
    """Theta method: exponential smoothing with half of the linear trend.

    It won the M3 competition of 3,003 series, most of them short and monthly.

        y          = x without its season
        level_t    = a y_t + (1 - a) level_(t - 1),   level_1 = y_1
        forecast_h = level_n + b / 2 (h - 1 + (1 - (1 - a)^n) / a), with its
                     season

    x is the window, h the step of the forecast, and b the least-squares slope
    of y over its n steps. The season is that of the classical decomposition:
    the mean over each phase of the difference between x and its moving average
    over one season (additive), or of their ratio (multiplicative).

    For each window and channel, the layer selects the additive or
    multiplicative season, and one of 11 smoothing factors a from 0.05 to 1,
    with the least sum of squared one-step errors of the level. A multiplicative
    season needs positive values. Without two seasons in the window, no season
    is used. Only the last five seasons of a window, and at least its last 60
    steps, are used.

    References: Assimakopoulos and Nikolopoulos, 2000, "The Theta model: a
    decomposition approach to forecasting",
    https://doi.org/10.1016/S0169-2070(00)00066-2; Hyndman and Billah, 2003,
    "Unmasking the Theta method",
    https://doi.org/10.1016/S0169-2070(01)00143-1.

    Args:
        horizon: Positive integer, number of steps to forecast.
        season: Positive integer, length of the season in steps; 1 without one.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape: `(batch, window, channels)`.

    Output shape: `(batch, horizon, channels)`, float32.

    Raises:
        ValueError: If an argument is not positive.

    Example, where the season is found exactly, and there is no trend:

    >>> layer = ThetaForecast(3, season=2)
    >>> window = np.tile([1.0, 3.0], 4)[None, :, None]
    >>> ops.convert_to_numpy(layer(window)).ravel().round(3).tolist()
    [1.0, 3.0, 1.0]
    """

    def call(self, window: Tensor) -> Tensor:
        rows = min(window.shape[1], max(MIN_ROWS, SEASONS * self.season))
        x = ops.cast(window[:, -rows:], "float32")
        size = ops.mean(ops.abs(x), axis=1, keepdims=True)
        size = ops.where(size > 0, size, 1.0)
        x = x / size
        ones, zeros = ops.ones_like(x), ops.zeros_like(x)
        if self.season == 1 or rows < 2 * self.season:
            options = [(ones, zeros, ones[:, :1] > 0)]
        else:
            options = self.seasons(x)
        best = lowest = None
        for factor, offset, valid in options:
            y = (x - offset) / factor
            # The season of the horizon is that of the window's last season.
            ahead = rows - self.season + (np.arange(self.horizon) % self.season)
            for smoothing in SMOOTHING:
                forecast, errors = smooth(y, smoothing, self.horizon)
                error = ops.sum((errors * factor) ** 2, axis=1, keepdims=True)
                error = ops.where(valid, error, np.inf)
                forecast = forecast * ops.take(factor, ahead, axis=1)
                forecast = forecast + ops.take(offset, ahead, axis=1)
                if best is None:
                    best, lowest = forecast, error
                else:
                    best = ops.where(error < lowest, forecast, best)
                    lowest = ops.minimum(lowest, error)
        return best * size

    def seasons(self, x: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Additive and multiplicative season of each step.

        Args:
            x: Tensor `(batch, rows, channels)`.

        Returns:
            List of `(factor, offset, valid)`: x = y * factor + offset, both of
            the shape of x; whether that is allowed, `(batch, 1, channels)`.
        """
        rows = x.shape[1]
        average, phase_mean = decomposition(rows, self.season)
        half = self.season // 2
        inner = x[:, half : rows - half]
        trend = ops.einsum("ij,bjc->bic", average, x)
        phases = np.arange(rows) % self.season

        def of_steps(values: Tensor) -> Tensor:
            return ops.take(
                ops.einsum("ij,bjc->bic", phase_mean, values), phases, axis=1
            )

        offset = of_steps(inner - trend)
        positive = ops.min(x, axis=1, keepdims=True) > 0
        factor = of_steps(inner / ops.where(positive, trend, 1.0))
        mean = ops.mean(factor[:, : self.season], axis=1, keepdims=True)
        factor = ops.where(positive, factor / ops.where(positive, mean, 1), 1.0)
        return [
            (
                ops.ones_like(x),
                offset
                - ops.mean(offset[:, : self.season], axis=1, keepdims=True),
                ops.ones_like(positive),
            ),
            (factor, ops.zeros_like(x), positive),
        ]


def decomposition(rows: int, season: int) -> tuple[Array, Array]:
    """Matrices of the classical decomposition.

    Returns:
        `(average, phase_mean)`: `(rows - 2 half, rows)` from a series to its
        centered moving average, where half = season // 2; `(season,
        rows - 2 half)` from the steps that have one to the mean of each phase.

    >>> average, phase_mean = decomposition(4, 2)
    >>> average.tolist()
    [[0.25, 0.5, 0.25, 0.0], [0.0, 0.25, 0.5, 0.25]]
    >>> phase_mean.tolist()  # the inner steps are of phase 1 and 0
    [[0.0, 1.0], [1.0, 0.0]]
    """
    half = season // 2
    weights = np.ones(season) if season % 2 else np.ones(season + 1)
    if season % 2 == 0:
        weights[[0, -1]] = 0.5
    inner = rows - 2 * half
    average = np.zeros((inner, rows), "float32")
    for step in range(inner):
        average[step, step : step + len(weights)] = weights / season
    phases = (np.arange(inner) + half) % season
    same = phases == np.arange(season)[:, None]
    return average, (same / same.sum(axis=1, keepdims=True)).astype("float32")


def smooth(y: Tensor, smoothing: float, horizon: int) -> tuple[Tensor, Tensor]:
    """Exponential smoothing with half of the linear trend.

    Args:
        y: Tensor `(batch, rows, channels)`.
        smoothing: Number in (0, 1].
        horizon: Number of steps to forecast.

    Returns:
        `(forecast, errors)`: `(batch, horizon, channels)`; one-step errors of
        the level `(batch, rows, channels)`, the first one 0.
    """
    rows = y.shape[1]
    # level_t = sum of weights[t, i] y_i
    age = np.arange(rows)[:, None] - np.arange(rows)
    weights = np.where(
        age >= 0, smoothing * (1 - smoothing) ** np.maximum(age, 0), 0.0
    )
    weights[:, 0] = (1 - smoothing) ** np.arange(rows)
    one_step = np.eye(rows)
    one_step[1:] -= weights[:-1]
    one_step[0] = 0
    centered = np.arange(rows) - (rows - 1) / 2
    slope = centered / max(float(np.sum(centered**2)), 1.0)
    ahead = np.arange(horizon) + (1 - (1 - smoothing) ** rows) / smoothing
    # (horizon, rows): the last level, and the trend of the whole window
    predict = weights[-1] + ahead[:, None] * slope / 2
    forecast = ops.einsum("ij,bjc->bic", predict.astype("float32"), y)
    errors = ops.einsum("ij,bjc->bic", one_step.astype("float32"), y)
    return forecast, errors
