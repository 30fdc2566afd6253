"""Figures of autoencoders: pictures, filters, maps of codes, rates."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from dlunits.reporting.style import INK, PALE, WIDTH, plain

# Okabe and Ito's colours; beyond eight curves the dashes tell them apart.
CURVES = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00",
          "#56b4e9", "#999999")  # fmt: skip
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)))
MARKERS = "osD^vPX*"

GAP = 2  # pixels between the pictures of a mosaic
SHOWN = 10  # pictures in a row


def first_of_each(labels):
    """Places of the first picture of each class, as many as a row shows.

    >>> first_of_each([1, 1, 0, 4]).tolist()  # of class 0, 1 and 4
    [2, 0, 3]
    """
    return np.unique(labels, return_index=True)[1][:SHOWN]


def picture_rows(rows):
    """Draws rows of pictures under one another, each with its name.

    Args:
        rows: Dict of name to array `(pictures, height, width, 1)` in [0, 1],
            equally long, drawn dark on light.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If there is no picture, or the rows differ in shape.

    Example:

    >>> blank = np.zeros((10, 28, 28, 1))
    >>> picture_rows({"in": blank, "out": blank}).get_label()
    'Rows of 10 pictures: in, out.'
    """
    shapes = {np.shape(pictures) for pictures in rows.values()}
    if len(shapes) != 1 or 0 in min(shapes):
        raise ValueError(
            "`rows` must be equally many pictures of one shape in each row. "
            f"Received: shapes {sorted(shapes)}"
        )
    [(columns, height, *_)] = shapes
    image = mosaic(
        [pictures[..., 0] for pictures in rows.values()], background=0.2
    )
    figure = Figure(
        figsize=(WIDTH, WIDTH * 0.83 * image.shape[0] / image.shape[1] + 0.1),
        layout="constrained",
    )
    axes = figure.subplots()
    axes.imshow(image, "gray_r", vmin=0, vmax=1, interpolation="none")
    middles = GAP + height / 2 + np.arange(len(rows)) * (height + GAP)
    axes.set_yticks(middles, rows, parse_math=False)
    axes.set_xticks([])
    plain(axes, spines=False)
    figure.set_label(f"Rows of {columns} pictures: {', '.join(rows)}.")
    return figure


def filters(kernel, shape, most=40):
    """Draws the weights of units as pictures of what each answers to.

    The units with the largest weights come first. Every picture has a scale
    of its own: red weights are positive, blue ones negative, white is 0.

    Args:
        kernel: Array `(inputs, units)`, the kernel of a dense layer.
        shape: `(height, width)` of the pictures; their product is `inputs`.
        most: Positive integer, the most units to draw.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If the kernel does not fit the shape.

    Example:

    >>> filters(np.ones((784, 50)), (28, 28)).get_label()
    'Weights of 40 of 50 units, the largest first.'
    """
    kernel = np.asarray(kernel)
    if kernel.ndim != 2 or len(kernel) != math.prod(shape):
        raise ValueError(
            f"The kernel must have a row for each pixel of {tuple(shape)}. "
            f"Received: shape {kernel.shape}"
        )
    order = np.argsort(-np.linalg.norm(kernel, axis=0), kind="stable")[:most]
    pictures = kernel.T[order].reshape(-1, *shape)
    largest = np.abs(pictures).max(axis=(1, 2), keepdims=True)
    pictures = pictures / np.where(largest == 0, 1, largest)
    columns = 10
    lines = [
        pictures[start : start + columns]
        for start in range(0, len(pictures), columns)
    ]
    image = mosaic(lines, background=np.nan)
    figure = Figure(
        figsize=(WIDTH, WIDTH * image.shape[0] / image.shape[1]),
        layout="constrained",
    )
    axes = figure.subplots()
    axes.set_facecolor(PALE)
    axes.imshow(image, "RdBu_r", vmin=-1, vmax=1, interpolation="none")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    figure.set_label(
        f"Weights of {len(order)} of {kernel.shape[1]} units, the largest "
        "first."
    )
    return figure


def latent_maps(maps, labels, class_names):
    """Draws codes as points of a plane, coloured by class.

    Each class has its name at the middle of its points.

    Args:
        maps: Dict of name to array `(examples, 2)`.
        labels: Integers `(examples,)`.
        class_names: Names of classes 0, 1, ...

    Returns:
        A `matplotlib.figure.Figure`, a panel a map.

    Example:

    >>> latent_maps({"VAE": np.eye(2)}, [0, 1], ["a", "b"]).get_label()
    '2 codes in the plane, coloured by class: VAE.'
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
    for axes in panels:
        axes.axis("off")
    for axes, (name, points) in zip(panels, maps.items(), strict=False):
        axes.set_title(name, fontsize=9, color=INK, parse_math=False)
        for label, class_name in enumerate(class_names):
            own = np.asarray(points)[labels == label]
            if len(own) == 0:
                continue
            place = (
                label if len(class_names) <= 10 else label / len(class_names)
            )
            axes.scatter(
                *own.T, s=14 / columns, color=colors(place), linewidths=0
            )
            axes.text(
                *np.median(own, axis=0),
                class_name,
                ha="center",
                va="center",
                fontsize=8,
                color=INK,
                parse_math=False,
                bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0,
                      "boxstyle": "round,pad=0.15"},
            )  # fmt: skip
    figure.set_label(
        f"{len(labels):,} codes in the plane, coloured by class: "
        f"{', '.join(maps)}."
    )
    return figure


def rate_distortion_curves(curves):
    """Draws how good pictures are against the bits that they take.

    Args:
        curves: Dict of name to what
            `dlunits.diagnostics.rate_distortion` returned.

    Returns:
        A `matplotlib.figure.Figure`.

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
            color=CURVES[number % len(CURVES)],
            linestyle=DASHES[number // len(CURVES) % len(DASHES)],
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
    plain(axes)
    legend = axes.legend(
        frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure.set_label(f"PSNR against bits per pixel: {', '.join(curves)}.")
    return figure


def mosaic(lines, background):
    """Arrays (pictures, height, width), one a line -> one large picture."""
    height, width = lines[0].shape[1:]
    columns = max(map(len, lines))
    image = np.full(
        (
            GAP + len(lines) * (height + GAP),
            GAP + columns * (width + GAP),
        ),
        background,
        "float32",
    )
    for line, pictures in enumerate(lines):
        top = GAP + line * (height + GAP)
        for column, picture in enumerate(pictures):
            left = GAP + column * (width + GAP)
            image[top : top + height, left : left + width] = picture
    return image
