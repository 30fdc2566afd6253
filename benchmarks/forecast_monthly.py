"""Forecasts of short monthly series with trend and season, default settings.

Each of twelve series has 12 years of months: a random walk with drift as
level, a season of 12 random factors or terms, and noise; in every second series
the season grows with the level. The horizon is 12 months. As in the app, the
method is selected on validation rows. The error is the mean squared error on
the test windows, in units of the variance of the training rows.

Baselines, on the same windows: naive, seasonal naive, Theta, and if
statsforecast is installed (`pip install "dlunits[forecast]"`) AutoETS and
AutoTheta, which are fitted to all rows before a forecast. With `--series=FILE`,
a table is forecast instead, without a gate.

Usage:
    python benchmarks/forecast_monthly.py [--quick]
        [--series=passengers.csv --timestamp_column=Month]
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from gates import gate

from dlunits.data.series.forecasting_dataset import load_forecasting_dataset
from dlunits.data.tables.table_files import open_table
from dlunits.layers.tabular.conformal_interval import min_examples
from dlunits.tasks.forecasting.train import backtest, select_forecaster
from dlunits.training import RunDirectory

NUM_SERIES, MONTHS, SEASON = 12, 144, 12
RECIPE = {  # defaults of the app
    "normalization": "mean",
    "units": 64,
    "segment_length": 8,
    "dropout": 0.2,
    "epochs": 30,
    "batch_size": 32,
    "learning_rate": 3e-3,
    "patience": 10,
    "coverage": 0.9,
    "seed": 0,
    "verbose": 0,
}


def monthly_series(seed):
    """Values `(144,)` of a generated series."""
    rng = np.random.default_rng(seed)
    drift = rng.uniform(0.0, 1.0)
    level = 100 + np.cumsum(rng.normal(drift, 1.5, MONTHS))
    season = np.tile(rng.normal(size=SEASON), MONTHS // SEASON)
    noise = 3 * rng.normal(size=MONTHS)
    strength = rng.uniform(0.1, 0.3)
    if seed % 2:
        return level * (1 + strength * season) + noise
    return level + 100 * strength * season + noise


def write_series(folder, seed):
    """Writes a generated series as a table."""
    months = np.datetime64("2010-01") + np.arange(MONTHS)
    values = monthly_series(seed)
    lines = [f"{m},{x:.4f}" for m, x in zip(months, values, strict=True)]
    path = pathlib.Path(folder, f"series_{seed}.csv")
    path.write_text("\n".join(["month,value", *lines]) + "\n")
    return path


def run(path, timestamp_column, folder):
    """Dict from forecaster to its test error, and the selected method."""
    dataset = load_forecasting_dataset(
        open_table(path),
        timestamp_column,
        horizon=SEASON,
        min_calibration=min_examples(RECIPE["coverage"]),
    )
    selection = select_forecaster(
        dataset,
        RunDirectory(folder, {}),
        window=dataset.window,
        horizon=SEASON,
        **RECIPE,
    )
    result = backtest(selection.model, dataset, selection.baselines)
    errors = {row["forecast"].split(",")[0]: row["mse"] for row in result.table}
    if selection.model.method in ("theta", "seasonal_naive", "naive"):
        name = selection.model.method.replace("_", " ")
        errors = {**errors, name: result.table[-1]["mse"]}
    return selection.model.method, errors, result.table[-1]["mse"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two series")
    parser.add_argument("--series", help="table to forecast instead")
    parser.add_argument("--timestamp_column", default="month")
    arguments = parser.parse_args()
    number = 2 if arguments.quick else NUM_SERIES
    own, others = [], {}
    with tempfile.TemporaryDirectory() as folder:
        paths = (
            [arguments.series]
            if arguments.series
            else [write_series(folder, seed) for seed in range(number)]
        )
        for index, path in enumerate(paths):
            method, errors, error = run(
                path, arguments.timestamp_column, f"{folder}/run_{index}"
            )
            print(
                f"{pathlib.Path(path).name}, selected {method}: MSE "
                f"{error:.4f}; "
                + ", ".join(f"{name} {x:.4f}" for name, x in errors.items()),
                flush=True,
            )
            own.append(error)
            for name, each in errors.items():
                others.setdefault(name, []).append(each)
    mean = statistics.mean(own)
    print(f"mean of {len(own)}, selected: MSE {mean:.4f}")
    baselines = {
        name: statistics.mean(errors)
        for name, errors in others.items()
        if len(errors) == len(own)
        and name not in ("linear", "combination", "gru")
    }
    for name, error in baselines.items():
        print(f"mean of {len(own)}, {name}: MSE {error:.4f}")
    if arguments.series or arguments.quick:
        return
    best = min(baselines[name] for name in ("seasonal naive", "theta"))
    passed = gate(
        "forecast_monthly (MSE, ratio to seasonal naive and Theta, the better)",
        mean / best,
        "<=",
        1.0,
    )
    sys.exit(not passed)


if __name__ == "__main__":
    main()
