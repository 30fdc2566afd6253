"""From a series to a forecaster, and to what it is worth beside naive ones."""

import dataclasses

import keras
import numpy as np

from dlunits.data.series.forecasting_dataset import season_candidates
from dlunits.diagnostics.naive_forecasts import (
    best_season,
    dominant_period,
    naive_forecast,
    seasonal_naive_forecast,
)
from dlunits.layers.tabular.conformal_interval import conformal_quantile
from dlunits.metrics.forecast_errors import forecast_errors
from dlunits.models import Forecaster
from dlunits.training.warmup_cosine import warmup_cosine

MOST_ORIGINS = 5_000  # that are judged, evenly spread over a part


@dataclasses.dataclass(frozen=True)
class Backtest:
    """What forecasts from rolling origins were worth.

    Args:
        quality: Dict of a forecaster's name to what
            `dlunits.metrics.forecast_errors` returns.
        origins: Integers, the first slots that were forecast.
        futures: `(origins, horizon, targets)`, what came.
        forecast, low, high: The model's, of the same shape.
        season: Integer, steps.
    """

    quality: dict
    origins: np.ndarray
    futures: np.ndarray
    forecast: np.ndarray
    low: np.ndarray
    high: np.ndarray
    season: int

    @property
    def table(self):
        """A row for each forecaster, means over the horizon."""
        return [
            {
                "forecast": name,
                **{key: float(steps.mean()) for key, steps in by_step.items()},
            }
            for name, by_step in self.quality.items()
        ]

    @property
    def lines(self):
        """The table as lines of text."""
        return [
            "{forecast}: MSE {mse:.4f}, MAE {mae:.4f}, {coverage:.1%} inside "
            "intervals {width:.2f} wide".format(**row)
            for row in self.table
        ]

    @property
    def by_step(self):
        """A row for some steps of the horizon, the first and the last too."""
        horizon = self.futures.shape[1]
        steps = np.unique(np.linspace(0, horizon - 1, 8).round().astype(int))
        return [
            {"step": int(step) + 1}
            | {
                f"{name}, {key}": float(by_step[key][step])
                for key in ("mse", "mae")
                for name, by_step in self.quality.items()
            }
            | {"coverage": float(self.model_quality["coverage"][step])}
            for step in steps
        ]

    @property
    def model_quality(self):
        return list(self.quality.values())[-1]


def train_forecaster(
    task,
    run_directory,
    *,
    window,
    horizon,
    epochs,
    batch_size,
    learning_rate,
    patience,
    seed,
    verbose="auto",
    **options,
):
    """Trains on the first half of a series, and makes intervals.

    The epoch is kept that is best on the windows after it, and the intervals
    are made of the errors on those after that. One seed gives one result.

    Args:
        task: `dlunits.data.series.forecasting_dataset.ForecastingDataset`.
        run_directory: `dlunits.training.RunDirectory`.
        window, horizon: Integers, those of the task.
        epochs, batch_size, learning_rate, patience, seed: Of the training.
        verbose: As in `keras.Model.fit`.
        **options: Of `dlunits.models.Forecaster`.

    Returns:
        `(model, history)`.

    Raises:
        ValueError: If the loss stops being finite.
    """
    keras.utils.set_random_seed(seed)
    windows, origins = task.windows, task.origins
    model = Forecaster(
        window, horizon, len(task.channels), task.targets, **options
    )
    model.adapt(task.training_values)
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
        validation_batches=windows.batches(some(origins.validation)),
        patience=patience,
        verbose=verbose,
    )
    model.calibrate(*windows.arrays(some(origins.calibration)))
    return model, history


def some(origins):
    """At most so many of them, from the first to the last."""
    if len(origins) <= MOST_ORIGINS:
        return origins
    places = np.linspace(0, len(origins) - 1, MOST_ORIGINS).round().astype(int)
    return origins[places]


def backtest(model, task, season=None):
    """Forecasts from every origin of the last part, as if it were today.

    The naive forecasts get intervals in the same way as the model's, of their
    own errors on the same windows.

    Args:
        model: Calibrated `dlunits.models.Forecaster`.
        task: `dlunits.data.series.forecasting_dataset.ForecastingDataset`.
        season: Integer, steps of the seasonal naive forecast; `None` takes
            the best on training windows among a day, a week and a year, where
            times are dates, and the lag at which the series is most like
            itself.

    Returns:
        `Backtest`.
    """
    windows, targets = task.windows, task.targets
    known, then = windows.arrays(some(task.origins.calibration))
    x, y = windows.arrays(some(task.origins.test))
    season = season or find_season(task)

    def baselines(read):
        read, horizon = read[:, :, targets], windows.horizon
        return {
            "naive": naive_forecast(read, horizon),
            f"seasonal naive, {season} steps": seasonal_naive_forecast(
                read, horizon, season
            ),
        }

    quality, of_known = {}, baselines(known)
    for name, forecast in baselines(x).items():
        half = conformal_quantile(then - of_known[name], model.coverage)
        quality[name] = forecast_errors(
            y, forecast, task.scale, forecast - half, forecast + half
        )
    forecast = model.predict(x, batch_size=1024, verbose=0)
    interval = keras.ops.convert_to_numpy(model.prediction_intervals(forecast))
    low, high = interval[..., 0], interval[..., 1]
    quality[model.network] = forecast_errors(y, forecast, task.scale, low, high)
    return Backtest(
        quality, some(task.origins.test), y, forecast, low, high, season
    )


def find_season(task):
    window = task.windows.window
    known = task.training_values[:, task.targets]
    known = known[~np.isnan(known).any(axis=1)]
    lag = dominant_period(known, window)
    tried = sorted({*season_candidates(task), *([lag] if lag else [])})
    read, come = task.windows.arrays(some(task.origins.train))
    return best_season(read[:, :, task.targets], come, tried)
