"""Training and judging a forecaster on a series that can be known."""

import types

import numpy as np
import pytest

from dlunits.data.series.forecast_windows import ForecastWindows
from dlunits.data.series.resampling import resample
from dlunits.data.series.time_axis import TimeAxis
from dlunits.tasks.forecasting import serve as forecasting_serve
from dlunits.tasks.forecasting.report import write_forecast_report
from dlunits.tasks.forecasting.train import backtest, some, train_forecaster
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


def task_of(values):
    series = resample(values)
    windows = ForecastWindows(series, WINDOW, HORIZON)
    origins = windows.parts(9)
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
        axis=TimeAxis(text=False),
        told=["Two rows."],
        kinds={"time": "number", "a": "number", "b": "number"},
    )


@pytest.fixture(scope="module")
def waves():
    """Two channels that repeat every five rows, with noise of 0.1."""
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(SEASON, 2)) * [1.0, 50.0]
    values = np.tile(shape, (60, 1))
    return values + 0.1 * shape.std(axis=0) * rng.normal(size=values.shape)


@pytest.fixture(scope="module")
def learnt(waves, tmp_path_factory):
    task = task_of(waves)
    run_directory = RunDirectory(tmp_path_factory.mktemp("run"), {})
    model, history = train_forecaster(task, run_directory, seed=0, **RECIPE)
    return task, model, history, backtest(model, task)


def test_season_is_found_and_the_naive_rows_are_first(learnt):
    *_, judged = learnt
    assert judged.season == SEASON
    assert [row["forecast"] for row in judged.table] == [
        "naive",
        "seasonal naive, 5 steps",
        "linear",
    ]


def test_errors_are_those_of_forecasts_made_by_hand(learnt, waves):
    """The seasonal row: noise of two values, 0.1 spreads each: 0.02, a little
    less as the spread holds the noise too.
    """
    task, *_, judged = learnt
    naive, seasonal, learned = judged.table
    assert seasonal["mse"] == pytest.approx(0.02, rel=0.25)
    assert learned["mse"] < naive["mse"]
    errors = []
    for origin in task.origins.test:
        came = waves[origin : origin + HORIZON]
        errors.append(np.mean(((came - waves[origin - 1]) / task.scale) ** 2))
    assert naive["mse"] == pytest.approx(np.mean(errors), rel=1e-4)


def test_intervals_hold_about_as_much_as_they_say(learnt):
    """The series does not change its ways, and each step of 56 origins and two
    channels is inside by 0.9: windows overlap, so a wide margin.
    """
    *_, judged = learnt
    for row in judged.table:
        assert row["coverage"] == pytest.approx(0.9, abs=0.08)


def test_steps_of_the_horizon_are_the_first_to_the_last(learnt):
    *_, judged = learnt
    assert [row["step"] for row in judged.by_step] == [1, 2, 3, 4]
    mean = np.mean([row["linear, mse"] for row in judged.by_step])
    assert mean == pytest.approx(judged.table[-1]["mse"])


def test_one_seed_gives_one_result(waves, tmp_path):
    def weights(name, seed):
        run_directory = RunDirectory(tmp_path / name, {})
        recipe = {**RECIPE, "epochs": 1}
        model, _ = train_forecaster(
            task_of(waves), run_directory, seed=seed, **recipe
        )
        return model.get_layer("linear").get_weights()[0]

    np.testing.assert_array_equal(weights("a", 1), weights("b", 1))
    assert not np.array_equal(weights("a", 1), weights("c", 2))


def test_many_origins_are_thinned_evenly():
    assert len(some(np.arange(100))) == 100
    thinned = some(np.arange(20_000))
    assert (len(thinned), thinned[0], thinned[-1]) == (5_000, 0, 19_999)
    assert set(np.diff(thinned)) <= {4, 5}


def test_what_is_served_is_what_the_model_says(learnt, tmp_path):
    task, model, *_ = learnt
    version = forecasting_serve.export_forecaster(
        model,
        tmp_path / "waves",
        task=task,
        data="waves",
        metrics={},
        command="test",
    )
    serve, facts = forecasting_serve.open_forecaster(version)
    assert facts["horizon"] == HORIZON
    x, _ = task.windows.arrays(task.origins.test[:3])
    said = serve(x)
    forecast = model.predict(x, verbose=0)
    np.testing.assert_allclose(said["forecast"], forecast, rtol=1e-5)
    interval = np.stack([said["low"], said["high"]], axis=-1)
    np.testing.assert_allclose(
        interval, model.prediction_intervals(forecast), rtol=1e-5
    )


def test_report_holds_every_row_and_figure(learnt, tmp_path):
    task, model, history, judged = learnt
    coming = {"time": [1.0] * HORIZON}
    for name in ("a", "a low", "a high", "b", "b low", "b high"):
        coming[name] = [0.0] * HORIZON
    report = write_forecast_report(
        tmp_path / "report.html",
        model=model,
        history=history,
        task=task,
        backtest=judged,
        forecast=coming,
        source="<waves>",
        command="test",
        seconds=1,
    )
    html = report.read_text()
    assert html.count("<img") == 4
    for text in ("naive", "seasonal naive, 5 steps", "&lt;waves&gt;"):
        assert text in html
