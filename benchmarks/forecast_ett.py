"""Forecast errors on ETTh1, all seven channels, with naive baselines.

The first 8,640 rows of the hourly series are for training, the next 2,880 for
validation (epoch, window, method and penalty), and the next 2,880 for
test: every window whose horizon lies in the test rows; its input may be older.
Values are standardized by the training rows. The error is the mean squared
error over windows, steps and channels.

Each of `CANDIDATES` is trained once, with the first seed. The one with the
lowest validation error is trained with the other seeds. Nothing is selected on
test windows. Intervals are calibrated on validation windows, which also
selected the epoch, so they are slightly narrow; the series is not stationary
either, so their coverage is below nominal.

Baselines: the last value; the last 24 hours; Theta; and the published error of
DLinear for 96 hours, .375 (Zeng et al., 2023, https://arxiv.org/abs/2205.13504).
If statsforecast is installed, also its AutoETS and AutoTheta. They are fitted
again for each forecast, and therefore evaluated only at every 96th origin, on
the 512 rows before it.

Data: Zhou et al., 2021, "Informer", https://arxiv.org/abs/2012.07436.

Usage:
    python benchmarks/forecast_ett.py [--quick] [--data_dir=FOLDER]
        [--seeds=3] [--workdir=FOLDER] [--only=linear]

`--workdir` stores the results of finished runs under a hash of their options:
the same command resumes a stopped benchmark.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from gates import gate
from json_cache import cached_json, recipe_hash
from real_data import DATA

from dlunits.data.series.forecast_windows import (
    ForecastOrigins,
    ForecastWindows,
)
from dlunits.data.series.forecasting_dataset import ForecastingDataset
from dlunits.data.series.resampling import resample
from dlunits.data.series.time_axis import TimeAxis
from dlunits.models import Forecaster
from dlunits.models.sequences.forecaster import BASELINES
from dlunits.tasks.forecasting.train import (
    backtest,
    train_forecaster,
    window_errors,
)
from dlunits.training import RunDirectory

SERIES = DATA.parent / "series"
TRAIN_END, VALIDATION_END, TEST_END = 8_640, 11_520, 14_400  # rows
SEASON = 24
BOUNDS = {96: 0.369, 24: None}
HISTORY, STRIDE = 512, 96  # rows, and rows between origins, of statsforecast

SHARED = {"normalization": "mean", "seed": 0, "patience": 3, "verbose": 0}
LINEAR = {
    "method": "linear",
    "batch_size": 64,
    "learning_rate": 1e-3,
    "epochs": 1,  # without effect: it is fitted in closed form
}
GRU = {
    "method": "gru",
    "units": 64,
    "segment_length": 48,
    "batch_size": 128,
    "learning_rate": 2e-3,
}
CANDIDATES = {
    "linear, 336 hours": {**LINEAR, "window": 336},
    "linear, 512 hours": {**LINEAR, "window": 512},
    "GRU, 336 hours, dropout 0.3": {
        **GRU,
        "window": 336,
        "dropout": 0.3,
        "epochs": 6,
    },
    "GRU, 528 hours, dropout 0.5": {
        **GRU,
        "window": 528,
        "dropout": 0.5,
        "epochs": 6,
    },
}


def read_series(data_dir):
    """Rows `(17420, 7)`, standardized by the training rows."""
    values = np.loadtxt(
        pathlib.Path(data_dir) / "ETTh1.csv",
        delimiter=",",
        skiprows=1,
        usecols=range(1, 8),
    )
    train = values[:TRAIN_END]
    return (values - train.mean(axis=0)) / train.std(axis=0)


def dataset_of(values, window, horizon):
    """The protocol as a forecasting dataset."""
    series = resample(values)
    windows = ForecastWindows(series, window, horizon)

    def between(first, last):
        origins = windows.origins
        return origins[(origins >= first) & (origins + horizon <= last)]

    validation = between(TRAIN_END, VALIDATION_END)
    origins = ForecastOrigins(
        train=between(0, TRAIN_END),
        validation=validation,
        calibration=validation,
        test=between(VALIDATION_END, TEST_END),
    )
    return ForecastingDataset(
        {"hour": "number"} | {f"channel_{i}": "number" for i in range(7)},
        TimeAxis(dates=False),
        series,
        window,
        horizon,
        targets=list(range(7)),
        split=(windows, origins),
        scale=np.ones(7, "float32"),
    )


def baselines(values, horizon):
    """Mean squared errors on test windows, by name."""
    dataset = dataset_of(values, 5 * SEASON, horizon)
    found = {}
    for method in BASELINES:
        model = Forecaster(5 * SEASON, horizon, 7, method=method, season=SEASON)
        errors = window_errors(model, dataset, dataset.origins.test)
        found[method] = float(errors.mean())
    return found


def statsforecast_baselines(values, horizon):
    """Mean squared errors on every 96th test window, by name.

    Empty if statsforecast is not installed.
    """
    try:
        from statsforecast.models import AutoETS, AutoTheta
    except ImportError:
        return {}
    dataset = dataset_of(values, HISTORY, horizon)
    origins = dataset.origins.test[::STRIDE]
    past, future = dataset.windows.arrays(origins)
    found = {}
    for model in (AutoETS, AutoTheta):
        errors = [
            np.mean(
                (
                    model(season_length=SEASON).forecast(
                        x[:, channel].astype("float64"), horizon
                    )["mean"]
                    - y[:, channel]
                )
                ** 2
            )
            for x, y in zip(past, future, strict=True)
            for channel in range(x.shape[1])
        ]
        found[model.__name__] = float(np.mean(errors))
    return found


def run(values, horizon, recipe, seed):
    """Dict of errors on validation and on test windows, for JSON."""
    recipe = {**SHARED, **recipe, "seed": seed, "horizon": horizon}
    dataset = dataset_of(values, recipe["window"], horizon)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        model, _ = train_forecaster(dataset, RunDirectory(folder, {}), **recipe)
    errors = backtest(model, dataset).model_errors
    validation = window_errors(model, dataset, dataset.origins.validation)
    every_96th = window_errors(model, dataset, dataset.origins.test[::STRIDE])
    return {
        "validation": float(validation.mean()),
        "every_96th": float(every_96th.mean()),
        "mse": float(errors["mse"].mean()),
        "mae": float(errors["mae"].mean()),
        "coverage": float(errors["coverage"].mean()),
        "minutes": (time.monotonic() - started) / 60,
    }


def cached_run(folder, values, horizon, name, seed):
    recipe = CANDIDATES[name]
    key = recipe_hash(SHARED, sorted(recipe.items()))
    return cached_json(
        pathlib.Path(folder, f"ett_{horizon}_{seed}_{key}.json"),
        lambda: run(values, horizon, recipe, seed),
    )


def evaluate(values, horizon, seeds, folder, only=""):
    """Prints all results of a horizon. Returns whether its gate passed."""
    for name, error in baselines(values, horizon).items():
        print(f"H={horizon}, {name}: MSE {error:.4f}", flush=True)
    for name, error in statsforecast_baselines(values, horizon).items():
        print(
            f"H={horizon}, every 96th window, {name}: MSE {error:.4f}",
            flush=True,
        )
    validation = {}
    for name in CANDIDATES:
        if not name.startswith(only):
            continue
        result = cached_run(folder, values, horizon, name, 0)
        validation[name] = result["validation"]
        print(
            f"H={horizon}, {name}: validation MSE {validation[name]:.4f}, "
            f"{result['minutes']:.1f} min",
            flush=True,
        )
    selected = min(validation, key=validation.get)
    print(f"H={horizon}, selected on validation: {selected}", flush=True)
    runs = [
        cached_run(folder, values, horizon, selected, seed)
        for seed in range(seeds)
    ]
    for seed, result in enumerate(runs):
        print(
            "H={}, {}, seed {}: MSE {mse:.4f}, MAE {mae:.4f}, {coverage:.1%} "
            "coverage of 90 % intervals, {minutes:.1f} min; on every 96th "
            "window MSE {every_96th:.4f}".format(
                horizon, selected, seed, **result
            ),
            flush=True,
        )
    mean = statistics.mean(result["mse"] for result in runs)
    print(f"H={horizon}, mean of {seeds}: MSE {mean:.4f}", flush=True)
    if BOUNDS[horizon] is None:
        return True
    return gate(
        f"forecast_ett (H={horizon}, MSE, mean of {seeds})",
        mean,
        "<=",
        BOUNDS[horizon],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data_dir", default=SERIES, help="folder of ETTh1.csv"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="the linear network at 96 hours, one seed, no gate",
    )
    parser.add_argument(
        "--only",
        default="",
        help="prefix of the candidates to run: linear, GRU",
    )
    parser.add_argument("--workdir", help="existing folder of stored results")
    arguments = parser.parse_args()
    values = read_series(arguments.data_dir)
    if arguments.quick:
        recipe = CANDIDATES["linear, 512 hours"]
        print(baselines(values, 96), run(values, 96, recipe, 0))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.workdir or temporary
        passed = [
            evaluate(values, horizon, arguments.seeds, folder, arguments.only)
            for horizon in BOUNDS
        ]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
