"""Training and selection of forecasters, and backtests with baselines."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from dlunits.data.series.forecasting_dataset import (
    ForecastingDataset,
    calendar_seasons,
    season_candidates,
)
from dlunits.diagnostics.naive_forecasts import best_season, dominant_period
from dlunits.layers.tabular.conformal_interval import conformal_quantile
from dlunits.metrics.forecast_errors import forecast_errors
from dlunits.models import Forecaster
from dlunits.models.sequences.forecaster import (
    BASELINES,
    MAX_LINEAR_INPUTS,
)
from dlunits.tasks.forecasting.statsforecast_baselines import (
    statsforecast_forecasts,
)
from dlunits.training.memory import check_memory, recurrent_weights
from dlunits.training.run_directory import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine
from dlunits.typing import Array

MAX_ORIGINS = 5_000  # for the evaluation on a part of the series
MIN_STEPS = 50  # gradient steps in an epoch; fewer windows are repeated
AUTO = ("linear", "combination", "gru")  # trained by the method `"auto"`
MIN_ERRORS = 3  # for the error of a step of a short series


@dataclasses.dataclass(frozen=True)
class Selection:
    """Selected forecaster, and the forecasters that it was compared with.

    Args:
        model: Calibrated `dlunits.models.Forecaster`.
        history: Dict of metric name to its values, one for each epoch; empty
            if the model has no epochs.
        baselines: Calibrated `Forecaster`s without weights.
        validation: Dict of method to the mean squared error on validation
            windows, in units of the standard deviations of the channels.
        messages: Lines for the user.
    """

    model: Forecaster
    history: dict[str, list[float]]
    baselines: list[Forecaster]
    validation: dict[str, float]
    messages: list[str]


@dataclasses.dataclass(frozen=True)
class Backtest:
    """Errors of forecasts from rolling origins.

    Args:
        errors: Dict of a forecaster's name to what
            `dlunits.metrics.forecast_errors` returns, the model last.
        channel_errors: Dict of a forecaster's name to a dict of `mae` and
            `rmse`, arrays `(targets,)` in the units of the series.
        targets: Names of the targets.
        origins: Integers `(origins,)`, the first time step of each forecast.
        observed: `(origins, horizon, targets)`, the observed values.
        forecast, low, high: Forecasts of the model and the ends of their
            intervals, of the same shape.
        by_series: Rows of a table of mean squared errors by series; empty for
            a single series.
    """

    errors: dict[str, dict[str, Array]]
    channel_errors: dict[str, dict[str, Array]]
    targets: list[str]
    origins: Array
    observed: Array
    forecast: Array
    low: Array
    high: Array
    by_series: list[dict[str, Any]] = dataclasses.field(default_factory=list)

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
        """The table as lines of text, with a single target in its units."""
        lines = []
        for row in self.table:
            line = (
                "{forecast}: MSE {mse:.4f}, MAE {mae:.4f}, interval coverage "
                "{coverage:.1%}, interval width {interval_width:.2f}"
            ).format(**row)
            if len(self.targets) == 1:
                own = self.channel_errors[row["forecast"]]
                line += (
                    f"; in units of {self.targets[0]}: RMSE "
                    f"{own['rmse'][0]:.4g}, MAE {own['mae'][0]:.4g}"
                )
            lines.append(line)
        return [*lines, self.headline]

    @property
    def headline(self) -> str:
        """Comparison of the model with the best baseline."""
        *baselines, own = self.table
        if not baselines:
            return f"{own['forecast']}: MSE {own['mse']:.4f}."
        best = min(baselines, key=lambda row: row["mse"])
        ratio = own["mse"] / best["mse"] if best["mse"] else np.inf
        change = f"{abs(1 - ratio):.0%} {'below' if ratio < 1 else 'above'}"
        return (
            f"MSE of {own['forecast']} {own['mse']:.4f}, {change} that of the "
            f"best baseline, {best['forecast']}, {best['mse']:.4f}."
        )

    @property
    def units_table(self) -> list[dict[str, Any]]:
        """Errors of each target in its units, one row for each forecaster."""
        return [
            {
                "column": target,
                "forecast": name,
                "MAE": float(errors["mae"][index]),
                "RMSE": float(errors["rmse"][index]),
            }
            for index, target in enumerate(self.targets)
            for name, errors in self.channel_errors.items()
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


def check_minimum(dataset: ForecastingDataset, minimum: float | None) -> None:
    """Checks that no value of a target is below the minimum of forecasts.

    Args:
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`.
        minimum: Number, or `None`, which passes.

    Raises:
        ValueError: If a value is below it.
    """
    if minimum is None:
        return
    if dataset.members and minimum != 0:
        raise ValueError(
            "--minimum must be 0 with --series_column, since each series is "
            f"divided by its own standard deviation. Received: {minimum:g}"
        )
    lowest = np.nanmin(dataset.series.values[:, dataset.targets], axis=0)
    target = int(np.argmin(lowest))
    if lowest[target] < minimum:
        raise ValueError(
            f"--minimum={minimum:g} must be at most every value that is "
            f"forecast. Received: {lowest[target]:g} in column "
            f"{dataset.target_names[target]!r}"
        )


def select_forecaster(
    dataset: ForecastingDataset,
    run_directory: RunDirectory,
    *,
    method: str = "auto",
    season: int | None = None,
    **recipe: Any,
) -> Selection:
    """Trains a forecaster, or trains several and selects the best one.

    `"auto"` trains the linear network, its combination with Theta, and a GRU,
    and selects the method with the lowest mean squared error on validation
    windows, which may be a baseline. The combination is selected instead if
    `prefers_combination` returns true: on few windows the lowest error is a
    matter of chance, and an average of forecasts has less variance.

    References: Bates and Granger, 1969, "The combination of forecasts",
    https://doi.org/10.1057/jors.1969.103; Hastie et al., 2009, "The elements of
    statistical learning", section 7.10, on the one-standard-error rule.

    Args:
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`
            with windows.
        run_directory: `dlunits.training.RunDirectory`.
        method: `"auto"`, or a method of `dlunits.models.Forecaster`.
        season: Season of the baselines in steps. Default: `find_season`.
        **recipe: Arguments of `train_forecaster`.

    Returns:
        `Selection`.

    Raises:
        ValueError, OSError: As `train_forecaster`.
    """
    season = season or find_season(dataset)
    wide = linear_inputs(dataset, recipe) > MAX_LINEAR_INPUTS
    methods = [method]
    if method == "auto":
        methods = [name for name in AUTO if name == "gru" or not wide]
    names = [*methods, *(name for name in BASELINES if name not in methods)]
    if season == 1 and method != "seasonal_naive":
        names.remove("seasonal_naive")  # the naive forecast
    models, histories = {}, {}
    for name in names:
        models[name], histories[name] = train_forecaster(
            dataset, run_directory, method=name, season=season, **recipe
        )
    origins = subsample_origins(dataset.origins.validation)
    errors = {
        name: window_errors(model, dataset, origins)
        for name, model in models.items()
    }
    validation = {name: float(each.mean()) for name, each in errors.items()}
    selected = best = min(validation, key=validation.__getitem__)
    if method != "auto":
        selected = method
    elif "combination" in errors and prefers_combination(
        errors["combination"], errors[best], dataset.horizon
    ):
        selected = "combination"
    return Selection(
        models[selected],
        histories[selected],
        [models[name] for name in BASELINES if name in models],
        validation,
        selection_messages(selected, best, validation, method, len(origins)),
    )


def prefers_combination(combination: Array, best: Array, horizon: int) -> bool:
    """Whether an error is within one standard error of the lowest error.

    Overlapping windows are not independent: the number of independent ones is
    the number that fit without overlap. With fewer than two there is no
    standard error, and up to twice the lowest error is accepted.

    Args:
        combination, best: Errors of both at the same origins `(origins,)`.
        horizon: Positive integer, time steps.

    Example:

    >>> prefers_combination(np.array([1.0, 3.0]), np.array([1.5, 2.0]), 1)
    True
    >>> prefers_combination(np.full(99, 2.0), np.full(99, 1.9), 4)
    False
    """
    difference = combination - best
    independent = len(difference) / horizon
    if independent < 2:
        return bool(combination.mean() <= 2 * best.mean())
    return bool(difference.mean() <= difference.std() / np.sqrt(independent))


def selection_messages(
    selected: str,
    best: str,
    validation: dict[str, float],
    method: str,
    windows: int,
) -> list[str]:
    """Lines about the methods on validation windows."""
    ranked = sorted(validation, key=validation.__getitem__)
    messages = [
        f"Mean squared error on {windows:,} validation windows: "
        + ", ".join(f"{name} {validation[name]:.4f}" for name in ranked)
        + "."
    ]
    if method == "auto":
        reason = (
            ""
            if selected == best
            else f", since the windows are too few to prefer {best}"
        )
        messages.append(f"Selected: {selected}{reason}.")
    if best in BASELINES and selected != best:
        messages.append(
            f"The baseline {best} has a lower error than {selected}: "
            f"--method={best} exports it."
        )
    elif selected in BASELINES and method == "auto":
        messages.append(
            f"No network is better than the baseline {selected}, which is "
            "exported."
        )
    return messages


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

    A linear network of up to 4,096 inputs is fitted in closed form, with the
    penalty of the lowest validation error. Other networks are trained by
    gradient descent, and keep the weights of the epoch with the lowest
    validation loss. An epoch has at least 50 steps, in which a short series is
    repeated. Baselines have no weights. The prediction intervals are
    calibrated on the part after the validation part. The result is
    reproducible for a seed.

    Args:
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`.
        run_directory: `dlunits.training.RunDirectory`.
        window, horizon: Integers, those of the dataset.
        epochs: Integer.
        batch_size: Integer, windows of a mini-batch.
        learning_rate: Peak learning rate of Adam.
        patience: Integer, epochs without a lower validation loss after which
            training stops.
        seed: Integer.
        verbose: As in `keras.Model.fit`.
        **options: Further arguments of `dlunits.models.Forecaster`.

    Returns:
        `(model, history)`, the latter a dict of metric name to its values, one
        for each epoch; empty without epochs.

    Raises:
        ValueError: If the network does not fit in the memory, or the loss is
            not finite.
        OSError: If a file cannot be written.
    """
    method = options.get("method", "linear")
    if method in ("gru", "lstm"):
        check_memory(recurrent_weights(method, options.get("units", 64)))
    keras.utils.set_random_seed(seed)
    windows, origins = dataset.windows, dataset.origins
    model = Forecaster(
        window,
        horizon,
        len(dataset.channels),
        dataset.targets,
        # The effect of a known column is the same in all windows.
        scale=not dataset.known_future,
        **options,
    )
    model.adapt(dataset.training_values)
    validation_batches = windows.batches(subsample_origins(origins.validation))
    linear = method in ("linear", "combination")
    history: dict[str, list[float]] = {}
    if linear and linear_inputs(dataset, options) <= MAX_LINEAR_INPUTS:
        model.fit_linear(windows.batches(origins.train), validation_batches)
    elif method not in BASELINES:
        batch_size = min(batch_size, len(origins.train))
        steps = max(len(origins.train) // batch_size, MIN_STEPS)
        schedule = warmup_cosine(
            learning_rate, steps=epochs * steps, warmup_steps=steps
        )
        model.compile(keras.optimizers.Adam(schedule), "mse")
        history = run_directory.fit(
            model,
            lambda first_step, last_step: windows.training_batches(
                origins.train,
                batch_size=batch_size,
                seed=seed,
                first_step=first_step,
                last_step=last_step,
            ),
            epochs=epochs,
            steps_per_epoch=steps,
            validation_batches=validation_batches,
            patience=patience,
            verbose=verbose,
        )
    model.calibrate(*windows.arrays(subsample_origins(origins.calibration)))
    return model, history


def linear_inputs(dataset: ForecastingDataset, options: dict[str, Any]) -> int:
    """Number of inputs of a linear network."""
    mixed = options.get("channel_mixing", False)
    return dataset.windows.window * (len(dataset.channels) if mixed else 1)


def window_errors(
    model: Forecaster, dataset: ForecastingDataset, origins: Array
) -> Array:
    """Mean squared error of the forecast from each origin `(origins,)`.

    In units of the standard deviations of the channels.
    """
    past, future = dataset.windows.arrays(origins)
    forecast = model.forecast(past)
    return np.mean(((forecast - future) / dataset.scale) ** 2, axis=(1, 2))


def short_series_forecaster(
    dataset: ForecastingDataset,
    *,
    method: str = "auto",
    season: int | None = None,
    coverage: float = 0.9,
    minimum: float | None = None,
) -> Selection:
    """Chooses a baseline for a series that is too short to train on.

    The candidates are the naive and the seasonal naive forecast and Theta.
    Their seasons must fit one and a half times, or for Theta three times, in
    the rows after the last gap. The candidate with the lowest mean squared
    error is selected, over the forecasts from all rows with enough rows before
    them; horizons end at the end of the series.

    The intervals assume normally distributed errors, whose standard deviation
    is that of these forecasts at each step of the horizon. At steps that no
    forecast reaches it grows with the square root of the step.

    Reference: Hyndman and Athanasopoulos, 2021, "Forecasting: principles and
    practice", section 5.5, https://otexts.com/fpp3/prediction-intervals.html.

    Args:
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`
            without windows.
        method: `"auto"`, or one of the baselines.
        season: Integer, time steps. `None` compares those of the calendar and
            the dominant period.
        coverage: Number in (0, 1), of the intervals.
        minimum: See `dlunits.models.Forecaster`.

    Returns:
        `Selection` without baselines and history.

    Raises:
        ValueError: If the method is a network, or the season is longer than
            the series.
    """
    if method not in ("auto", *BASELINES):
        raise ValueError(
            f"There are too few rows to train --method={method} on. "
            f"{dataset.shortage}; or set --method=auto, which uses a baseline"
        )
    parts = last_segments(dataset)
    rows = round(np.median([len(part) for part in parts]))
    known = np.concatenate(parts)
    known = known[~np.isnan(known).any(axis=1)]
    if season is None:
        period = dominant_period(known[:, dataset.targets], rows // 3)
        seasons = calendar_seasons(dataset.axis, dataset.series.step)
        seasons = sorted({*seasons, *([period] if period else [])})
        seasons = [each for each in seasons if 1.5 * each <= rows]
    elif season >= rows:
        raise ValueError(
            f"--season={season} must be less than the number of rows after "
            f"the last gap, {rows}"
        )
    else:
        seasons = [season] if season > 1 else []
    candidates = [("naive", 1, 2), ("theta", 1, max(2, rows // 2))]
    candidates += [("seasonal_naive", each, max(2, each)) for each in seasons]
    candidates += [
        ("theta", each, 2 * each) for each in seasons if 3 * each <= rows
    ]
    if method != "auto":
        candidates = [each for each in candidates if each[0] == method]
    candidates = candidates or [("naive", 1, 2)]
    earliest = min(max(window for *_, window in candidates), rows - 1)
    errors = {}
    for name, each, window in candidates:
        model = Forecaster(
            window,
            dataset.horizon,
            len(dataset.channels),
            dataset.targets,
            method=name,
            season=each,
            coverage=coverage,
            minimum=minimum,
        )
        model.adapt(dataset.training_values)
        residuals = [
            forecast_residuals(model, part)
            for part in parts
            if len(part) > earliest
        ]
        common = np.concatenate(
            [each[earliest - window :] for each in residuals]
        )
        error = float(np.nanmean((common / dataset.scale) ** 2))
        errors[model] = error, np.concatenate(residuals)
    model = min(errors, key=lambda each: errors[each][0])
    deviations = step_deviations(errors[model][1])
    quantile = statistics.NormalDist().inv_cdf((1 + coverage) / 2)
    model.interval.half_width.assign(quantile * deviations)
    return Selection(
        model,
        {},
        [],
        {},
        [
            f"Too few rows to train on: {dataset.shortage}.",
            f"The forecast is that of a baseline, {label(model)}, from the "
            f"last {model.window} rows. Its intervals assume normally "
            "distributed errors and are not calibrated.",
        ],
    )


def last_segments(dataset: ForecastingDataset) -> list[Array]:
    """Values after the last gap `(rows, channels)`, of each series."""
    bounds = dataset.series.segment_bounds
    ends = [member.last for member in dataset.members] or [bounds[-1]]
    return [
        dataset.series.values[bounds[bounds < end][-1] : end].astype("float32")
        for end in ends
    ]


def forecast_residuals(model: Forecaster, values: Array) -> Array:
    """Errors of the forecasts from all rows with a window before them.

    Args:
        model: `dlunits.models.Forecaster`.
        values: Array `(rows, channels)`.

    Returns:
        Array `(rows - window, horizon, targets)`, NaN where an observed value
        is missing or after the end.
    """
    origins = np.arange(model.window, len(values))
    past = values[origins[:, None] + np.arange(-model.window, 0)]
    padding = np.full((model.horizon, values.shape[1]), np.nan, "float32")
    padded = np.concatenate([values, padding])
    future = padded[origins[:, None] + np.arange(model.horizon)]
    return future[:, :, model.targets] - model.forecast(past)


def step_deviations(residuals: Array) -> Array:
    """Standard deviations of errors `(horizon, targets)`, never decreasing.

    >>> step_deviations(np.array([[[1.0], [np.nan]]] * 3)).round(3).tolist()
    [[1.0], [1.414]]
    """
    counts = np.sum(~np.isnan(residuals), axis=0)
    measured = counts >= min(MIN_ERRORS, counts.max())
    sums = np.nansum(residuals**2, axis=0)
    deviations = np.sqrt(sums / np.maximum(counts, 1))
    steps = np.arange(1, len(deviations) + 1)[:, None]
    last = np.max(np.where(measured, steps, 0), axis=0)
    at_last = deviations[last - 1, np.arange(deviations.shape[1])]
    grown = at_last * np.sqrt(steps / last)
    deviations = np.where(measured, deviations, grown)
    return np.maximum.accumulate(deviations, axis=0)


def subsample_origins(origins: Array) -> Array:
    """At most 5,000 evenly spaced origins, first and last included."""
    if len(origins) <= MAX_ORIGINS:
        return origins
    indices = np.linspace(0, len(origins) - 1, MAX_ORIGINS).round().astype(int)
    return origins[indices]


def backtest(
    model: Forecaster,
    dataset: ForecastingDataset,
    baselines: Sequence[Forecaster] = (),
) -> Backtest:
    """Measures the errors of forecasts from every origin of the test part.

    AutoETS and AutoTheta are further baselines of short series if
    statsforecast is installed.

    Args:
        model: Calibrated `dlunits.models.Forecaster`.
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`
            with windows.
        baselines: Further calibrated forecasters. One with the method of the
            model is left out.

    Returns:
        `Backtest`.
    """
    origins = subsample_origins(dataset.origins.test)
    x, y = dataset.windows.arrays(origins)
    forecasts: dict[str, tuple[Array, Array, Array]] = {}
    for each in baselines:
        if each.method != model.method:
            forecasts[label(each)] = interval_forecast(each, x)
    forecasts |= statsforecast_intervals(
        dataset,
        origins,
        max(each.season for each in (*baselines, model)),
        model.coverage,
    )
    forecasts[label(model)] = interval_forecast(model, x)
    errors, channel_errors = {}, {}
    for name, (forecast, low, high) in forecasts.items():
        errors[name] = forecast_errors(y, forecast, dataset.scale, low, high)
        residuals = (y - forecast) * dataset.units(origins)
        channel_errors[name] = {
            "mae": np.mean(np.abs(residuals), axis=(0, 1)),
            "rmse": np.sqrt(np.mean(residuals**2, axis=(0, 1))),
        }
    unit = dataset.units(origins)
    return Backtest(
        errors,
        channel_errors,
        dataset.target_names,
        origins,
        y * unit,
        forecast * unit,
        low * unit,
        high * unit,
        by_series=series_errors(dataset, origins, y, forecasts),
    )


def series_errors(
    dataset: ForecastingDataset,
    origins: Array,
    observed: Array,
    forecasts: dict[str, tuple[Array, Array, Array]],
) -> list[dict[str, Any]]:
    """Mean squared error of each series of a panel, by forecaster.

    In units of the standard deviations of the series.
    """
    if not dataset.members:
        return []
    index = dataset.member_index(origins)
    rows = []
    for number in np.unique(index).tolist():
        own = index == number
        row: dict[str, Any] = {"series": dataset.members[number].name}
        for name, (forecast, *_) in forecasts.items():
            residuals = observed[own] - forecast[own]
            row[name] = float(np.mean((residuals / dataset.scale) ** 2))
        rows.append(row)
    return rows


def interval_forecast(
    model: Forecaster, windows: Array
) -> tuple[Array, Array, Array]:
    """Forecasts, and the lower and upper ends of their intervals."""
    forecast = model.forecast(windows)
    interval = keras.ops.convert_to_numpy(model.prediction_intervals(forecast))
    return forecast, interval[..., 0], interval[..., 1]


def statsforecast_intervals(
    dataset: ForecastingDataset, origins: Array, season: int, coverage: float
) -> dict[str, tuple[Array, Array, Array]]:
    """`statsforecast_forecasts`, with intervals calibrated like the model's."""
    calibration = dataset.origins.calibration
    both = statsforecast_forecasts(
        dataset, np.concatenate([calibration, origins]), season
    )
    forecasts = {}
    for name, forecast in both.items():
        errors = dataset.windows.arrays(calibration)[1]
        errors = errors - forecast[: len(calibration)]
        width = conformal_quantile(errors, coverage)
        center = forecast[len(calibration) :]
        forecasts[name] = center, center - width, center + width
    return forecasts


def label(model: Forecaster) -> str:
    """Name of a forecaster in a table."""
    if model.method == "seasonal_naive":
        return f"seasonal naive, {model.season} steps"
    return model.method


def find_season(dataset: ForecastingDataset) -> int:
    """Season, in steps, of the best seasonal naive forecast in training.

    The candidates are the lag with the highest autocorrelation and, if
    timestamps are dates, a day, a week, a month, a quarter and a year.
    """
    values = dataset.training_values[:, dataset.targets]
    values = values[~np.isnan(values).any(axis=1)]
    lag = dominant_period(values, dataset.window)
    candidates = sorted({*season_candidates(dataset), *([lag] if lag else [])})
    past, future = dataset.windows.arrays(
        subsample_origins(dataset.origins.train)
    )
    return best_season(past[:, :, dataset.targets], future, candidates)
