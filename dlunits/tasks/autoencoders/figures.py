"""Figures of autoencoders: filters, latent maps, rate-distortion curves."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from dlunits.reporting.figure_text import shorten_names
from dlunits.reporting.image_grid import mosaic
from dlunits.reporting.style import (
    CURVE_COLORS,
    CURVE_DASHES,
    LIGHT_GRAY,
    TEXT_COLOR,
    WIDTH,
    style_axes,
)
from dlunits.typing import ArrayLike

MARKERS = "osD^vPX*"
MAX_NAME_LENGTH = 14  # characters of a class in a map


def filters(
    kernel: ArrayLike, shape: tuple[int, int], max_units: int = 40
) -> Figure:
    """Plots the weights of the units of a dense layer as images.

    The units with the largest norms come first. Each image has its own scale:
    red weights are positive, blue weights are negative, white is 0.

    Args:
        kernel: Kernel of a dense layer, `(inputs, units)`.
        shape: `(height, width)` of the images, with `inputs` pixels.
        max_units: Maximum number of units.

    Returns:
        Figure.

    Raises:
        ValueError: If the kernel does not fit the shape.

    Example:

    >>> filters(np.ones((784, 50)), (28, 28)).get_label()
    'Weights of 40 of 50 units, the largest first.'
    """
    kernel = np.asarray(kernel)
    if kernel.ndim != 2 or len(kernel) != math.prod(shape):
        raise ValueError(
            f"The kernel must have one row per pixel of {tuple(shape)}. "
            f"Received: shape {kernel.shape}"
        )
    order = np.argsort(-np.linalg.norm(kernel, axis=0), kind="stable")[
        :max_units
    ]
    images = kernel.T[order].reshape(-1, *shape)
    largest = np.abs(images).max(axis=(1, 2), keepdims=True)
    images = images / np.where(largest == 0, 1, largest)
    columns = 10
    lines = [
        images[start : start + columns]
        for start in range(0, len(images), columns)
    ]
    image = mosaic(lines, background=np.nan)
    figure = Figure(
        figsize=(WIDTH, WIDTH * image.shape[0] / image.shape[1]),
        layout="constrained",
    )
    axes = figure.subplots()
    axes.set_facecolor(LIGHT_GRAY)
    axes.imshow(image, "RdBu_r", vmin=-1, vmax=1, interpolation="none")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    figure.set_label(
        f"Weights of {len(order)} of {kernel.shape[1]} units, the largest "
        "first."
    )
    return figure


def latent_maps(
    maps: Mapping[str, ArrayLike],
    labels: ArrayLike,
    class_names: Sequence[str],
) -> Figure:
    """Plots two-dimensional maps of codes, colored by class.

    The name of a class is written at the median of its points.

    Args:
        maps: Dict from name to points `(examples, 2)`.
        labels: Integers `(examples,)`.
        class_names: Names of classes 0, 1, ...

    Returns:
        Figure with one panel per map.

    Example:

    >>> latent_maps({"VAE": np.eye(2)}, [0, 1], ["a", "b"]).get_label()
    '2 codes in the plane, colored by class: VAE.'
    """
    labels = np.asarray(labels)
    columns = min(len(maps), 3)
    lines = -(-len(maps) // columns)
    side = (WIDTH if columns > 1 else 4.6) / columns
    figure = Figure(
        figsize=(side * columns, (side + 0.2) * lines), layout="constrained"
    )
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    colors = colormaps["tab10" if len(class_names) <= 10 else "nipy_spectral"]
    names = shorten_names(class_names, MAX_NAME_LENGTH)
    for axes in panels:
        axes.axis("off")
    for axes, (name, points) in zip(panels, maps.items(), strict=False):
        axes.set_title(name, fontsize=9, color=TEXT_COLOR, parse_math=False)
        for label, class_name in enumerate(names):
            members = np.asarray(points)[labels == label]
            if len(members) == 0:
                continue
            position = (
                label if len(class_names) <= 10 else label / len(class_names)
            )
            axes.scatter(
                *members.T, s=14 / columns, color=colors(position), linewidths=0
            )
            axes.text(
                *np.median(members, axis=0),
                class_name,
                ha="center",
                va="center",
                fontsize=8,
                color=TEXT_COLOR,
                parse_math=False,
                bbox={
                    "facecolor": "white",
                    "alpha": 0.75,
                    "linewidth": 0,
                    "boxstyle": "round,pad=0.15",
                },
            )
    figure.set_label(
        f"{len(labels):,} codes in the plane, colored by class: "
        f"{', '.join(maps)}."
    )
    return figure


def rate_distortion_curves(
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Figure:
    """Plots the PSNR against the bits per pixel (rate-distortion curves).

    Args:
        curves: Dict from name to the result of
            `dlunits.diagnostics.rate_distortion`.

    Returns:
        Figure.

    Example:

    >>> points = [
    ...     {"step": 1, "bits_per_pixel": 0.1, "psnr": 15},
    ...     {"step": 0, "bits_per_pixel": None, "psnr": 16},
    ... ]
    >>> rate_distortion_curves({"PCA": points}).get_label()
    'PSNR against bits per pixel: PCA.'
    """
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    for number, (name, points) in enumerate(curves.items()):
        shown = [point for point in points if point["bits_per_pixel"]]
        axes.plot(
            [point["bits_per_pixel"] for point in shown],
            [point["psnr"] for point in shown],
            color=CURVE_COLORS[number % len(CURVE_COLORS)],
            linestyle=CURVE_DASHES[
                number // len(CURVE_COLORS) % len(CURVE_DASHES)
            ],
            marker=MARKERS[number % len(MARKERS)],
            markersize=3.5,
            linewidth=1.4,
            label=name,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("Bits per pixel")
    axes.set_ylabel("PSNR (dB)")
    style_axes(axes)
    legend = axes.legend(
        frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure.set_label(f"PSNR against bits per pixel: {', '.join(curves)}.")
    return figure
