"""Figures of the training lab."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from dlunits.diagnostics.activation_saturation import derivative
from dlunits.metrics import confidence_interval
from dlunits.reporting.step_slider import StepSlider, step_slider
from dlunits.reporting.style import (
    CURVE_COLORS,
    CURVE_DASHES,
    TEXT_COLOR,
    WIDTH,
    style_axes,
)
from dlunits.tasks.lab.training.descent import Paths
from dlunits.tasks.lab.training.results import Comparison
from dlunits.typing import Array

MAX_CURVES = 12  # in a figure; of more labels, only the best ones
LEVELS = 14  # of contour lines


def shown_labels(comparison: Comparison) -> list[str]:
    """Labels with a curve: all, or the best ones in their order."""
    labels = comparison.labels
    if len(labels) <= MAX_CURVES:
        return labels
    kept = sorted(labels, key=comparison.rank)[:MAX_CURVES]
    return [label for label in labels if label in kept]


def style_of(number: int) -> dict[str, Any]:
    """Color and dashes of a curve."""
    return {
        "color": CURVE_COLORS[number % len(CURVE_COLORS)],
        "linestyle": CURVE_DASHES[
            number // len(CURVE_COLORS) % len(CURVE_DASHES)
        ],
        "linewidth": 1.4,
    }


def use_log_scale(axes: Axes) -> None:
    """Makes the vertical axis logarithmic, with small minor labels."""
    axes.set_yscale("log")
    axes.tick_params(which="minor", labelsize=7, colors=TEXT_COLOR)


def plot_mean(axes: Axes, x: Array, values: Array, style: Any) -> Any:
    """Plots the mean over seeds, with the range of the runs."""
    values = np.asarray(values, "float64")
    shown = np.isfinite(values).all(axis=0)
    if not shown.any():
        return axes.plot([], [], **style)[0]
    mean = np.where(shown, values.mean(axis=0), np.nan)
    if len(values) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(
            x, low, high, where=shown, color=style["color"], alpha=0.12, lw=0
        )
    marker: dict[str, Any] = (
        {"marker": "o", "markersize": 3} if shown.sum() < 3 else {}
    )
    return axes.plot(x, mean, **style, **marker)[0]


def add_legend(
    figure: Figure, lines: Sequence[Any], names: Sequence[str]
) -> None:
    """Adds a legend below the axes."""
    columns = max(1, min(len(names), 110 // (max(map(len, names)) + 8)))
    figure.legend(
        lines,
        names,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=8,
    )


def learning_curves(comparison: Comparison) -> Figure:
    """Plots loss and score against updates, epochs and seconds.

    Args:
        comparison: `Comparison`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(WIDTH, 5.2), layout="constrained")
    grid = figure.subplots(2, 3, sharey="row")
    labels = shown_labels(comparison)
    lines = []
    for number, label in enumerate(labels):
        loss = comparison.array(label, "loss")
        score = comparison.array(label, "validation_score")[:, 1:]
        for column, x in enumerate(
            (
                comparison.array(label, "updates")[0],
                np.arange(1, loss.shape[1] + 1),
                comparison.array(label, "seconds").mean(axis=0),
            )
        ):
            line = plot_mean(grid[0, column], x, loss, style_of(number))
            plot_mean(grid[1, column], x, score, style_of(number))
        lines.append(line)
    for column, (name, measured) in enumerate(
        (
            ("Update", "updates"),
            ("Epoch", ""),
            ("Seconds of training", "seconds"),
        )
    ):
        use_log_scale(grid[0, column])
        grid[1, column].set_xlabel(name)
        if measured and is_wide(comparison, labels, measured):
            for axes in grid[:, column]:
                axes.set_xscale("log")
    grid[0, 0].set_ylabel("Training loss")
    grid[1, 0].set_ylabel(f"Validation {comparison.score}")
    for axes in grid.ravel():
        style_axes(axes)
    add_legend(figure, lines, labels)
    figure.set_label(
        f"Training loss and validation {comparison.score} of "
        f"{len(labels)} settings against updates, epochs and seconds."
    )
    return figure


def is_wide(comparison: Comparison, labels: Sequence[str], name: str) -> bool:
    """Whether the final values of a measurement differ by more than 8 times."""
    ends = [np.nanmax(comparison.array(label, name)) for label in labels]
    return bool(max(ends) > 8 * min(ends))


