"""Errors of forecasts against a loop."""

import numpy as np
import pytest

from dlunits.metrics.forecast_errors import forecast_errors


def test_errors_match_a_loop():
    rng = np.random.default_rng(0)
    target, forecast = rng.normal(size=(2, 6, 3, 2))
    low, high, scale = forecast - 1, forecast + 0.5, [2.0, 0.5]
    found = forecast_errors(target, forecast, scale, low, high)
    for step in range(3):
        squares, sizes, inside = [], [], []
        for example in range(6):
            for channel in range(2):
                at = example, step, channel
                residual = (target[at] - forecast[at]) / scale[channel]
                squares.append(residual**2)
                sizes.append(abs(residual))
                inside.append(low[at] <= target[at] <= high[at])
        assert found["mse"][step] == pytest.approx(np.mean(squares))
        assert found["mae"][step] == pytest.approx(np.mean(sizes))
        assert found["coverage"][step] == pytest.approx(np.mean(inside))
    # A width of 1.5 is 0.75 in units of 2, and 3 in units of 0.5.
    np.testing.assert_allclose(found["interval_width"], (0.75 + 3) / 2)


def test_rejects_different_shapes():
    with pytest.raises(ValueError, match="the same shape"):
        forecast_errors(np.ones((2, 3, 1)), np.ones((2, 3, 2)), [1.0])
