"""Baselines of statsforecast, replaced by the mean of the past.

statsforecast needs pandas < 3, and the tests run with pandas 3.
"""

import sys
import types

import numpy as np
import pytest

from dlunits.data.series.resampling import resample
from dlunits.tasks.forecasting import statsforecast_baselines
from dlunits.tasks.forecasting.statsforecast_baselines import (
    statsforecast_forecasts,
)


class PastMean:
    def __init__(self, season_length):
        self.season_length = season_length

    def forecast(self, y, h):
        return {"mean": np.full(h, y.mean() + self.season_length)}


@pytest.fixture
def dataset(monkeypatch):
    """Two segments of five hours and two channels, forecast two ahead."""
    models = types.SimpleNamespace(
        AutoETS=type("AutoETS", (PastMean,), {}),
        AutoTheta=type("AutoTheta", (PastMean,), {}),
    )
    monkeypatch.setitem(sys.modules, "statsforecast", types.ModuleType("x"))
    monkeypatch.setitem(sys.modules, "statsforecast.models", models)
    monkeypatch.setattr(
        statsforecast_baselines.importlib.util, "find_spec", lambda name: name
    )
    times = 3600.0 * np.r_[0:5, 20:25]
    values = np.stack([np.arange(10.0), np.ones(10)], axis=1)
    return types.SimpleNamespace(
        series=resample(values, times), targets=[0, 1], horizon=2
    )


def test_a_forecast_is_made_from_the_past_of_its_segment(dataset):
    """Origin 3 follows 0, 1, 2; origin 8 follows 5, 6, 7. The season is 4."""
    forecasts = statsforecast_forecasts(dataset, np.array([3, 8]), season=4)
    assert list(forecasts) == ["AutoETS", "AutoTheta"]
    expected = [[[5, 5], [5, 5]], [[10, 5], [10, 5]]]
    np.testing.assert_array_equal(forecasts["AutoTheta"], expected)


def test_many_origins_are_left_out(dataset):
    assert statsforecast_forecasts(dataset, np.full(51, 3), season=1) == {}


def test_without_statsforecast_there_are_none(dataset, monkeypatch):
    monkeypatch.setattr(
        statsforecast_baselines.importlib.util, "find_spec", lambda name: None
    )
    assert statsforecast_forecasts(dataset, np.array([3]), season=1) == {}