def epoch_curves(
    comparison: Comparison,
    panels: Mapping[str, Callable[[str], Array | None]],
    *,
    log: bool,
    first_epoch: int,
    label: str,
) -> Figure:
    """Plots measurements by epoch, one panel for each.

    Args:
        comparison: `Comparison`.
        panels: Dict from the label of the vertical axis to a function that
            returns an array `(seeds, epochs)` for a label, or `None` for no
            curve.
        log: Whether the vertical axes are logarithmic.
        first_epoch: Number of the first measured epoch, 0 or 1.
        label: Description of the figure.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    labels = shown_labels(comparison)
    lines: dict[str, Any] = {}
    for axes, (name, measure) in zip(row, panels.items(), strict=True):
        for number, each in enumerate(labels):
            values = measure(each)
            if values is None:
                continue
            if log:
                values = np.where(values > 0, values, np.nan)
            x = first_epoch + np.arange(values.shape[1])
            lines[each] = plot_mean(axes, x, values, style_of(number))
        if log:
            use_log_scale(axes)
        axes.set(xlabel="Epoch", ylabel=name)
        style_axes(axes)
    add_legend(figure, list(lines.values()), list(lines))
    figure.set_label(label)
    return figure


def gradient_curves(comparison: Comparison) -> Figure:
    """Plots the gradient norms of the first and of the last layer."""

    def norms(index):
        return lambda label: comparison.array(label, "gradient_norm")[
            ..., index
        ]

    return epoch_curves(
        comparison,
        {
            "Gradient norm, first layer": norms(0),
            "Gradient norm, last layer": norms(-1),
        },
        log=True,
        first_epoch=0,
        label="Gradient norms of the first and last layer by epoch.",
    )


def gradients_by_layer(comparison: Comparison) -> Figure:
    """Plots the gradient norm of each layer, before and after training."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    row = figure.subplots(1, 2, sharey=True)
    labels = shown_labels(comparison)
    lines: list[Any] = []
    for axes, epoch, title in zip(
        row, (0, -1), ("Before training", "After training"), strict=True
    ):
        lines = []
        for number, label in enumerate(labels):
            norms = comparison.array(label, "gradient_norm")[:, epoch]
            norms = np.where(norms > 0, norms, np.nan)
            x = np.arange(1, norms.shape[1] + 1)
            style = style_of(number) | {"marker": "o", "markersize": 3}
            if np.isfinite(norms).any():
                mean = np.array([confidence_interval(n)[0] for n in norms.T])
                lines.append(axes.plot(x, mean, **style)[0])
            else:
                lines.append(axes.plot([], [], **style)[0])
        use_log_scale(axes)
        axes.set_title(title, fontsize=9, color=TEXT_COLOR)
        axes.set_xlabel("Layer, from the input")
        axes.xaxis.get_major_locator().set_params(integer=True)
        style_axes(axes)
    row[0].set_ylabel("Gradient norm")
    add_legend(figure, lines, labels)
    figure.set_label("Gradient norm of each layer before and after training.")
    return figure


def saturation_curves(comparison: Comparison) -> Figure:
    """Plots the shares of saturated and dead units of the hidden layers."""

    def share(name):
        def measure(label):
            names = comparison.of(label)[0].activations
            hidden = [i for i, each in enumerate(names) if each != "output"]
            if not hidden:
                return None
            return 100 * comparison.array(label, name)[..., hidden].mean(-1)

        return measure

    return epoch_curves(
        comparison,
        {
            "Saturated activations (%)": share("saturated"),
            "Dead units (%)": share("dead"),
        },
        log=False,
        first_epoch=0,
        label="Saturated activations and dead units by epoch.",
    )


def update_curves(comparison: Comparison) -> Figure:
    """Plots the update-to-weight ratios of the first and last layer."""

    def ratios(index):
        return lambda label: comparison.array(label, "update_ratio")[..., index]

    return epoch_curves(
        comparison,
        {
            "Update / weights, first layer": ratios(0),
            "Update / weights, last layer": ratios(-1),
        },
        log=True,
        first_epoch=1,
        label="Update-to-weight ratios of the first and last layer by epoch.",
    )


