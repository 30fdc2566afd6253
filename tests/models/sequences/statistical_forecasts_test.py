"""Theta and seasonal naive forecasts."""

import keras
import numpy as np
import pytest

from dlunits.models.sequences import SeasonalNaiveForecast, ThetaForecast
from dlunits.models.sequences.statistical_forecasts import SMOOTHING


def forecast_of(layer, series):
    x = np.asarray(series, "float32")[None, :, None]
    return keras.ops.convert_to_numpy(layer(x)).ravel()


def theta_by_loop(series, horizon):
    """The equation of the docstring, step by step, without a season."""
    n, best = len(series), (np.inf, None)
    slope = np.polyfit(np.arange(n), series, 1)[0]
    for a in SMOOTHING:
        level, error = series[0], 0.0
        for value in series[1:]:
            error += (value - level) ** 2
            level = a * value + (1 - a) * level
        ahead = np.arange(horizon) + (1 - (1 - a) ** n) / a
        best = min(best, (error, (level + slope / 2 * ahead).tolist()))
    return best[1]


def test_without_a_season_theta_is_its_equation():
    rng = np.random.default_rng(0)
    series = 50 + np.cumsum(rng.normal(size=30))
    found = forecast_of(ThetaForecast(5), series)
    np.testing.assert_allclose(found, theta_by_loop(series, 5), rtol=1e-5)


def test_theta_of_a_seasonal_series_is_that_of_the_series_without_it():
    """The season is multiplicative. The series without it is 10, plus 0.1 per
    step.
    """
    level = 10 + 0.1 * np.arange(24)
    season = np.tile([0.5, 1.0, 1.5, 1.0], 6)
    found = forecast_of(ThetaForecast(4, season=4), level * season)
    expected = forecast_of(ThetaForecast(4), level) * season[:4]
    np.testing.assert_allclose(found, expected, rtol=0.02)


def test_theta_reads_series_with_negative_values_and_zeros():
    season = np.tile([-3.0, 0.0, 3.0], 8)
    found = forecast_of(ThetaForecast(3, season=3), season)
    np.testing.assert_allclose(found, [-3, 0, 3], atol=1e-4)
    assert forecast_of(ThetaForecast(2), np.zeros(9)).tolist() == [0, 0]


def test_theta_has_no_season_where_the_window_has_less_than_two():
    series = np.random.default_rng(1).normal(10, 1, size=7)
    found = forecast_of(ThetaForecast(3, season=4), series)
    np.testing.assert_array_equal(found, forecast_of(ThetaForecast(3), series))


@pytest.mark.parametrize("layer", [SeasonalNaiveForecast, ThetaForecast])
def test_rejects_arguments_out_of_range(layer):
    with pytest.raises(ValueError, match="at least 1"):
        layer(0)
    with pytest.raises(ValueError, match="at least 1"):
        layer(3, season=0)
