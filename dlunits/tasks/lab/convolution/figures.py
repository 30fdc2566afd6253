"""Figures of the convolution lab."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dlunits.diagnostics import ConvolutionSum
from dlunits.metrics import confidence_interval
from dlunits.reporting.style import (
    CURVE_COLORS,
    TEXT_COLOR,
    TIMES,
    WIDTH,
    frame_axes,
    show_image,
    style_axes,
)
from dlunits.typing import Array

MAX_CHANNELS = 6  # columns of `sum_of_products`
MAX_NUMBERS = 5  # rows and columns of a kernel whose numbers are written


def accuracy_under_shifts(
    accuracies: Mapping[str, Mapping[int, Array]], chance: float
) -> Figure:
    """Plots the accuracy of networks over the shift of the test images.

    Args:
        accuracies: Dict of name to dict of shift to accuracies `(seeds,)`.
        chance: Accuracy of the most frequent class.

    Returns:
        A `matplotlib.figure.Figure`, with confidence intervals over the seeds.

    Example:

    >>> by_shift = {0: np.array([0.9, 0.9]), 1: np.array([0.5, 0.7])}
    >>> accuracy_under_shifts({"CNN": by_shift}, chance=0.1).get_label()
    'Accuracy by shift. CNN: 90.0 % at 0 pixels, 60.0 % at 1 pixels.'
    """
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    described = []
    for (name, by_shift), color, marker in zip(
        accuracies.items(), CURVE_COLORS[1:], "osD^", strict=False
    ):
        positions = list(by_shift)
        means, halves = np.transpose(
            [confidence_interval(100 * values) for values in by_shift.values()]
        )
        axes.plot(
            positions,
            means,
            color=color,
            marker=marker,
            markersize=4,
            label=name,
        )
        halves = np.nan_to_num(halves)
        axes.fill_between(
            positions,
            means - halves,
            means + halves,
            color=color,
            alpha=0.15,
            linewidth=0,
        )
        described.append(
            f"{name}: {means[0]:.1f} % at {positions[0]} pixels, "
            f"{means[-1]:.1f} % at {positions[-1]} pixels"
        )
    axes.axhline(
        100 * chance,
        color=TEXT_COLOR,
        linewidth=0.9,
        linestyle=(0, (4, 3)),
        label="most frequent class",
    )
    axes.set(ylim=(0, 102), xlabel="Shift (pixels)", ylabel="Test accuracy (%)")
    axes.legend(frameon=False, fontsize=8)
    style_axes(axes)
    figure.set_label(f"Accuracy by shift. {'; '.join(described)}.")
    return figure


def weights_and_connections(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Plots weights, connections and weights of dense layers, by layer.

    Args:
        rows: Rows of `dlunits.diagnostics.weight_sharing` with counts.

    Returns:
        A `matplotlib.figure.Figure` with a logarithmic axis.
    """
    names = [row["layer"] for row in rows]
    figure = Figure(
        figsize=(WIDTH, 0.5 * len(rows) + 1.1), layout="constrained"
    )
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    series = {
        "weights of the layer": "weights",
        "connections": "connections",
        "weights of the equivalent dense layer": "dense_weights",
    }
    for index, (label, key) in enumerate(series.items()):
        axes.barh(
            places + 0.26 * (1 - index),
            [row[key] for row in rows],
            0.24,
            color=CURVE_COLORS[1:][index],
            label=label,
        )
    axes.set_xscale("log")
    axes.set_yticks(places, names, parse_math=False)
    axes.set_xlabel("Number")
    figure.legend(
        frameon=False, fontsize=8, loc="outside upper center", ncols=3
    )
    style_axes(axes)
    figure.set_label(
        "Weights, connections and weights of the equivalent dense layer of "
        f"{', '.join(names)}."
    )
    return figure


