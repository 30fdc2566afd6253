"""Figures of forecasts: examples, errors by step, and the forecast itself."""

from collections.abc import Sequence

import matplotlib.dates
import numpy as np
from matplotlib.figure import Figure

from dlunits.reporting.figure_text import shorten_names
from dlunits.reporting.style import (
    BLUE,
    TEXT_COLOR,
    VERMILLION,
    WIDTH,
    style_axes,
)
from dlunits.typing import Array, ArrayLike

MAX_CHANNELS = 4
MAX_NAME_LENGTH = 18  # characters of the name of a channel
DAY = 86_400.0
# Of the baselines; the model is blue.
COLORS = ("#999999", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")


def forecast_examples(
    past: Array,
    observed: Array,
    forecast: Array,
    low: Array,
    high: Array,
    names: Sequence[str],
) -> Figure:
    """Plots forecasts with their intervals and the observed values.

    Args:
        past: Array `(examples, window, channels)`; at most its last two
            horizons are plotted.
        observed, forecast, low, high: Arrays `(examples, horizon, channels)`.
        names: Names of the channels; the first four are plotted.

    Returns:
        A `matplotlib.figure.Figure` with a column for each example.

    Example:

    >>> figure = forecast_examples(
    ...     np.ones((2, 5, 1)), *np.ones((4, 2, 3, 1)), names=["speed"])
    >>> figure.get_label()
    'Forecasts of 3 steps from 2 origins; interval coverage 100 %.'
    """
    examples, horizon, channels = observed.shape
    channels = min(channels, MAX_CHANNELS)
    labels = shorten_names(names, MAX_NAME_LENGTH)
    figure = Figure(figsize=(WIDTH, 1.5 * channels + 0.4), layout="constrained")
    grid = figure.subplots(
        channels, examples, squeeze=False, sharex=True, sharey="row"
    )
    ahead = np.arange(1, horizon + 1)
    for channel, row in enumerate(grid):
        for example, axes in enumerate(row):
            before = past[example, -2 * horizon :, channel]
            known = np.arange(1 - len(before), 1)
            at = example, slice(None), channel
            axes.fill_between(
                ahead,
                low[at],
                high[at],
                color=BLUE,
                alpha=0.2,
                linewidth=0,
                label="interval",
            )
            axes.plot(known, before, color=TEXT_COLOR, linewidth=0.9)
            axes.plot(
                ahead,
                observed[at],
                color=TEXT_COLOR,
                linewidth=0.9,
                label="observed",
            )
            axes.plot(
                ahead, forecast[at], color=BLUE, linewidth=1.6, label="forecast"
            )
            axes.axvline(0.5, color=TEXT_COLOR, linewidth=0.5, linestyle=":")
            style_axes(axes)
            if example == 0:
                axes.set_ylabel(labels[channel])
            if channel == channels - 1:
                axes.set_xlabel("Steps")
    grid[0, 0].legend(frameon=False, fontsize=7)
    coverage = np.mean((observed >= low) & (observed <= high))
    figure.set_label(
        f"Forecasts of {horizon} steps from {examples} origins; interval "
        f"coverage {100 * coverage:.0f} %."
    )
    return figure


def error_by_step(
    errors: dict[str, dict[str, Array]], coverage: float
) -> Figure:
    """Plots mean squared error and interval coverage over the horizon.

    Args:
        errors: Dict of a forecaster's name to a dict of `mse` and `coverage`,
            arrays `(horizon,)`; up to six, the model last.
        coverage: Nominal coverage of the intervals, in (0, 1).

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    >>> steps = {"mse": np.array([1.0, 4.0]), "coverage": np.ones(2)}
    >>> error_by_step({"naive": steps}, 0.9).get_label()
    'Mean squared error by step: naive from 1 to 4.'
    """
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    error_axes, coverage_axes = figure.subplots(1, 2)
    descriptions = []
    colors = (*COLORS[: len(errors) - 1], BLUE)
    for (name, steps), color in zip(errors.items(), colors, strict=True):
        ahead = np.arange(1, len(steps["mse"]) + 1)
        marker = "o" if len(ahead) <= 30 else None
        style = {"color": color, "label": name, "marker": marker}
        error_axes.plot(ahead, steps["mse"], markersize=3, **style)
        coverage_axes.plot(
            ahead, 100 * steps["coverage"], markersize=3, **style
        )
        descriptions.append(
            f"{name} from {steps['mse'][0]:.3g} to {steps['mse'][-1]:.3g}"
        )
    coverage_axes.axhline(
        100 * coverage,
        color=VERMILLION,
        linewidth=0.9,
        linestyle="--",
        label="nominal",
    )
    error_axes.set(xlabel="Step", ylabel="Mean squared error", ylim=(0, None))
    coverage_axes.set(xlabel="Step", ylabel="Interval coverage (%)")
    for axes in (error_axes, coverage_axes):
        style_axes(axes)
    coverage_axes.legend(frameon=False, fontsize=7)
    figure.set_label(f"Mean squared error by step: {'; '.join(descriptions)}.")
    return figure


def forecast_ahead(
    times: ArrayLike,
    values: Array,
    ahead: ArrayLike,
    columns: dict[str, list],
    names: Sequence[str],
    dates: bool,
) -> Figure:
    """Plots the last rows of a series and the forecast that follows.

    Args:
        times: Seconds `(rows,)` of the last rows.
        values: Array `(rows, channels)`.
        ahead: Seconds `(horizon,)` of the forecast.
        columns: Dict as `dlunits.tasks.forecasting.serve.forecast_table`
            returns it.
        names: Names of the channels that are forecast; the first four are
            plotted.
        dates: Whether timestamps are dates.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    >>> columns = {"t": ["2"], "x": [1.0], "x low": [0.0], "x high": [2.0]}
    >>> figure = forecast_ahead(
    ...     np.arange(2.0), np.ones((2, 1)), [2.0], columns, ["x"], False)
    >>> figure.get_label()
    'Forecast of the next 1 steps of x, after the last 2 rows.'
    """
    names = names[:MAX_CHANNELS]
    unit = DAY if dates else 1.0
    times, ahead = np.asarray(times) / unit, np.asarray(ahead) / unit
    figure = Figure(
        figsize=(WIDTH, 1.5 * len(names) + 0.4), layout="constrained"
    )
    all_axes = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    labels = shorten_names(names, MAX_NAME_LENGTH)
    for axes, name, label, known in zip(
        all_axes, names, labels, values.T, strict=False
    ):
        axes.fill_between(
            ahead,
            columns[f"{name} low"],
            columns[f"{name} high"],
            color=BLUE,
            alpha=0.2,
            linewidth=0,
        )
        axes.plot(times, known, color=TEXT_COLOR, linewidth=0.9)
        axes.plot(ahead, columns[name], color=BLUE, linewidth=1.6)
        axes.set_ylabel(label)
        style_axes(axes)
    if dates:
        locator = matplotlib.dates.AutoDateLocator()
        all_axes[-1].xaxis.set_major_locator(locator)
        all_axes[-1].xaxis.set_major_formatter(
            matplotlib.dates.ConciseDateFormatter(locator)
        )
    figure.set_label(
        f"Forecast of the next {len(ahead)} steps of {', '.join(names)}, after "
        f"the last {len(times)} rows."
    )
    return figure
