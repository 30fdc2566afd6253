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
from dlunits.tasks.forecasting.train import Backtest, Selection, label
from dlunits.typing import Path

NUM_EXAMPLES = 3
MAX_SERIES = 100  # rows of a table


def write_forecast_report(
    path: Path,
    *,
    selection: Selection,
    dataset: ForecastingDataset,
    backtest: Backtest | None,
    forecast: dict[str, list] | None,
    source: str,
    command: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the report of a forecaster.

    It shows the forecast, the backtest with baselines, some forecasts of the
    backtest, the selection of the method, and the training curves.

    Args:
        path: HTML file to write, in an existing folder.
        selection: `dlunits.tasks.forecasting.train.Selection`.
        dataset: `dlunits.data.series.forecasting_dataset.ForecastingDataset`.
        backtest: `dlunits.tasks.forecasting.train.Backtest`, or `None` for a
            series that is too short for one.
        forecast: Forecast from the end of the series, as
            `dlunits.tasks.forecasting.serve.forecast_table` returns it, or
            `None`.
        source: Description of the data.
        command: Command line of the run.
        seconds: Duration of the run in seconds.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    names, targets = dataset.target_names, dataset.targets
    model = selection.model
    series, axis = dataset.series, dataset.axis
    forecast_figures = []
    if forecast is not None:
        last = slice(-3 * model.horizon, None)
        first_series, times, values = dataset.unscaled()[0]
        ahead = times[-1] + series.step * np.arange(1, model.horizon + 1)
        figure = forecast_ahead(
            axis.to_seconds(times[last]),
            values[last][:, targets],
            axis.to_seconds(ahead),
            {
                name: column[: model.horizon]
                for name, column in forecast.items()
            },
            names,
            axis.dates,
        )
        caption = "The last rows and the forecast with its intervals"
        caption += f", of series {first_series}." if first_series else "."
        forecast_figures.append((figure, caption))
    summary: dict[str, Any] = {}
    sections = [
        Section(
            "Forecast",
            text="\n\n".join([*dataset.messages, *selection.messages]),
            figures=forecast_figures,
        )
    ]
    if backtest is not None:
        summary |= {
            "Mean squared error, scaled": f"{backtest.table[-1]['mse']:.4g}",
            "Against the best baseline": backtest.headline,
            "Interval coverage": f"{backtest.table[-1]['coverage']:.1%}",
        }
        sections += backtest_sections(model, dataset, backtest)
    if selection.validation:
        rows = [
            {"method": name, "mse": error}
            for name, error in selection.validation.items()
        ]
        text = (
            "Mean squared error on validation windows, by which the method is "
            "selected, in squared standard deviations of the channels."
        )
        sections.append(Section("Validation", text, table=rows))
    if selection.history:
        curves = figures.training_curves(selection.history)
        text = "Training and validation loss by epoch."
        sections.append(Section("Training", figures=[(curves, text)]))
    summary |= {
        "Nominal coverage": f"{model.coverage:.1%}",
        "Method": label(model),
        "Window (rows)": model.window,
        "Horizon (rows)": model.horizon,
        "Parameters": sum(
            int(np.prod(w.shape)) for w in model.trainable_weights
        ),
    }
    return write_report(
        path,
        title=f"Forecast of {', '.join(names[:4])}"
        + (" and others" if len(names) > 4 else ""),
        summary=summary,
        sections=sections,
        command=command,
        dataset=source,
        seconds=seconds,
    )


def backtest_sections(
    model: Forecaster, dataset: ForecastingDataset, backtest: Backtest
) -> list[Section]:
    """Sections of the errors of a backtest, with examples."""
    indices = np.linspace(0, len(backtest.origins) - 1, NUM_EXAMPLES + 1)
    indices = np.unique(indices.round().astype(int))[:NUM_EXAMPLES]
    past, _ = dataset.windows.arrays(backtest.origins[indices])
    examples = forecast_examples(
        past[:, :, dataset.targets] * dataset.units(backtest.origins[indices]),
        backtest.observed[indices],
        backtest.forecast[indices],
        backtest.low[indices],
        backtest.high[indices],
        dataset.target_names,
    )
    times = dataset.series.times
    first, last = dataset.axis.format(
        dataset.axis.to_seconds(
            [
                times[backtest.origins].min(),
                times[backtest.origins + model.horizon - 1].max(),
            ]
        )
    )
    text = (
        f"Forecasts from {len(backtest.origins):,} rolling origins in the "
        f"last 20 % of the series, from {first} to {last}, which is not used "
        "for training. MAE (mean absolute error) and interval width are in "
        "standard deviations of each channel in the training rows, MSE (mean "
        "squared error) in their squares. Coverage is the fraction of values "
        "inside their prediction intervals. The intervals of the baselines "
        "are calibrated in the same way as those of the model."
    )
    return [
        Section(
            "Backtest",
            text,
            table=backtest.table,
            figures=[
                (
                    error_by_step(backtest.errors, model.coverage),
                    "Error and interval coverage by step of the horizon.",
                ),
                (examples, "Example forecasts and the observed values."),
            ],
        ),
        Section(
            "Errors in the units of the series",
            "Mean absolute error (MAE) and root mean squared error (RMSE), in "
            "the unit of the column.",
            table=backtest.units_table,
        ),
        Section(
            "Errors by step of the horizon",
            "Errors in the units of the backtest, and coverage of the "
            "intervals of the model.",
            table=backtest.by_step,
        ),
        *(
            [
                Section(
                    "Errors by series",
                    "Mean squared errors in units of the variance of each "
                    f"series; the first {MAX_SERIES} at most.",
                    table=backtest.by_series[:MAX_SERIES],
                )
            ]
            if backtest.by_series
            else []
        ),
    ]