def sum_of_products(terms: ConvolutionSum, name: str) -> Figure:
    """Plots patch, kernel and products of each channel of a convolution.

    Args:
        terms: Terms of the sum. The kernel of a 1-D convolution is a row; each
            frame of a 3-D kernel has a column. At most 6 columns are shown.
        name: Name of the layer.

    Returns:
        A `matplotlib.figure.Figure`. Numbers are written into kernels of up to
        5x5.
    """
    labels, slices = channel_slices(terms)
    labels = labels[:MAX_CHANNELS]
    parts = {
        "input": terms.patch,
        "kernel": terms.kernel,
        "product": terms.products,
    }
    height, width = slices(terms.kernel)[0].shape
    # Up to two slices are drawn as rows, and the parts as columns.
    below = len(labels) < len(parts)
    shape = (len(labels), 3) if below else (3, len(labels))
    figure = Figure(
        figsize=(
            WIDTH,
            shape[0] * (WIDTH / shape[1] * height / width + 0.1) + 0.3,
        ),
        layout="constrained",
    )
    grid = figure.subplots(*shape, squeeze=False)
    for number, values in enumerate(parts.values()):
        line = grid[:, number] if below else grid[number]
        limit = float(np.abs(values).max()) or 1.0
        for axes, cells in zip(line, slices(values), strict=False):
            axes.imshow(cells, "RdBu_r", vmin=-limit, vmax=limit)
            frame_axes(axes)
            write_numbers(axes, cells, limit)
    rows, columns = (labels, list(parts)) if below else (list(parts), labels)
    for axes, name in zip(grid[:, 0], rows, strict=True):
        axes.set_ylabel(name, fontsize=8, color=TEXT_COLOR)
    for axes, name in zip(grid[0], columns, strict=True):
        axes.set_title(name, fontsize=8, color=TEXT_COLOR)
    figure.set_label(
        f"Inputs, weights and products of one output of {name}: "
        f"{TIMES.join(map(str, terms.kernel.shape))}."
    )
    return figure


def channel_slices(terms: ConvolutionSum) -> tuple[list[str], Any]:
    """Labels of 2-D slices of a patch, and the function that slices it."""
    num_axes, channels = terms.kernel.ndim - 1, terms.kernel.shape[-1]
    names = [f"channel {channel}" for channel in range(channels)]
    if num_axes == 3:
        depth = terms.kernel.shape[0]
        suffixes = names if channels > 1 else [""]
        labels = [
            f"frame {frame} {suffix}".strip()
            for suffix in suffixes
            for frame in range(depth)
        ]
        return labels, lambda values: [
            values[frame, ..., channel]
            for channel in range(channels)
            for frame in range(depth)
        ]
    return names, lambda values: [
        np.atleast_2d(values[..., channel]) for channel in range(channels)
    ]


def write_numbers(axes: Any, cells: Array, limit: float) -> None:
    """Writes numbers into the cells of a small image."""
    if max(cells.shape) > MAX_NUMBERS:
        return
    for (row, column), value in np.ndenumerate(cells):
        axes.text(
            column,
            row,
            f"{value:.2f}".replace("-0.00", "0.00"),
            ha="center",
            va="center",
            fontsize=5.5,
            color="white" if abs(value) > 0.6 * limit else TEXT_COLOR,
        )


def moving_frames(volumes: Array, names: Sequence[str], means: Array) -> Figure:
    """Plots the frames of volumes, and their means over time.

    Args:
        volumes: Array `(n, frames, height, width, 1)`.
        names: Name of each volume.
        means: Mean images `(n, height, width, 1)`.

    Returns:
        A `matplotlib.figure.Figure` with a row per volume.
    """
    number, frames = volumes.shape[:2]
    figure = Figure(
        figsize=(WIDTH, WIDTH / (frames + 1) * number * 0.62 + 0.3),
        layout="constrained",
    )
    grid = figure.subplots(number, frames + 1, squeeze=False)
    for line, volume, name, mean in zip(
        grid, volumes, names, means, strict=True
    ):
        for axes, image in zip(line, [*volume, mean], strict=True):
            show_image(axes, image)
        line[0].set_ylabel(name, fontsize=8, color=TEXT_COLOR)
    titles = [*(f"frame {frame}" for frame in range(frames)), "mean"]
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=8, color=TEXT_COLOR)
    figure.set_label(f"Frames of digits that move {', '.join(names)}.")
    return figure


def shifted_examples(images: Array, shifts: Sequence[int]) -> Figure:
    """Plots an image shifted by several distances.

    Args:
        images: Array `(len(shifts), height, width, 1)`.
        shifts: Shift of each image, pixels.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure = Figure(
        figsize=(WIDTH, WIDTH / len(shifts) + 0.25), layout="constrained"
    )
    for axes, image, shift in zip(
        figure.subplots(1, len(shifts)), images, shifts, strict=True
    ):
        show_image(axes, image)
        axes.set_title(f"{shift} px", fontsize=8, color=TEXT_COLOR)
    figure.set_label(
        f"A test image shifted to the right by {', '.join(map(str, shifts))} "
        "pixels."
    )
    return figure
