"""Forecasts that ask for no learning, which every learner is held against."""

import numpy as np


def naive_forecast(windows, horizon):
    """Says that everything stays as it is: the last value.

        forecast_h = x_last

    Args:
        windows: Array `(examples, window, channels)`.
        horizon: Positive integer.

    Returns:
        Array `(examples, horizon, channels)`.

    Example:

    >>> naive_forecast(np.array([[[1.0], [4.0]]]), 3).ravel().tolist()
    [4.0, 4.0, 4.0]
    """
    return np.repeat(np.asarray(windows)[:, -1:], horizon, axis=1)


def seasonal_naive_forecast(windows, horizon, season):
    """Says that the last season comes again.

        forecast_h = the last value known that is a whole number of seasons
                     before

    Args:
        windows: Array `(examples, window, channels)`.
        horizon: Positive integer.
        season: Integer from 1 to the window, steps.

    Returns:
        Array `(examples, horizon, channels)`.

    Raises:
        ValueError: If the season is out of range.

    Example:

    >>> week = np.array([[[1.0], [2.0], [3.0]]])
    >>> seasonal_naive_forecast(week, 4, season=3).ravel().tolist()
    [1.0, 2.0, 3.0, 1.0]
    """
    windows = np.asarray(windows)
    length = windows.shape[1]
    if not 1 <= season <= length:
        raise ValueError(
            "`season` must be from 1 to the length of a window, which is "
            f"{length}. Received: {season=}"
        )
    return windows[:, length - season + np.arange(horizon) % season]


def best_season(windows, futures, seasons):
    """The season by which the last one comes again with the least error.

    Args:
        windows: Array `(examples, window, channels)`.
        futures: Array `(examples, horizon, channels)`.
        seasons: Integers to try.

    Returns:
        Integer; 1, which is the naive forecast, if none is to be tried.

    Example:

    >>> wave = np.tile([0.0, 5.0, 1.0], 4)[:, None]
    >>> best_season(wave[None, :8], wave[None, 8:], [2, 3, 4])
    3
    """
    horizon = futures.shape[1]
    scale = np.std(windows, axis=(0, 1)) + 1e-12

    def error(season):
        forecast = seasonal_naive_forecast(windows, horizon, season)
        return np.mean(((forecast - futures) / scale) ** 2)

    return min(seasons, key=error, default=1)


def dominant_period(values, longest):
    """The lag at which a series is most like itself, steps apart.

    It is the highest peak of the autocorrelation of differences, averaged
    over the channels.

    Args:
        values: Array `(rows, channels)` without a missing value.
        longest: Integer, the longest lag.

    Returns:
        Integer of at least 2, or `None` if nothing peaks.

    Example:

    >>> dominant_period(np.tile([0.0, 5.0, 1.0, 2.0], 9)[:, None], longest=10)
    4
    """
    changes = np.diff(np.asarray(values, "float64"), axis=0)
    changes = changes - changes.mean(axis=0)
    size = len(changes)
    power = np.abs(np.fft.rfft(changes, 2 * size, axis=0)) ** 2
    alike = np.fft.irfft(power, axis=0)[:size]
    usable = alike[0] > 0
    if not usable.any():
        return None
    # Fewer products are in a longer lag.
    alike = (alike / alike[0])[:, usable].mean(axis=1)
    alike = alike * size / (size - np.arange(size))
    longest = min(longest, size // 2)
    peaks = [
        lag
        for lag in range(2, longest)
        if alike[lag - 1] < alike[lag] >= alike[lag + 1]
    ]
    # Of the same height the shortest: twice a season is one as well.
    high = max((alike[lag] for lag in peaks), default=0)
    return next((lag for lag in peaks if alike[lag] > 0.99 * high), None)
