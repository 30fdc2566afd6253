"""How far forecasts are off, and how often intervals hold what comes."""

import numpy as np


def forecast_errors(futures, forecast, scale, low=None, high=None):
    """Measures forecasts by step.

    With r = (future - forecast) / scale, over examples and channels:

        MSE_h = mean r_h^2,  MAE_h = mean |r_h|
        coverage_h = share of futures with low_h <= future_h <= high_h
        width_h = mean of (high_h - low_h) / scale

    Args:
        futures, forecast: Arrays `(examples, horizon, channels)`.
        scale: Array `(channels,)`, spreads of the channels, so that those in
            other units count alike.
        low, high: Arrays like them, or `None`.

    Returns:
        Dict of name to array `(horizon,)`: `mse`, `mae`, and, with intervals,
        `coverage` and `width`.

    Raises:
        ValueError: If shapes differ.

    Example, off by 1 and 3 in units of 1, in the interval once:

    >>> future, said = np.array([[[1.0], [5.0]]]), np.full((1, 2, 1), 2.0)
    >>> quality = forecast_errors(
    ...     future, said, [1.0], said - 2, said + 2)
    >>> {name: steps.tolist() for name, steps in quality.items()}
    {'mse': [1.0, 9.0], 'mae': [1.0, 3.0], 'coverage': [1.0, 0.0], \
'width': [4.0, 4.0]}
    """
    futures, forecast = np.asarray(futures), np.asarray(forecast)
    shapes = {futures.shape, forecast.shape}
    shapes |= {np.shape(some) for some in (low, high) if some is not None}
    if len(shapes) > 1 or futures.ndim != 3:
        raise ValueError(
            "What came, forecasts and intervals must have the same shape "
            f"(examples, horizon, channels). Received: {sorted(shapes)}"
        )
    rest = (futures - forecast) / np.asarray(scale)
    quality = {
        "mse": np.mean(rest**2, axis=(0, 2)),
        "mae": np.mean(np.abs(rest), axis=(0, 2)),
    }
    if low is not None:
        inside = (futures >= low) & (futures <= high)
        quality["coverage"] = inside.mean(axis=(0, 2))
        quality["width"] = np.mean((high - low) / scale, axis=(0, 2))
    return quality