def activation_functions(names: Sequence[str], negative_slope: float) -> Figure:
    """Plots activations and their derivatives.

    Softmax is computed of two inputs, one of which is 0.

    Args:
        names: Names of activations.
        negative_slope: Slope of leaky ReLU.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    x = np.linspace(-5, 5, 401).astype("float32")
    lines = []
    for number, name in enumerate(names):
        if name == "leaky_relu":
            function = keras.layers.LeakyReLU(negative_slope)
        else:
            function = keras.activations.get(name)
        z = x[:, None]
        if name == "softmax":
            z = np.concatenate([z, np.zeros_like(z)], axis=1)
        call = function.call if hasattr(function, "call") else function
        tensor = ops.convert_to_tensor(z)
        y = ops.convert_to_numpy(call(tensor))[:, 0]
        slopes = ops.convert_to_numpy(derivative(call, tensor))[:, 0]
        # Different dashes keep equal curves visible.
        style = style_of(number) | {
            "linestyle": CURVE_DASHES[number % len(CURVE_DASHES)]
        }
        lines.append(left.plot(x, y, **style)[0])
        right.plot(x, slopes, **style)
    left.set(xlabel="x", ylabel="f(x)", ylim=(-1.3, 3))
    right.set(xlabel="x", ylabel="f'(x)", ylim=(-0.05, 1.1))
    for axes in (left, right):
        style_axes(axes)
    add_legend(figure, lines, list(names))
    figure.set_label(f"Activations and derivatives: {', '.join(names)}.")
    return figure


def grid_heatmap(comparison: Comparison) -> Figure:
    """Plots the training loss of each combination of two factors."""
    first, second = comparison.factors
    rows = list(dict.fromkeys(run.values[0] for run in comparison.runs))
    columns = list(dict.fromkeys(run.values[1] for run in comparison.runs))
    losses = np.full((len(rows), len(columns)), np.nan)
    texts = {}
    for run in comparison.runs[:: comparison.num_seeds]:
        place = rows.index(run.values[0]), columns.index(run.values[1])
        mean, _ = confidence_interval(comparison.last(run.label, "loss"))
        diverged = any(each.diverged for each in comparison.of(run.label))
        losses[place] = np.nan if diverged else mean
        texts[place] = "diverged" if diverged else f"{mean:.3g}"
    figure = Figure(
        figsize=(WIDTH, 1.2 + 0.4 * len(rows)), layout="constrained"
    )
    axes = figure.subplots()
    scaled = np.log10(np.maximum(losses, 1e-6))
    axes.imshow(scaled, cmap="Blues_r", aspect="auto")
    low, high = np.nanmin(scaled, initial=0), np.nanmax(scaled, initial=-6)
    for (row, column), text in texts.items():
        level = (scaled[row, column] - low) / max(high - low, 1e-9)
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=8,
            color="white" if level < 0.5 else TEXT_COLOR,
        )
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel=second, ylabel=first)
    style_axes(axes, spines=False)
    figure.set_label(f"Training loss by {first} and {second}.")
    return figure


def path_slider(
    paths: Paths, step_name: str, value_name: str, axis_names: tuple[str, str]
) -> StepSlider:
    """Contour lines of a surface, with paths and a slider.

    Args:
        paths: `Paths`.
        step_name: Name of a step, such as `"Epoch"`.
        value_name: Name of the losses.
        axis_names: Labels of the axes.

    Returns:
        `StepSlider`.
    """
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    axes = figure.subplots()
    heights = np.where(np.isfinite(paths.heights), paths.heights, np.nan)
    low = max(np.nanmin(heights), np.nanmax(heights) * 1e-4, 1e-8)
    levels = np.geomspace(low, max(np.nanmax(heights), 2 * low), LEVELS)
    drawn = axes.contourf(
        paths.x,
        paths.y,
        np.maximum(heights, low),
        levels=levels,
        norm="log",
        cmap="Greys",
        alpha=0.4,
    )
    axes.contour(
        paths.x,
        paths.y,
        heights,
        levels=levels,
        colors=TEXT_COLOR,
        linewidths=0.3,
    )
    bar = figure.colorbar(drawn, ax=axes, ticks=LogLocator())
    bar.outline.set_visible(False)
    bar.set_label("Loss", fontsize=9, color=TEXT_COLOR)
    bar.ax.tick_params(labelsize=8, colors=TEXT_COLOR)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    axes.set_title(paths.title, fontsize=9, color=TEXT_COLOR)
    style_axes(axes)
    return step_slider(
        figure,
        axes,
        paths.paths,
        paths.losses,
        step_name=step_name,
        value_name=value_name,
    )
