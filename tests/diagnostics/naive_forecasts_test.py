"""Naive forecasts against loops."""

import numpy as np
import pytest

from dlunits.diagnostics.naive_forecasts import (
    best_season,
    dominant_period,
    naive_forecast,
    seasonal_naive_forecast,
)


def waves(season, rows=200, noise=0.1):
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(season, 2))
    values = np.tile(shape, (rows // season + 1, 1))[:rows]
    return values + noise * rng.normal(size=values.shape)


@pytest.mark.parametrize("season", [1, 3, 7])
@pytest.mark.parametrize("horizon", [1, 3, 10])
def test_seasonal_naive_forecast_matches_a_loop(season, horizon):
    windows = np.random.default_rng(0).normal(size=(4, 7, 2))
    found = seasonal_naive_forecast(windows, horizon, season)
    for step in range(horizon):
        place = 7 + step
        while place >= 7:
            place -= season
        np.testing.assert_array_equal(found[:, step], windows[:, place])


def test_a_season_of_one_step_is_the_naive_forecast():
    windows = np.random.default_rng(0).normal(size=(4, 7, 2))
    np.testing.assert_array_equal(
        seasonal_naive_forecast(windows, 5, 1), naive_forecast(windows, 5)
    )


@pytest.mark.parametrize("season", [0, 8])
def test_rejects_seasons_out_of_range(season):
    with pytest.raises(ValueError, match="window length, 7"):
        seasonal_naive_forecast(np.ones((1, 7, 1)), 2, season)


@pytest.mark.parametrize("season", [5, 24, 31])
def test_dominant_period_is_found_in_noise(season):
    assert dominant_period(waves(season), max_period=80) == season


def test_a_straight_line_has_no_dominant_period():
    assert dominant_period(np.arange(50.0)[:, None], max_period=20) is None


def test_best_season_has_the_least_error():
    values = waves(12, 60)[None]
    assert best_season(values[:, :48], values[:, 48:], [7, 12, 13]) == 12
    assert best_season(values, values, []) == 1
