"""Naive and seasonal naive forecasts, baselines for forecasters."""

from collections.abc import Iterable

import numpy as np

from dlunits.typing import Array, ArrayLike


def naive_forecast(windows: ArrayLike, horizon: int) -> Array:
    """Naive forecast: repeats the last value.

        forecast_h = x_last

    Args:
        windows: Array `(examples, window, channels)`, values before the
            forecast.
        horizon: Positive integer, number of steps to forecast.

    Returns:
        Array `(examples, horizon, channels)`.

    Example:

    >>> naive_forecast(np.array([[[1.0], [4.0]]]), 3).ravel().tolist()
    [4.0, 4.0, 4.0]
    """
    return np.repeat(np.asarray(windows)[:, -1:], horizon, axis=1)


def seasonal_naive_forecast(
    windows: ArrayLike, horizon: int, season: int
) -> Array:
    """Seasonal naive forecast: repeats the last season.

        forecast_h = x_(T + h - k season), with the smallest k such that
                     T + h - k season <= T

    where T is the last time step of the window.

    Reference: Hyndman and Athanasopoulos, 2021, "Forecasting: principles and
    practice", section 5.2, https://otexts.com/fpp3/simple-methods.html.

    Args:
        windows: Array `(examples, window, channels)`, values before the
            forecast.
        horizon: Positive integer, number of steps to forecast.
        season: Integer from 1 to the window, length of the season in steps.

    Returns:
        Array `(examples, horizon, channels)`.

    Raises:
        ValueError: If `season` is out of range.

    Example:

    >>> window = np.array([[[1.0], [2.0], [3.0]]])
    >>> seasonal_naive_forecast(window, 4, season=3).ravel().tolist()
    [1.0, 2.0, 3.0, 1.0]
    """
    windows = np.asarray(windows)
    length = windows.shape[1]
    if not 1 <= season <= length:
        raise ValueError(
            f"`season` must be from 1 to the window length, {length}. "
            f"Received: {season=}"
        )
    return windows[:, length - season + np.arange(horizon) % season]


def best_season(windows: Array, futures: Array, seasons: Iterable[int]) -> int:
    """Season whose seasonal naive forecast has the lowest squared error.

    Args:
        windows: Array `(examples, window, channels)`.
        futures: Array `(examples, horizon, channels)`, true values after the
            windows.
        seasons: Iterable of candidate seasons in steps.

    Returns:
        Integer; 1, the naive forecast, if there are no candidates.

    Example:

    >>> wave = np.tile([0.0, 5.0, 1.0], 4)[:, None]
    >>> best_season(wave[None, :8], wave[None, 8:], [2, 3, 4])
    3
    """
    horizon = futures.shape[1]
    scale = np.std(windows, axis=(0, 1)) + 1e-12

    def squared_error(season: int) -> float:
        forecast = seasonal_naive_forecast(windows, horizon, season)
        return float(np.mean(((forecast - futures) / scale) ** 2))

    return min(seasons, key=squared_error, default=1)


def dominant_period(values: ArrayLike, max_period: int) -> int | None:
    """Dominant period of a series, by autocorrelation.

    It is the lag of the highest peak of the autocorrelation of the first
    differences, averaged over channels. Among peaks within 1 % of the highest
    one, the shortest lag is taken, because multiples of a period are peaks
    too.

    Args:
        values: Array `(rows, channels)` without missing values.
        max_period: Integer, largest lag in steps; at most half of the series
            is used.

    Returns:
        Integer of at least 2, or `None` if there is no peak.

    Example:

    >>> values = np.tile([0.0, 5.0, 1.0, 2.0], 9)[:, None]
    >>> dominant_period(values, max_period=10)
    4
    """
    differences = np.diff(np.asarray(values, "float64"), axis=0)
    differences = differences - differences.mean(axis=0)
    size = len(differences)
    power = np.abs(np.fft.rfft(differences, 2 * size, axis=0)) ** 2
    correlation = np.fft.irfft(power, axis=0)[:size]
    varies = correlation[0] > 0
    if not varies.any():
        return None
    correlation = (correlation / correlation[0])[:, varies].mean(axis=1)
    # A sum over lag k has size - k terms.
    correlation = correlation * size / (size - np.arange(size))
    peaks = [
        lag
        for lag in range(2, min(max_period, size // 2))
        if correlation[lag - 1] < correlation[lag] >= correlation[lag + 1]
    ]
    highest = max((correlation[lag] for lag in peaks), default=0)
    return next(
        (lag for lag in peaks if correlation[lag] > 0.99 * highest), None
    )
