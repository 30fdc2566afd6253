"""Image grids: labeled rows of images, and mosaics."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from dlunits.reporting.figure_text import shorten_names
from dlunits.reporting.style import WIDTH, style_axes
from dlunits.typing import Array, ArrayLike

GAP = 2  # pixels between the images of a mosaic
MAX_COLUMNS = 10  # images of a row
MAX_NAME_LENGTH = 18  # characters of the name of a row


def first_index_per_class(labels: ArrayLike) -> Array:
    """Index of the first image of each class, for at most 10 classes.

    Args:
        labels: Integers `(images,)`, the classes.

    Returns:
        Integer array `(classes,)`, in the order of the classes.

    Example:

    >>> first_index_per_class([1, 1, 0, 4]).tolist()  # of class 0, 1 and 4
    [2, 0, 3]
    """
    return np.unique(labels, return_index=True)[1][:MAX_COLUMNS]


def image_rows(rows: Mapping[str, Array]) -> Figure:
    """Plots labeled rows of images below each other.

    Args:
        rows: Dict of name to array `(images, height, width, 1)`, gray from 0
            to 1, equally long.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is no image, or the rows differ in shape.

    Example:

    >>> blank = np.zeros((10, 28, 28, 1))
    >>> image_rows({"in": blank, "out": blank}).get_label()
    'Rows of 10 images: in, out.'
    """
    shapes = {np.shape(images) for images in rows.values()}
    if len(shapes) != 1 or 0 in min(shapes):
        raise ValueError(
            "`rows` must have equally many images of one shape in each row. "
            f"Received: shapes {sorted(shapes)}"
        )
    [(columns, height, *_)] = shapes
    image = mosaic([images[..., 0] for images in rows.values()], background=0.8)
    figure = Figure(
        figsize=(WIDTH, WIDTH * 0.83 * image.shape[0] / image.shape[1] + 0.1),
        layout="constrained",
    )
    axes = figure.subplots()
    axes.imshow(image, "gray", vmin=0, vmax=1, interpolation="none")
    middles = GAP + height / 2 + np.arange(len(rows)) * (height + GAP)
    names = shorten_names(list(rows), MAX_NAME_LENGTH)
    axes.set_yticks(middles, names, parse_math=False)
    axes.set_xticks([])
    style_axes(axes, spines=False)
    figure.set_label(f"Rows of {columns} images: {', '.join(rows)}.")
    return figure


def mosaic(lines: Sequence[Array], background: float) -> Array:
    """Combines images into one, a row of images for each array.

    Args:
        lines: List of arrays `(images, height, width)`, one for each row.
        background: Value between the images.

    Returns:
        Float32 `(total_height, total_width)`.
    """
    height, width = lines[0].shape[1:]
    columns = max(map(len, lines))
    canvas = np.full(
        (
            GAP + len(lines) * (height + GAP),
            GAP + columns * (width + GAP),
        ),
        background,
        "float32",
    )
    for line, images in enumerate(lines):
        top = GAP + line * (height + GAP)
        for column, image in enumerate(images):
            left = GAP + column * (width + GAP)
            canvas[top : top + height, left : left + width] = image
    return canvas
