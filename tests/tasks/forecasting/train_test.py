"""Training and backtesting a forecaster on a synthetic series."""

import dataclasses

import numpy as np
import pytest

from dlunits.data.series.forecast_windows import ForecastWindows
from dlunits.data.series.forecasting_dataset import (
    ForecastingDataset,
    load_forecasting_dataset,
)
from dlunits.data.series.resampling import resample
from dlunits.data.series.time_axis import TimeAxis
from dlunits.data.tables.table_files import open_table
from dlunits.tasks.forecasting import serve as forecasting_serve
from dlunits.tasks.forecasting import train
from dlunits.tasks.forecasting.report import write_forecast_report
from dlunits.tasks.forecasting.train import (
    backtest,
    find_season,
    select_forecaster,
    selection_messages,
    short_series_forecaster,
    subsample_origins,
    train_forecaster,
)
from dlunits.training import RunDirectory, run_directory

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
    dataset = ForecastingDataset(
        {"time": "number", "a": "number", "b": "number"},
        TimeAxis(dates=False),
        series,
        WINDOW,
        HORIZON,
        targets=[0, 1],
        split=(windows, origins),
        messages=["Two rows."],
    )
    scale = dataset.training_values.std(axis=0)
    return dataclasses.replace(dataset, scale=scale)


@pytest.fixture(scope="module")
def waves():
    """Two channels with a period of five rows and 10 % noise."""
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(SEASON, 2)) * [1.0, 50.0]
    values = np.tile(shape, (60, 1))
    return values + 0.1 * shape.std(axis=0) * rng.normal(size=values.shape)


@pytest.fixture(scope="module")
def trained(waves, tmp_path_factory):
    """Dataset, selection of the linear network, and its backtest."""
    dataset = dataset_of(waves)
    run = RunDirectory(tmp_path_factory.mktemp("run"), {})
    selection = select_forecaster(
        dataset, run, method="linear", seed=0, **RECIPE
    )
    result = backtest(selection.model, dataset, selection.baselines)
    return dataset, selection, result


def test_the_season_is_found_and_baselines_come_first(trained):
    dataset, _, result = trained
    assert find_season(dataset) == SEASON
    assert [row["forecast"] for row in result.table] == [
        "naive",
        "seasonal naive, 5 steps",
        "theta",
        "linear",
    ]


def test_the_headline_compares_with_the_best_baseline(trained):
    *_, result = trained
    naive, seasonal, theta, linear = (row["mse"] for row in result.table)
    best = min(naive, seasonal, theta)
    assert f"{abs(1 - linear / best):.0%}" in result.headline
    assert f"{best:.4f}" in result.headline


def test_errors_are_also_in_the_units_of_the_series(trained):
    """Scaled by the standard deviations, they give the mean squared error."""
    dataset, _, result = trained
    rows = [row for row in result.units_table if row["forecast"] == "linear"]
    assert [row["column"] for row in rows] == ["a", "b"]
    scaled = [
        row["RMSE"] / s for row, s in zip(rows, dataset.scale, strict=True)
    ]
    assert np.mean(np.square(scaled)) == pytest.approx(result.table[-1]["mse"])


def test_errors_match_forecasts_by_hand(trained, waves):
    """The seasonal naive error is the noise of two values, 0.1 standard
    deviations each: 0.02, or slightly less, since the standard deviation
    includes the noise.
    """
    dataset, *_, result = trained
    naive, seasonal, _, linear = result.table
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


def test_gradient_descent_is_reproducible_for_a_seed(
    waves, tmp_path, monkeypatch
):
    """A linear network that is too wide for the closed form. An epoch has at
    least 50 steps, although the windows are enough for 7 only.
    """
    monkeypatch.setattr(train, "MAX_LINEAR_INPUTS", 1)

    def weights(name, seed):
        run = RunDirectory(tmp_path / name, {})
        recipe = {**RECIPE, "epochs": 1}
        model, history = train_forecaster(
            dataset_of(waves), run, seed=seed, **recipe
        )
        assert len(history["val_loss"]) == 1
        assert int(model.optimizer.iterations) >= 50
        return model.get_layer("linear").get_weights()[0]

    np.testing.assert_array_equal(weights("a", 1), weights("b", 1))
    assert not np.array_equal(weights("a", 1), weights("c", 2))


def test_an_interrupted_run_ends_with_the_same_weights(
    waves, tmp_path, monkeypatch
):
    """Interrupted after the checkpoint of its first epoch."""
    monkeypatch.setattr(train, "MAX_LINEAR_INPUTS", 1)

    def weights(name):
        run = RunDirectory(tmp_path / name, {})
        model, _ = train_forecaster(
            dataset_of(waves), run, seed=0, **{**RECIPE, "epochs": 2}
        )
        return model.get_layer("linear").get_weights()[0]

    save = run_directory.SaveCheckpoint.on_epoch_end

    def interrupt(self, epoch, logs=None):
        save(self, epoch, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_directory.SaveCheckpoint, "on_epoch_end", interrupt)
        with pytest.raises(KeyboardInterrupt):
            weights("interrupted")
    np.testing.assert_array_equal(weights("interrupted"), weights("whole"))


