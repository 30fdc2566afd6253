"""Errors of forecasts, and coverage of prediction intervals, per step."""

import numpy as np

from dlunits.typing import Array, ArrayLike


def forecast_errors(
    targets: ArrayLike,
    forecasts: ArrayLike,
    scale: ArrayLike,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> dict[str, Array]:
    """Scaled MSE and MAE of forecasts, and coverage of intervals, per step.

    With r = (target - forecast) / scale and means over examples and channels,
    at step h:

        mse_h      = mean of r_h^2
        mae_h      = mean of |r_h|
        coverage_h = fraction of targets with lower_h <= target_h <= upper_h
        interval_width_h = mean of (upper_h - lower_h) / scale

    Args:
        targets: Array `(examples, horizon, channels)`, true values.
        forecasts: Array of the same shape.
        scale: Array `(channels,)`, standard deviations of the channels.
        lower: Array of the same shape, lower ends of the prediction intervals,
            or `None`.
        upper: Array of the same shape, upper ends, or `None`.

    Returns:
        Dict of arrays `(horizon,)`: `mse` and `mae`, and with intervals also
        `coverage` and `interval_width`.

    Raises:
        ValueError: If the shapes differ.

    Example, with errors of 1 and 3, the first of them in the interval:

    >>> targets = np.array([[[1.0], [5.0]]])
    >>> forecasts = np.full((1, 2, 1), 2.0)
    >>> errors = forecast_errors(
    ...     targets, forecasts, [1.0], forecasts - 2, forecasts + 2
    ... )
    >>> errors["mse"].tolist(), errors["mae"].tolist()
    ([1.0, 9.0], [1.0, 3.0])
    >>> errors["coverage"].tolist(), errors["interval_width"].tolist()
    ([1.0, 0.0], [4.0, 4.0])
    """
    targets, forecasts = np.asarray(targets), np.asarray(forecasts)
    shapes = {targets.shape, forecasts.shape}
    shapes |= {np.shape(x) for x in (lower, upper) if x is not None}
    if len(shapes) > 1 or targets.ndim != 3:
        raise ValueError(
            "Targets, forecasts and intervals must have the same shape "
            f"(examples, horizon, channels). Received: {sorted(shapes)}"
        )
    residuals = (targets - forecasts) / np.asarray(scale)
    errors = {
        "mse": np.mean(residuals**2, axis=(0, 2)),
        "mae": np.mean(np.abs(residuals), axis=(0, 2)),
    }
    if lower is not None and upper is not None:
        lower, upper = np.asarray(lower), np.asarray(upper)
        inside = (targets >= lower) & (targets <= upper)
        errors["coverage"] = inside.mean(axis=(0, 2))
        width = (upper - lower) / np.asarray(scale)
        errors["interval_width"] = np.mean(width, axis=(0, 2))
    return errors
