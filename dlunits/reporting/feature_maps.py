"""Feature maps of convolutional layers for one image."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from dlunits.reporting.style import (
    TEXT_COLOR,
    TIMES,
    WIDTH,
    frame_axes,
    show_image,
)
from dlunits.typing import Array, ArrayLike

COLUMNS = 8  # maps in a row


def feature_maps(
    model: keras.Model,
    image: ArrayLike,
    layer_names: Sequence[str],
    max_maps: int = 16,
) -> Figure:
    """Plots the feature maps of convolutional layers for one image.

    Args:
        model: Functional or built `Sequential` Keras model.
        image: Array of the model's input shape without the batch axis; a
            channel axis of length 1 may be missing.
        layer_names: Names of layers with an output `(batch, height, width,
            maps)`.
        max_maps: Positive integer, maximum number of maps per layer.

    Returns:
        A `matplotlib.figure.Figure` of the image and the first maps of each
        layer. Each layer has its own color scale, symmetric about 0.

    Raises:
        ValueError: If there is no such layer, or its output is not
            `(batch, height, width, maps)`.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, name="c1")]
    ... )
    >>> feature_maps(model, np.zeros((8, 8)), ["c1"]).get_label()
    'Feature maps. c1: 2 maps, 6 \N{MULTIPLICATION SIGN} 6.'
    """
    stacks = layer_outputs(model, image, layer_names)
    lines = [-(-min(maps.shape[-1], max_maps) // COLUMNS) for maps in stacks]
    # Inches: square maps, a title above each layer, the image on the left.
    heights = [0.68 * count + 0.28 for count in lines]
    # Matplotlib's annotations of subfigures and layout engines are incomplete.
    figure: Any = Figure(
        figsize=(WIDTH, max(sum(heights), 1.4)), layout="constrained"
    )
    figure.get_layout_engine().set(wspace=0.01, hspace=0.01)
    left, right = figure.subfigures(1, 2, width_ratios=[1, 5.2])
    input_axes = left.subplots()
    show_image(input_axes, np.asarray(image))
    input_axes.set_anchor("N")
    title(input_axes, "input")
    bands = right.subfigures(len(stacks), 1, height_ratios=heights)
    for band, name, maps, count in zip(
        np.atleast_1d(bands), layer_names, stacks, lines, strict=True
    ):
        grid = band.subplots(count, COLUMNS, squeeze=False)
        limit = float(np.abs(maps).max()) or 1.0
        for axes in grid.flat:
            axes.axis("off")
        for axes, values in zip(
            grid.ravel(), np.moveaxis(maps[..., :max_maps], -1, 0), strict=False
        ):
            drawn = axes.imshow(values, "RdBu_r", vmin=-limit, vmax=limit)
            frame_axes(axes)
        title(grid[0, 0], describe(name, maps, max_maps))
        bar = band.colorbar(
            drawn,
            ax=grid,
            ticks=[-limit, 0, limit],
            format="{x:+.2f}",
            fraction=0.02,
            pad=0.015,
            aspect=8 * count,
        )
        bar.outline.set_visible(False)
        bar.ax.tick_params(colors=TEXT_COLOR, labelsize=7, length=2, width=0.6)
    names = [
        describe(name, maps, max_maps)
        for name, maps in zip(layer_names, stacks, strict=True)
    ]
    figure.set_label(f"Feature maps. {'; '.join(names)}.")
    return figure


def title(axes: Any, text: str) -> None:
    """Sets the title of a layer."""
    axes.set_title(
        text, loc="left", fontsize=8, color=TEXT_COLOR, pad=4, parse_math=False
    )


def describe(name: str, maps: Array, max_maps: int) -> str:
    """Number and size of the maps of a layer."""
    height, width, number = maps.shape
    first = f"first {max_maps} of " if number > max_maps else ""
    return f"{name}: {first}{number} maps, {height}{TIMES}{width}"


def layer_outputs(
    model: keras.Model, image: ArrayLike, layer_names: Sequence[str]
) -> list[Array]:
    """Feature maps of each layer for an image, `(height, width, maps)` each."""
    layers = [model.get_layer(name) for name in layer_names]
    for layer in layers:
        if len(layer.output.shape) != 4:
            raise ValueError(
                "Feature maps need layers whose output is (batch, height, "
                f"width, maps). Received: {layer.name!r} with output shape "
                f"{layer.output.shape}"
            )
    extractor = keras.Model(model.inputs, [layer.output for layer in layers])
    batch = np.reshape(image, (1, *model.inputs[0].shape[1:]))
    # Keras returns a single output as a tensor and several as a list.
    outputs = keras.tree.flatten(
        extractor([batch.astype("float32")], training=False)
    )
    stacks = [keras.ops.convert_to_numpy(maps)[0] for maps in outputs]
    return [
        np.moveaxis(maps, 0, -1)
        if getattr(layer, "data_format", None) == "channels_first"
        else maps
        for layer, maps in zip(layers, stacks, strict=True)
    ]
