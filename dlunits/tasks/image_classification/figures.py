"""Figures: the filters of a first convolution, and augmented images."""

from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from dlunits.reporting.style import (
    TEXT_COLOR,
    WIDTH,
    frame_axes,
    show_image,
)
from dlunits.typing import Array

COLUMNS = 16
MAX_FILTERS = 96


def first_layer_filters(layer: keras.layers.Layer) -> Figure:
    """Plots the kernels of a convolution of color images, one per map.

    Args:
        layer: Built `keras.layers.Conv2D` with 1 or 3 input channels.

    Returns:
        A `matplotlib.figure.Figure` of at most 96 kernels as images. Each has
        its own scale: gray is 0, and its largest absolute weight is black or
        full color.

    Example:

    >>> layer = keras.layers.Conv2D(4, 11, name="conv1")
    >>> layer.build((None, 67, 67, 3))
    >>> first_layer_filters(layer).get_label()
    'The 4 kernels of conv1, 11 \N{MULTIPLICATION SIGN} 11 pixels.'
    """
    kernel = keras.ops.convert_to_numpy(layer.kernel).astype("float32")
    height, width, _, number = kernel.shape
    kernels = np.moveaxis(kernel, -1, 0)[:MAX_FILTERS]
    largest = np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)
    shown = 0.5 + 0.5 * kernels / np.maximum(largest, 1e-12)
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    # Matplotlib's annotations of layout engines are incomplete.
    figure: Any = Figure(
        figsize=(WIDTH * columns / COLUMNS, WIDTH / COLUMNS * rows + 0.05),
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01)
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in all_axes:
        axes.axis("off")
    for axes, image in zip(all_axes, shown, strict=False):
        axes.imshow(
            image[..., 0] if image.shape[-1] == 1 else image,
            "gray",
            vmin=0,
            vmax=1,
        )
        frame_axes(axes)
    which = f"first {len(shown)} of {number}" if number > len(shown) else number
    figure.set_label(
        f"The {which} kernels of {layer.name}, {height} "
        f"\N{MULTIPLICATION SIGN} {width} pixels."
    )
    return figure


def augmented_images(images: Array, variants: Array) -> Figure:
    """Plots images, each with random variants of it.

    Args:
        images: Array `(num_images, height, width, 1 or 3)`, uint8.
        variants: Floats `(num_images, num_variants, height, width, 3)`. Values
            outside [0, 1] are drawn as 0 or 1.

    Returns:
        A `matplotlib.figure.Figure`, a row for each image.

    Example:

    >>> images = np.zeros((2, 8, 8, 1), "uint8")
    >>> augmented_images(images, np.zeros((2, 7, 6, 6, 3))).get_label()
    '2 training images, each with 7 random variants.'
    """
    number, columns = variants.shape[:2]
    figure = Figure(figsize=(WIDTH, 0.95 * number + 0.2), layout="constrained")
    grid = figure.subplots(number, columns + 1, squeeze=False)
    for line, image, crops in zip(
        grid, images, np.clip(variants, 0, 1), strict=True
    ):
        for axes, shown in zip(line, [image, *crops], strict=True):
            show_image(axes, shown)
    for axes, title in (grid[0, 0], "image"), (grid[0, 1], "variants"):
        axes.set_title(title, fontsize=8, color=TEXT_COLOR, loc="left", pad=4)
    figure.set_label(
        f"{number} training images, each with {columns} random variants."
    )
    return figure
