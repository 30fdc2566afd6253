"""Figures of forecasts: what came, what was said, how far off by step."""

import matplotlib.dates
import numpy as np
from matplotlib.figure import Figure

from dlunits.reporting.style import BLUE, INK, VERMILLION, WIDTH, plain

MOST_CHANNELS = 4
DAY = 86_400.0
COLORS = ("#999999", "#e69f00", BLUE, "#009e73")  # of the forecasters


def forecast_examples(past, futures, forecast, low, high, names):
    """Draws forecasts with their intervals beside what came.

    Args:
        past: Array `(examples, window, channels)`, what was known; drawn from
            two horizons before.
        futures, forecast, low, high: Arrays `(examples, horizon, channels)`.
        names: Names of the channels; the first four are drawn.

    Returns:
        A `matplotlib.figure.Figure` with a column an example.

    Example:

    >>> figure = forecast_examples(
    ...     np.ones((2, 5, 1)), *np.ones((4, 2, 3, 1)), names=["speed"])
    >>> figure.get_label()
    'Forecasts of 3 steps from 2 origins; 100 % of what came is inside.'
    """
    examples, horizon, channels = futures.shape
    channels = min(channels, MOST_CHANNELS)
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
            axes.plot(known, before, color=INK, linewidth=0.9)
            axes.plot(
                ahead, futures[at], color=INK, linewidth=0.9, label="came"
            )
            axes.plot(
                ahead, forecast[at], color=BLUE, linewidth=1.6, label="forecast"
            )
            axes.axvline(0.5, color=INK, linewidth=0.5, linestyle=":")
            plain(axes)
            if example == 0:
                axes.set_ylabel(names[channel])
            if channel == channels - 1:
                axes.set_xlabel("Steps")
    grid[0, 0].legend(frameon=False, fontsize=7)
    inside = np.mean((futures >= low) & (futures <= high))
    figure.set_label(
        f"Forecasts of {horizon} steps from {examples} origins; {inside:.0%} "
        "of what came is inside.".replace("%", " %")
    )
    return figure


def error_by_step(quality, coverage):
    """Draws the mean squared error, and the share inside, over the horizon.

    Args:
        quality: Dict of a forecaster's name to a dict of `mse` and `coverage`,
            arrays `(horizon,)`; up to four.
        coverage: Number, the share that intervals are made for.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    >>> steps = {"mse": np.array([1.0, 4.0]), "coverage": np.ones(2)}
    >>> error_by_step({"naive": steps}, 0.9).get_label()
    'Mean squared error by step: naive from 1 to 4.'
    """
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    errors, inside = figure.subplots(1, 2)
    told = []
    for (name, steps), color in zip(quality.items(), COLORS, strict=False):
        ahead = np.arange(1, len(steps["mse"]) + 1)
        marker = "o" if len(ahead) <= 30 else None
        style = {"color": color, "label": name, "marker": marker}
        errors.plot(ahead, steps["mse"], markersize=3, **style)
        inside.plot(ahead, 100 * steps["coverage"], markersize=3, **style)
        told.append(
            f"{name} from {steps['mse'][0]:.3g} to {steps['mse'][-1]:.3g}"
        )
    inside.axhline(
        100 * coverage,
        color=VERMILLION,
        linewidth=0.9,
        linestyle="--",
        label="asked for",
    )
    errors.set(xlabel="Step", ylabel="Mean squared error", ylim=(0, None))
    inside.set(xlabel="Step", ylabel="Inside the interval (%)")
    for axes in (errors, inside):
        plain(axes)
    inside.legend(frameon=False, fontsize=7)
    figure.set_label(f"Mean squared error by step: {'; '.join(told)}.")
    return figure


def forecast_ahead(times, values, ahead, columns, names, dates):
    """Draws what the series did last and what is forecast to come.

    Args:
        times: Seconds `(rows,)`.
        values: Array `(rows, channels)`.
        ahead: Seconds `(horizon,)`.
        columns: Dict as `dlunits.tasks.forecasting.serve.forecast_table`
            returns it.
        names: Names of the channels that are forecast; the first four are
            drawn.
        dates: Whether times are dates.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    >>> columns = {"t": ["2"], "x": [1.0], "x low": [0.0], "x high": [2.0]}
    >>> figure = forecast_ahead(
    ...     np.arange(2.0), np.ones((2, 1)), [2.0], columns, ["x"], False)
    >>> figure.get_label()
    'The next 1 steps of x, after the last 2 that are known.'
    """
    names = names[:MOST_CHANNELS]
    unit = DAY if dates else 1.0
    times, ahead = np.asarray(times) / unit, np.asarray(ahead) / unit
    figure = Figure(
        figsize=(WIDTH, 1.5 * len(names) + 0.4), layout="constrained"
    )
    all_axes = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for axes, name, known in zip(all_axes, names, values.T, strict=False):
        axes.fill_between(
            ahead,
            columns[f"{name} low"],
            columns[f"{name} high"],
            color=BLUE,
            alpha=0.2,
            linewidth=0,
        )
        axes.plot(times, known, color=INK, linewidth=0.9)
        axes.plot(ahead, columns[name], color=BLUE, linewidth=1.6)
        axes.set_ylabel(name)
        plain(axes)
    if dates:
        locator = matplotlib.dates.AutoDateLocator()
        all_axes[-1].xaxis.set_major_locator(locator)
        all_axes[-1].xaxis.set_major_formatter(
            matplotlib.dates.ConciseDateFormatter(locator)
        )
    figure.set_label(
        f"The next {len(ahead)} steps of {', '.join(names)}, after the last "
        f"{len(times)} that are known."
    )
    return figure
