"""Figures of the bias-variance report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from dlunits.reporting.style import (
    BLUE,
    CURVE_COLORS,
    LIGHT_GRAY,
    TEXT_COLOR,
    VERMILLION,
    WIDTH,
    style_axes,
)
from dlunits.typing import Array, ArrayLike

# Name of a part -> text of the legend, index of the color.
PARTS = {
    "bias_squared": ("bias\N{SUPERSCRIPT TWO}", 1),
    "bias": ("bias", 1),
    "variance": ("variance", 2),
    "net_variance": ("net variance", 2),
    "noise": ("noise", 7),
}
MAX_CURVES = 20  # of networks in one panel


def decomposition_curves(
    rows: Sequence[Mapping[str, Any]], x_name: str, x_label: str, y_label: str
) -> Figure:
    """Plots bias, variance, noise, their sum and the measured error.

    Args:
        rows: Dicts with `x_name`, some of `PARTS`, `sum`, `measured_error` and
            optionally `half_width`, the error bar of the measured error.
        x_name: Key of the horizontal axis. Widths are on a logarithmic axis.
        x_label, y_label: Labels of the axes.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    x = [row[x_name] for row in rows]
    marker = "o" if len(rows) <= 15 else None
    for part, (name, color) in PARTS.items():
        hidden = part == "variance" and "net_variance" in rows[0]
        if part in rows[0] and not hidden:
            axes.plot(
                x,
                [row[part] for row in rows],
                color=CURVE_COLORS[color],
                marker=marker,
                markersize=3.5,
                linewidth=1.6,
                label=name,
            )
    axes.plot(
        x,
        [row["sum"] for row in rows],
        color=CURVE_COLORS[0],
        linewidth=1.6,
        label="sum of the parts",
    )
    axes.errorbar(
        x,
        [row["measured_error"] for row in rows],
        yerr=[row.get("half_width", 0.0) for row in rows],
        color=CURVE_COLORS[5],
        linestyle="none",
        marker="s",
        markersize=3.5,
        capsize=2.5,
        linewidth=1,
        label="measured error",
    )
    if x_name == "width":
        axes.set_xscale("log")
        axes.set_xticks(x, [str(value) for value in x])
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    # The error before training is much larger than the others.
    lowest = min(row["sum"] for row in rows)
    if x_name == "epoch" and np.isfinite(lowest):
        axes.set_ylim(top=min(axes.get_ylim()[1], 3 * lowest))
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.legend(
        frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    style_axes(axes)
    best = min(rows, key=lambda row: row["measured_error"])
    figure.set_label(
        f"Parts of the error over {x_label.lower()}. Lowest measured error: "
        f"{best['measured_error']:.3g} at {best[x_name]}."
    )
    return figure


def fitted_functions(
    x: ArrayLike,
    truth: ArrayLike,
    predictions: Mapping[int, Array],
) -> Figure:
    """Plots functions of networks fitted to different training sets.

    Args:
        x: Inputs `(n,)`.
        truth: True values `(n,)`.
        predictions: Dict of width to predictions `(networks, n)`.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    order = np.argsort(x)
    x, truth = np.asarray(x)[order], np.asarray(truth)[order]
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    all_axes = figure.subplots(1, len(predictions), sharey=True, squeeze=False)
    for axes, (width, values) in zip(
        all_axes[0], predictions.items(), strict=True
    ):
        for number, curve in enumerate(values[:MAX_CURVES, order]):
            axes.plot(
                x,
                curve,
                color="#b0b4ba",
                linewidth=0.6,
                label=None if number else "networks",
            )
        axes.plot(x, truth, color=CURVE_COLORS[0], label="truth")
        axes.plot(
            x,
            values.mean(axis=0)[order],
            color=VERMILLION,
            linestyle="--",
            label="mean prediction",
        )
        axes.set_ylim(-2.2, 2.2)
        axes.set_title(f"width {width}", fontsize=9, color=TEXT_COLOR)
        axes.set_xlabel("x")
        style_axes(axes)
    handles, labels = all_axes[0][0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        frameon=False,
        fontsize=8,
        ncols=3,
        loc="outside upper center",
    )
    figure.set_label(
        "Functions learned by networks of the widths "
        f"{', '.join(map(str, predictions))} from different training sets, "
        "their mean, and the true function."
    )
    return figure


def learning_curves(
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    irreducible_error: float,
    y_label: str,
) -> Figure:
    """Plots training error and error on fresh examples over the set size.

    Args:
        curves: Dict of name to the rows of `learning_curve_row`.
        irreducible_error: Irreducible error, shown as a dashed line.
        y_label: Label of the vertical axis.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
    all_axes = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (name, rows) in zip(all_axes, curves.items(), strict=True):
        draw_learning_curve(axes, rows)
        axes.axhline(
            irreducible_error,
            color=TEXT_COLOR,
            linewidth=0.9,
            linestyle=(0, (4, 3)),
            label="irreducible error",
            zorder=0,
        )
        axes.set_title(name, fontsize=9, color=TEXT_COLOR)
    all_axes[0].set_ylabel(y_label)
    finite = [row["error"] for rows in curves.values() for row in rows]
    all_axes[0].set_ylim(0, 1.15 * np.nanmax([*finite, irreducible_error]))
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        frameon=False,
        fontsize=8,
        ncols=3,
        loc="outside upper center",
    )
    figure.set_label(f"Learning curves of {len(curves)} networks.")
    return figure


def draw_learning_curve(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draws one learning curve, with bands of the confidence intervals."""
    sizes = [row["size"] for row in rows]
    for key, name, color, marker in (
        ("training_error", "training set", BLUE, "o"),
        ("error", "fresh examples", VERMILLION, "s"),
    ):
        mean = np.array([row[key] for row in rows])
        half_width = np.array([row[f"{key}_half_width"] for row in rows])
        axes.plot(
            sizes, mean, color=color, marker=marker, markersize=3.5, label=name
        )
        axes.fill_between(
            sizes,
            mean - half_width,
            mean + half_width,
            color=color,
            alpha=0.2,
            linewidth=0,
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes], rotation=45)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("Training examples")
    style_axes(axes)


def early_stopping_curves(
    loss: ArrayLike,
    val_loss: ArrayLike,
    best_epoch: int,
    stopped_epoch: int,
) -> Figure:
    """Plots the losses of a run, its best epoch and its stopping epoch.

    Args:
        loss, val_loss: Losses of each epoch of the run without early stopping.
        best_epoch: Epoch whose weights are restored, from 1.
        stopped_epoch: Last epoch with early stopping.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    loss, val_loss = np.asarray(loss), np.asarray(val_loss)
    epochs = np.arange(1, len(loss) + 1)
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(
        stopped_epoch,
        max(len(loss), stopped_epoch),
        color=LIGHT_GRAY,
        zorder=0,
        label="not trained with early stopping",
    )
    axes.plot(epochs, loss, color=BLUE, label="training loss")
    axes.plot(epochs, val_loss, color=VERMILLION, label="validation loss")
    axes.axvline(
        best_epoch,
        color=TEXT_COLOR,
        linewidth=0.9,
        linestyle=(0, (4, 3)),
        label=f"best epoch: {best_epoch}",
    )
    axes.set_xlabel("Epoch")
    axes.set_ylabel("Loss")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, len(loss) + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(
        frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    style_axes(axes)
    figure.set_label(
        f"Training and validation loss over {len(loss)} epochs. The lowest "
        f"validation loss is at epoch {best_epoch}; early stopping ends at "
        f"epoch {stopped_epoch}."
    )
    return figure
