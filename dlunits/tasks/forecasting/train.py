"""Training of forecasters, and backtests with naive baselines."""

import dataclasses
from typing import Any

import keras
import numpy as np

from dlunits.data.series.forecasting_dataset import (
    ForecastingDataset,
    season_candidates,
)
from dlunits.diagnostics.naive_forecasts import (
    best_season,
    dominant_period,
    naive_forecast,
    seasonal_naive_forecast,
)
from dlunits.layers.tabular.conformal_interval import conformal_quantile
from dlunits.metrics.forecast_errors import forecast_errors
from dlunits.models import Forecaster
from dlunits.training.memory import check_memory, recurrent_weights
from dlunits.training.run_directory import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine
from dlunits.typing import Array

MAX_ORIGINS = 5_000  # that a part of the series is evaluated on


@dataclasses.dataclass(frozen=True)
class Backtest:
    """Errors of forecasts from rolling origins.

    Args:
        errors: Dict of a forecaster's name to what
            `dlunits.metrics.forecast_errors` returns, the model last.
        origins: Integers `(origins,)`, the first time step of each forecast.
        observed: `(origins, horizon, targets)`, the observed values.
        forecast, low, high: Forecasts of the model and the ends of their
            intervals, of the same shape.
        season: Integer, steps of the seasonal naive forecast.
    """

    errors: dict[str, dict[str, Array]]
    origins: Array
    observed: Array
    forecast: Array
    low: Array
    high: Array
    season: int

    @property
    def table(self) -> list[dict[str, Any]]:
        """One row for each forecaster, means over the horizon."""
        return [
            {
                "forecast": name,
                **{key: float(steps.mean()) for key, steps in by_step.items()},
            }
            for name, by_step in self.errors.items()
        ]

    @property
    def messages(self) -> list[str]:
        """The table as lines of text."""
        return [
            "{forecast}: MSE {mse:.4f}, MAE {mae:.4f}, interval coverage "
            "{coverage:.1%}, interval width {interval_width:.2f}".format(**row)
            for row in self.table
        ]

    @property
    def by_step(self) -> list[dict[str, Any]]:
        """Rows for up to eight evenly spaced steps of the horizon."""
        horizon = self.observed.shape[1]
        steps = np.unique(np.linspace(0, horizon - 1, 8).round().astype(int))
        return [
            {"step": int(step) + 1}
            | {
                f"{name}, {key}": float(by_step[key][step])
                for key in ("mse", "mae")
                for name, by_step in self.errors.items()
            }
            | {"coverage": float(self.model_errors["coverage"][step])}
            for step in steps
        ]

    @property
    def model_errors(self) -> dict[str, Array]:
        """Errors of the model."""
        return list(self.errors.values())[-1]


def train_forecaster(
    dataset: ForecastingDataset,
    run_directory: RunDirectory,
    *,
    window: int,
    horizon: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    verbose: str | int = "auto",
    **options: Any,
) -> tuple[Forecaster, dict[str, list[float]]]:
    """Trains a forecaster on the training part and calibrates its intervals.

    The model has the weights of the epoch with the lowest validation loss.
    Its prediction intervals are calibrated on the part after the validation
    part. The result is reproducible for a seed.

    Args:
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`.
        run_directory: `dlunits.training.RunDirectory`.
        window, horizon: Integers, those of the dataset.
        epochs: Integer.
        batch_size: Integer, windows of a mini-batch.
        learning_rate: Maximum learning rate of Adam.
        patience: Integer, epochs without a better validation loss after which
            training stops.
        seed: Integer.
        verbose: As in `keras.Model.fit`.
        **options: Further arguments of `dlunits.models.Forecaster`.

    Returns:
        `(model, history)`, the latter a dict of metric name to its values, one
        for each epoch.

    Raises:
        ValueError: If the network does not fit in the memory, or the loss is
            not finite.
        OSError: If a file cannot be written.
    """
    network = options.get("network", "linear")
    if network != "linear":
        check_memory(recurrent_weights(network, options.get("units", 64)))
    keras.utils.set_random_seed(seed)
    windows, origins = dataset.windows, dataset.origins
    model = Forecaster(
        window, horizon, len(dataset.channels), dataset.targets, **options
    )
    model.adapt(dataset.training_values)
    batch_size = min(batch_size, len(origins.train))
    steps = len(origins.train) // batch_size
    schedule = warmup_cosine(
        learning_rate, steps=epochs * steps, warmup_steps=steps
    )
    model.compile(keras.optimizers.Adam(schedule), "mse")

    def training(first_step, last_step):
        return windows.training_batches(
            origins.train,
            batch_size=batch_size,
            seed=seed,
            first_step=first_step,
            last_step=last_step,
        )

    history = run_directory.fit(
        model,
        training,
        epochs=epochs,
        steps_per_epoch=steps,
        validation_batches=windows.batches(
            subsample_origins(origins.validation)
        ),
        patience=patience,
        verbose=verbose,
    )
    model.calibrate(*windows.arrays(subsample_origins(origins.calibration)))
    return model, history


