"""The report of a forecaster: what it is worth, and what it says comes."""

import numpy as np

from dlunits.reporting import figures
from dlunits.reporting.html_report import Section, write_report
from dlunits.tasks.forecasting.figures import (
    error_by_step,
    forecast_ahead,
    forecast_examples,
)

EXAMPLES = 3


def write_forecast_report(
    path, *, model, history, task, backtest, forecast, source, command, seconds
):
    """Writes the backtest, some of its forecasts, and the one that counts.

    The naive rows are always there, whether they are beaten or not.

    Args:
        path: HTML file to write, in a folder that exists.
        model: `dlunits.models.Forecaster`.
        history: Dict of metric name to its values, one an epoch.
        task: `dlunits.data.series.forecasting_dataset.ForecastingDataset`.
        backtest: `dlunits.tasks.forecasting.train.Backtest`, or what has its
            attributes.
        forecast: Dict of what comes after the series, as
            `dlunits.tasks.forecasting.serve.forecast_table` returns it.
        source: Text, what data it is.
        command, seconds: The run's.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    names, targets = task.target_names, task.targets
    places = np.linspace(0, len(backtest.origins) - 1, EXAMPLES + 1)
    places = np.unique(places.round().astype(int))[:EXAMPLES]
    past, _ = task.windows.arrays(backtest.origins[places])
    examples = forecast_examples(
        past[:, :, targets],
        *(
            some[places]
            for some in (
                backtest.futures,
                backtest.forecast,
                backtest.low,
                backtest.high,
            )
        ),
        names=names,
    )
    series, axis = task.series, task.axis
    last = slice(-3 * model.horizon, None)
    ahead = series.times[-1] + series.step * np.arange(1, model.horizon + 1)
    coming = forecast_ahead(
        axis.seconds(series.times[last]),
        series.values[last][:, targets],
        axis.seconds(ahead),
        forecast,
        names,
        axis.text,
    )
    quality = backtest.model_quality
    naive = next(iter(backtest.quality.values()))
    return write_report(
        path,
        title=f"Forecast of {', '.join(names[:4])}"
        + (" and others" if len(names) > 4 else ""),
        summary={
            "Mean squared error": f"{quality['mse'].mean():.4g}",
            "of the naive forecast": f"{naive['mse'].mean():.4g}",
            "Inside the intervals": f"{quality['coverage'].mean():.1%}",
            "asked for": f"{model.coverage:.1%}",
            "Kind": model.network,
            "Window": model.window,
            "Horizon": model.horizon,
            "Parameters": sum(
                int(np.prod(w.shape)) for w in model.trainable_weights
            ),
        },
        sections=[
            Section(
                "What comes",
                text="\n\n".join(task.told),
                figures=[(coming, "The last rows and the forecast.")],
            ),
            Section(
                "Backtest over rolling origins",
                f"{len(backtest.origins):,} origins in the last fifth of the "
                "series, none of which was learnt from. Errors are in spreads "
                "of each channel where it was learnt from; the width of the "
                "intervals is, too. Intervals of the naive forecasts are made "
                "as the model's are.",
                table=backtest.table,
                figures=[
                    (
                        error_by_step(backtest.quality, model.coverage),
                        "By step of the horizon.",
                    ),
                    (examples, "What was said, and what came."),
                ],
            ),
            Section("By step", table=backtest.by_step),
            Section(
                "Training",
                figures=[
                    (figures.training_curves(history), "One point an epoch.")
                ],
            ),
        ],
        command=command,
        dataset=source,
        seconds=seconds,
    )
