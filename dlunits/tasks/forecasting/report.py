"""HTML report of a forecaster: forecast, backtest and training."""

import pathlib
from typing import Any

import numpy as np

from dlunits.data.series.forecasting_dataset import ForecastingDataset
from dlunits.models import Forecaster
from dlunits.reporting import figures
from dlunits.reporting.html_report import Section, write_report
from dlunits.tasks.forecasting.figures import (
    error_by_step,
    forecast_ahead,
    forecast_examples,
)
from dlunits.tasks.forecasting.train import Backtest
from dlunits.typing import Path

NUM_EXAMPLES = 3


def write_forecast_report(
    path: Path,
    *,
    model: Forecaster,
    history: dict[str, list[float]],
    dataset: ForecastingDataset,
    backtest: Backtest,
    forecast: dict[str, list],
    source: str,
    command: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the report of a forecaster.

    It shows the forecast, the backtest with the naive forecasts as baselines,
    some forecasts of the backtest, and the training curves.

    Args:
        path: HTML file to write, in an existing folder.
        model: `dlunits.models.Forecaster`.
        history: Dict of metric name to its values, one for each epoch.
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`.
        backtest: `dlunits.tasks.forecasting.train.Backtest`.
        forecast: Forecast from the end of the series, as
            `dlunits.tasks.forecasting.serve.forecast_table` returns it.
        source: Text, the data.
        command: Text, the command line of the run.
        seconds: Number, duration of the run.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    names, targets = dataset.target_names, dataset.targets
    indices = np.linspace(0, len(backtest.origins) - 1, NUM_EXAMPLES + 1)
    indices = np.unique(indices.round().astype(int))[:NUM_EXAMPLES]
    past, _ = dataset.windows.arrays(backtest.origins[indices])
    examples = forecast_examples(
        past[:, :, targets],
        backtest.observed[indices],
        backtest.forecast[indices],
        backtest.low[indices],
        backtest.high[indices],
        names,
    )
    series, axis = dataset.series, dataset.axis
    last = slice(-3 * model.horizon, None)
    ahead = series.times[-1] + series.step * np.arange(1, model.horizon + 1)
    forecast_figure = forecast_ahead(
        axis.to_seconds(series.times[last]),
        series.values[last][:, targets],
        axis.to_seconds(ahead),
        forecast,
        names,
        axis.dates,
    )
    errors = backtest.model_errors
    naive = next(iter(backtest.errors.values()))
    summary: dict[str, Any] = {
        "Mean squared error": f"{errors['mse'].mean():.4g}",
        "Mean squared error, naive forecast": f"{naive['mse'].mean():.4g}",
        "Interval coverage": f"{errors['coverage'].mean():.1%}",
        "Nominal coverage": f"{model.coverage:.1%}",
        "Network": model.network,
        "Window": model.window,
        "Horizon": model.horizon,
        "Parameters": sum(
            int(np.prod(w.shape)) for w in model.trainable_weights
        ),
    }
    return write_report(
        path,
        title=f"Forecast of {', '.join(names[:4])}"
        + (" and others" if len(names) > 4 else ""),
        summary=summary,
        sections=[
            Section(
                "Forecast",
                text="\n\n".join(dataset.messages),
                figures=[
                    (
                        forecast_figure,
                        "The last rows and the forecast with its intervals.",
                    )
                ],
            ),
            Section(
                "Backtest",
                f"Forecasts from {len(backtest.origins):,} rolling origins in "
                "the last 20 % of the series, which is not used for training. "
                "Errors and interval widths are in standard deviations of each "
                "channel in the training rows. The intervals of the naive "
                "forecasts are calibrated in the same way as those of the "
                "model.",
                table=backtest.table,
                figures=[
                    (
                        error_by_step(backtest.errors, model.coverage),
                        "Error and interval coverage by step of the horizon.",
                    ),
                    (examples, "Example forecasts and the observed values."),
                ],
            ),
            Section("Errors by step of the horizon", table=backtest.by_step),
            Section(
                "Training",
                figures=[
                    (
                        figures.training_curves(history),
                        "Training and validation loss by epoch.",
                    )
                ],
            ),
        ],
        command=command,
        dataset=source,
        seconds=seconds,
    )