def subsample_origins(origins: Array) -> Array:
    """At most 5,000 evenly spaced origins, first and last included."""
    if len(origins) <= MAX_ORIGINS:
        return origins
    indices = np.linspace(0, len(origins) - 1, MAX_ORIGINS).round().astype(int)
    return origins[indices]


def backtest(
    model: Forecaster,
    dataset: ForecastingDataset,
    season: int | None = None,
) -> Backtest:
    """Forecasts from every origin of the test part, and measures the errors.

    The intervals of the naive forecasts are calibrated as those of the model,
    on the errors of the naive forecasts on the same windows.

    Args:
        model: Calibrated `dlunits.models.Forecaster`.
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`.
        season: Integer, steps of the seasonal naive forecast. `None` selects
            the best one on training windows: the lag of the highest
            autocorrelation, or, if timestamps are dates, a day, a week or a
            year.

    Returns:
        `Backtest`.
    """
    windows, targets = dataset.windows, dataset.targets
    calibration_x, calibration_y = windows.arrays(
        subsample_origins(dataset.origins.calibration)
    )
    origins = subsample_origins(dataset.origins.test)
    x, y = windows.arrays(origins)
    season = season or find_season(dataset)

    def naive_forecasts(past):
        past, horizon = past[:, :, targets], windows.horizon
        return {
            "naive": naive_forecast(past, horizon),
            f"seasonal naive, {season} steps": seasonal_naive_forecast(
                past, horizon, season
            ),
        }

    errors, calibration_forecasts = {}, naive_forecasts(calibration_x)
    for name, forecast in naive_forecasts(x).items():
        half_width = conformal_quantile(
            calibration_y - calibration_forecasts[name], model.coverage
        )
        errors[name] = forecast_errors(
            y,
            forecast,
            dataset.scale,
            forecast - half_width,
            forecast + half_width,
        )
    forecast = model.predict(x, batch_size=1024, verbose=0)
    interval = keras.ops.convert_to_numpy(model.prediction_intervals(forecast))
    low, high = interval[..., 0], interval[..., 1]
    errors[model.network] = forecast_errors(
        y, forecast, dataset.scale, low, high
    )
    return Backtest(errors, origins, y, forecast, low, high, season)


def find_season(dataset: ForecastingDataset) -> int:
    """Steps of the best seasonal naive forecast on training windows."""
    window = dataset.windows.window
    values = dataset.training_values[:, dataset.targets]
    values = values[~np.isnan(values).any(axis=1)]
    lag = dominant_period(values, window)
    candidates = sorted({*season_candidates(dataset), *([lag] if lag else [])})
    past, future = dataset.windows.arrays(
        subsample_origins(dataset.origins.train)
    )
    return best_season(past[:, :, dataset.targets], future, candidates)