def monthly(rows):
    """A trend with a yearly season that grows with it, and 2 % noise."""
    rng = np.random.default_rng(3)
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(rows) / 12)
    noise = 1 + 0.02 * rng.normal(size=rows)
    return (100 + np.arange(rows)) * season * noise


@pytest.fixture(scope="module")
def months(tmp_path_factory):
    """Selection and dataset of 120 months, forecast 12 months ahead."""
    folder = tmp_path_factory.mktemp("months")
    dataset = monthly_dataset(folder, 120)
    selection = select_forecaster(
        dataset,
        RunDirectory(folder / "run", {}),
        seed=0,
        units=8,
        segment_length=12,
        **{**RECIPE, "window": 24, "horizon": 12, "epochs": 1},
    )
    return dataset, selection


def monthly_dataset(folder, rows):
    dates = np.datetime64("2010-01") + np.arange(rows)
    lines = [f"{d}-01,{x}" for d, x in zip(dates, monthly(rows), strict=True)]
    path = folder / "months.csv"
    path.write_text("\n".join(["month,sales", *lines]) + "\n")
    return load_forecasting_dataset(
        open_table(path), "month", horizon=12, min_calibration=9
    )


def test_a_short_monthly_series_is_forecast_better_than_by_a_baseline(months):
    """With one gradient step per epoch, the forecast was a flat line."""
    dataset, selection = months
    result = backtest(selection.model, dataset, selection.baselines)
    *baselines, own = (row["mse"] for row in result.table)
    assert own < 0.5 * min(baselines[:2])
    assert own < 1.1 * min(baselines)


def test_the_selection_has_the_lowest_validation_error_or_combines(months):
    _, selection = months
    assert set(selection.validation) == {
        *("linear", "combination", "gru"),
        *("naive", "seasonal_naive", "theta"),
    }
    best = min(selection.validation, key=selection.validation.get)
    assert selection.model.method in (best, "combination")
    assert selection.messages[1].startswith(
        f"Selected: {selection.model.method}"
    )


def test_a_better_baseline_is_named():
    validation = {"naive": 1.0, "linear": 1.5}
    assert selection_messages("linear", "naive", validation, "linear", 40)[
        1:
    ] == [
        "The baseline naive has a lower error than linear: --method=naive "
        "exports it."
    ]
    assert (
        "No network is better than the baseline naive"
        in (selection_messages("naive", "naive", validation, "auto", 40)[-1])
    )


@pytest.mark.parametrize(
    ("rows", "method", "season"),
    [(3, "naive", 1), (17, "naive", 1), (30, "seasonal_naive", 12)],
)
def test_a_short_series_is_forecast_by_a_baseline(
    tmp_path, rows, method, season
):
    dataset = monthly_dataset(tmp_path, rows)
    assert dataset.split is None
    selection = short_series_forecaster(dataset, minimum=0.0)
    model = selection.model
    assert "Too few rows to train on" in selection.messages[0]
    widths = np.asarray(model.interval.half_width)
    assert widths.shape == (12, 1)
    assert (widths > 0).all()
    assert (np.diff(widths, axis=0) >= 0).all()
    assert (model.method, model.season) == (method, season)


def panel_table(path, lengths, start="2024-01-01"):
    """Daily series with a weekly season, in different units."""
    week = np.array([1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0])
    lines = ["shop,day,sales"]
    for name, (length, unit) in lengths.items():
        days = np.datetime64(start) + np.arange(length)
        lines += [
            f"{name},{day},{unit * week[index % 7]}"
            for index, day in enumerate(days)
        ]
    path.write_text("\n".join(lines) + "\n")
    return open_table(path)


