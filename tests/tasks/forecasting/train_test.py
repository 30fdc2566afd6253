"""Training and backtesting a forecaster on a synthetic series."""

import types

import numpy as np
import pytest

from dlunits.data.series.forecast_windows import ForecastWindows
from dlunits.data.series.resampling import resample
from dlunits.data.series.time_axis import TimeAxis
from dlunits.tasks.forecasting import serve as forecasting_serve
from dlunits.tasks.forecasting.report import write_forecast_report
from dlunits.tasks.forecasting.train import (
    backtest,
    subsample_origins,
    train_forecaster,
)
from dlunits.training import RunDirectory

WINDOW, HORIZON, SEASON = 12, 4, 5
RECIPE = {
    "window": WINDOW,
    "horizon": HORIZON,
    "epochs": 4,
    "batch_size": 16,
    "learning_rate": 1e-2,
    "patience": 4,
    "verbose": 0,
}


def dataset_of(values):
    series = resample(values)
    windows = ForecastWindows(series, WINDOW, HORIZON)
    origins = windows.split(9)
    known = series.values[: origins.train[-1] + HORIZON]
    return types.SimpleNamespace(
        series=series,
        windows=windows,
        origins=origins,
        targets=[0, 1],
        channels=["a", "b"],
        target_names=["a", "b"],
        training_values=known,
        scale=known.std(axis=0),
        axis=TimeAxis(dates=False),
        messages=["Two rows."],
        column_types={"time": "number", "a": "number", "b": "number"},
    )


@pytest.fixture(scope="module")
def waves():
    """Two channels with a period of five rows and 10 % noise."""
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(SEASON, 2)) * [1.0, 50.0]
    values = np.tile(shape, (60, 1))
    return values + 0.1 * shape.std(axis=0) * rng.normal(size=values.shape)


@pytest.fixture(scope="module")
def trained(waves, tmp_path_factory):
    dataset = dataset_of(waves)
    run_directory = RunDirectory(tmp_path_factory.mktemp("run"), {})
    model, history = train_forecaster(dataset, run_directory, seed=0, **RECIPE)
    return dataset, model, history, backtest(model, dataset)


def test_the_season_is_found_and_naive_forecasts_come_first(trained):
    *_, result = trained
    assert result.season == SEASON
    assert [row["forecast"] for row in result.table] == [
        "naive",
        "seasonal naive, 5 steps",
        "linear",
    ]


def test_errors_match_forecasts_by_hand(trained, waves):
    """The seasonal naive error is the noise of two values, 0.1 standard
    deviations each: 0.02, or slightly less, since the standard deviation
    includes the noise.
    """
    dataset, *_, result = trained
    naive, seasonal, linear = result.table
    assert seasonal["mse"] == pytest.approx(0.02, rel=0.25)
    assert linear["mse"] < naive["mse"]
    errors = []
    for origin in dataset.origins.test:
        observed = waves[origin : origin + HORIZON]
        errors.append(
            np.mean(((observed - waves[origin - 1]) / dataset.scale) ** 2)
        )
    assert naive["mse"] == pytest.approx(np.mean(errors), rel=1e-4)


def test_interval_coverage_is_close_to_nominal(trained):
    """The series is stationary, with 56 origins and two channels. Windows
    overlap, hence the wide tolerance.
    """
    *_, result = trained
    for row in result.table:
        assert row["coverage"] == pytest.approx(0.9, abs=0.08)


def test_errors_by_step_cover_the_horizon(trained):
    *_, result = trained
    assert [row["step"] for row in result.by_step] == [1, 2, 3, 4]
    mean = np.mean([row["linear, mse"] for row in result.by_step])
    assert mean == pytest.approx(result.table[-1]["mse"])


def test_training_is_reproducible_for_a_seed(waves, tmp_path):
    def weights(name, seed):
        run_directory = RunDirectory(tmp_path / name, {})
        recipe = {**RECIPE, "epochs": 1}
        model, _ = train_forecaster(
            dataset_of(waves), run_directory, seed=seed, **recipe
        )
        return model.get_layer("linear").get_weights()[0]

    np.testing.assert_array_equal(weights("a", 1), weights("b", 1))
    assert not np.array_equal(weights("a", 1), weights("c", 2))


def test_many_origins_are_subsampled_evenly():
    assert len(subsample_origins(np.arange(100))) == 100
    subsampled = subsample_origins(np.arange(20_000))
    assert (len(subsampled), subsampled[0], subsampled[-1]) == (
        5_000,
        0,
        19_999,
    )
    assert set(np.diff(subsampled)) <= {4, 5}


def test_the_served_forecast_is_that_of_the_model(trained, tmp_path):
    dataset, model, *_ = trained
    version = forecasting_serve.export_forecaster(
        model,
        tmp_path / "waves",
        dataset=dataset,
        data="waves",
        metrics={},
        command="test",
    )
    forecast, series = forecasting_serve.load_forecaster(version)
    assert series["horizon"] == HORIZON
    x, _ = dataset.windows.arrays(dataset.origins.test[:3])
    served = forecast(x)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(served["forecast"], expected, rtol=1e-5)
    interval = np.stack([served["low"], served["high"]], axis=-1)
    np.testing.assert_allclose(
        interval, model.prediction_intervals(expected), rtol=1e-5
    )


def test_the_report_has_every_row_and_figure(trained, tmp_path):
    dataset, model, history, result = trained
    table = {"time": [1.0] * HORIZON}
    for name in ("a", "a low", "a high", "b", "b low", "b high"):
        table[name] = [0.0] * HORIZON
    report = write_forecast_report(
        tmp_path / "report.html",
        model=model,
        history=history,
        dataset=dataset,
        backtest=result,
        forecast=table,
        source="<waves>",
        command="test",
        seconds=1,
    )
    html = report.read_text()
    assert html.count("<img") == 4
    for text in ("naive", "seasonal naive, 5 steps", "&lt;waves&gt;"):
        assert text in html