def test_many_series_are_forecast_by_one_model_in_their_units(tmp_path):
    """The season is exact. Two shops are new, one of them with fewer rows than
    the window.
    """
    table = panel_table(tmp_path / "p.csv", {"x": (140, 1.0), "y": (84, 1e3)})
    dataset = load_forecasting_dataset(
        table, "day", series_column="shop", window=14, horizon=7
    )
    recipe = {**RECIPE, "window": 14, "horizon": 7, "coverage": 0.5}
    selection = select_forecaster(
        dataset,
        RunDirectory(tmp_path / "run", {}),
        method="seasonal_naive",
        seed=0,
        **recipe,
    )
    result = backtest(selection.model, dataset, selection.baselines)
    assert [row["series"] for row in result.by_series] == ["x", "y"]
    assert result.table[-1]["mse"] == pytest.approx(0, abs=1e-6)
    assert result.observed.max() == pytest.approx(4000)
    version = forecasting_serve.export_forecaster(
        selection.model,
        tmp_path / "model",
        dataset=dataset,
        data="",
        metrics={},
        command="",
    )
    new = panel_table(
        tmp_path / "n.csv", {"y": (21, 1e3), "new": (14, 10.0), "few": (7, 1.0)}
    )
    columns = forecasting_serve.forecast_table(
        *forecasting_serve.load_forecaster(version), new
    )
    assert columns["shop"] == ["y"] * 7 + ["new"] * 7 + ["few"] * 7
    assert [columns["day"][index] for index in (0, 7, 20)] == [
        *("2024-01-22", "2024-01-15", "2024-01-14"),
    ]
    week = np.array([1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0])
    np.testing.assert_allclose(
        columns["sales"], [*(1e3 * week), *(10 * week), *week], rtol=1e-5
    )
    path = forecasting_serve.write_forecast(tmp_path / "o.csv", columns)
    assert path.read_text().splitlines()[:2] == [
        "shop,day,sales,sales low,sales high",
        "y,2024-01-22,1000,1000,1000",
    ]


def test_many_short_series_are_forecast_by_a_baseline(tmp_path):
    table = panel_table(tmp_path / "p.csv", {"x": (16, 1.0), "y": (20, 1e3)})
    dataset = load_forecasting_dataset(
        table, "day", series_column="shop", window=14, horizon=7
    )
    selection = short_series_forecaster(dataset)
    assert selection.model.method == "seasonal_naive"
    assert selection.model.season == 7


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
    dataset, selection, _ = trained
    model = selection.model
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
    dataset, selection, result = trained
    history = {"loss": [2.0, 1.0], "val_loss": [2.0, 1.5]}
    selection = dataclasses.replace(selection, history=history)
    table = {"time": [1.0] * HORIZON}
    for name in ("a", "a low", "a high", "b", "b low", "b high"):
        table[name] = [0.0] * HORIZON
    report = write_forecast_report(
        tmp_path / "report.html",
        selection=selection,
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


def write_sales(path, rows=200, seed=0):
    """Sales that a promotion of a quarter of the days raises by 10."""
    rng = np.random.default_rng(seed)
    promotion = rng.random(rows + HORIZON) < 0.25
    sales = 50 + 10 * promotion + rng.normal(size=rows + HORIZON)
    lines = [
        f"{np.datetime64('2024-01-01') + row},"
        f"{f'{sales[row]:.3f}' if row < rows else ''},{int(promotion[row])}"
        for row in range(rows + HORIZON)
    ]
    path.write_text("\n".join(["day,sales,promotion", *lines]) + "\n")
    return open_table(path), sales[rows:]


def train_on_sales(table, folder, known):
    """Dataset, model and its mean squared error on the test windows."""
    dataset = load_forecasting_dataset(
        table,
        "day",
        targets=["sales"],
        known_future=known,
        window=WINDOW,
        horizon=HORIZON,
        min_calibration=9,
    )
    model, _ = train_forecaster(
        dataset,
        RunDirectory(folder, {}),
        channel_mixing=True,
        normalization="mean",
        seed=0,
        **RECIPE,
    )
    return dataset, model, backtest(model, dataset).table[-1]["mse"]


def test_a_known_column_is_read_over_the_horizon(tmp_path):
    """It explains the variance 10^2 * 3 / 16 + 1 except for 1, which is 5 %."""
    table, coming = write_sales(tmp_path / "sales.csv")
    *_, without = train_on_sales(table, tmp_path / "without", [])
    dataset, model, error = train_on_sales(
        table, tmp_path / "with", ["promotion"]
    )
    assert error < 0.1 < 0.7 < without
    check_forecast_of_known_columns(tmp_path, dataset, model, coming)


def check_forecast_of_known_columns(folder, dataset, model, coming):
    """The exported model needs the column for all steps of the horizon."""
    version = forecasting_serve.export_forecaster(
        model,
        folder / "models",
        dataset=dataset,
        data="sales",
        metrics={},
        command="train",
    )
    forecast, series = forecasting_serve.load_forecaster(version)
    assert series["known_future"] == ["promotion"]
    table, _ = write_sales(folder / "history.csv")
    columns = forecasting_serve.forecast_table(forecast, series, table)
    assert columns["day"][0] == "2024-07-19"  # 200 days after 1 January
    np.testing.assert_allclose(columns["sales"], coming, atol=4)
    lines = table.path.read_text().splitlines()
    table.path.write_text("\n".join(lines[:-1]))
    with pytest.raises(
        ValueError, match="needs 4 rows after the last value of 'sales', in wh"
    ):
        forecasting_serve.forecast_table(
            forecast, series, open_table(table.path)
        )
