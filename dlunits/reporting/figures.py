"""Figures: training curves, confusion matrix, most confident errors.

Each function returns a `matplotlib.figure.Figure` without a window or global
state. Its label, `figure.get_label()`, is a sentence that describes it, the
alternative text in `html_report`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import sklearn.metrics
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dlunits.reporting.feature_maps import feature_maps as feature_maps
from dlunits.reporting.figure_text import shorten_names
from dlunits.reporting.style import (
    BLUE,
    LIGHT_GRAY,
    TEXT_COLOR,
    VERMILLION,
    WIDTH,
    show_image,
    style_axes,
)
from dlunits.typing import Array, ArrayLike

CHARACTER_WIDTH = 0.07  # inches, of tick labels
MAX_NAME_LENGTH = 24  # characters of a class on an axis
MAX_TITLE_LENGTH = 10  # characters of a class above an image


def training_curves(
    history: Mapping[str, Sequence[float]], monitor: str = "val_loss"
) -> Figure:
    """Plots training and validation loss and accuracy by epoch.

    Args:
        history: Dict of equally long lists, one entry for each epoch, as
            `keras.callbacks.History.history`: `loss`, and optionally
            `val_loss`, `accuracy` in [0, 1] and `val_accuracy`.
        monitor: Key of the metric that early stopping monitors. Its best epoch
            (the highest accuracy, the lowest value of other metrics) is marked
            if `history` has it.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If `history` has no `loss` or no epoch.

    Example:

    >>> figure = training_curves({"loss": [2, 1], "val_loss": [2, 3]})
    >>> figure.get_label()  # 2 is less than 3
    'Training curves, 2 epoch(s); best val_loss at epoch 1.'
    """
    if len(history.get("loss", ())) == 0:
        raise ValueError(
            "`history` must have the loss of at least one epoch under 'loss'. "
            f"Received: keys {sorted(history)}"
        )
    epochs = np.arange(1, len(history["loss"]) + 1)
    best = best_epoch(history, monitor)
    panels = [("loss", "Loss", 1), ("accuracy", "Accuracy (%)", 100)]
    panels = [panel for panel in panels if panel[0] in history]
    figure = Figure(figsize=(WIDTH, 2.7), layout="constrained")
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (key, name, scale) in zip(all_axes, panels, strict=True):
        for curve, label, color, marker in [
            (key, "training", BLUE, "o"),
            (f"val_{key}", "validation", VERMILLION, "s"),
        ]:
            if curve in history:
                axes.plot(
                    epochs,
                    scale * np.asarray(history[curve], "float64"),
                    color=color,
                    label=label,
                    linewidth=1.6,
                    marker=marker,
                    markersize=3.5 if len(epochs) <= 30 else 0,
                )
        axes.set_xlabel("Epoch")
        axes.set_ylabel(name)
        axes.xaxis.set_major_locator(
            MaxNLocator(integer=True, min_n_ticks=1, nbins=8)
        )
        if best is not None:
            axes.axvline(
                best,
                color=TEXT_COLOR,
                linewidth=0.9,
                linestyle=(0, (4, 3)),
                label=f"best epoch by {monitor}: {best}",
                zorder=0,
            )
        style_axes(axes)
    all_axes[0].legend(frameon=False, fontsize=8)
    figure.set_label(
        f"Training curves, {len(epochs)} epoch(s)"
        + (f"; best {monitor} at epoch {best}." if best else ".")
    )
    return figure


def best_epoch(
    history: Mapping[str, Sequence[float]], monitor: str
) -> int | None:
    """Epoch with the best finite metric, counted from 1, or `None`."""
    scores = np.asarray(history.get(monitor, ()), "float64")
    if not np.isfinite(scores).any():
        return None
    if "accuracy" in monitor:
        scores = -scores
    return int(np.nanargmin(scores)) + 1


def confusion_matrix(
    labels: ArrayLike, predictions: ArrayLike, class_names: Sequence[str]
) -> Figure:
    """Plots a confusion matrix with the recall of each class.

    Only errors are colored, by their count, so that they are visible beside a
    much larger diagonal.

    Args:
        labels: Integers `(examples,)`, the true classes.
        predictions: Integers `(examples,)`, the predicted classes.
        class_names: Names of classes 0, 1, ...

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If lengths differ or a class has no name.

    Example:

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], ["a", "b"]).get_label()
    'Confusion matrix of 2 classes: 2 of 3 examples are on the diagonal.'
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    size = len(class_names)
    check_classes("labels", labels, class_names)
    check_classes("predictions", predictions, class_names)
    counts = sklearn.metrics.confusion_matrix(
        labels, predictions, labels=range(size)
    )
    right = np.eye(size, dtype=bool)
    max_errors = max(counts[~right].max(initial=0), 1)

    names = shorten_names(class_names, MAX_NAME_LENGTH)
    longest = max(map(len, names))
    side = float(np.clip(0.42 * size, 2.4, 12))
    room = CHARACTER_WIDTH * max(longest - 2, 0)  # for the tick labels
    figure = Figure(
        figsize=(side + 1.8 + room, side + 0.9 + room * (longest > 3)),
        layout="constrained",
    )
    axes = figure.subplots()
    axes.set_facecolor(LIGHT_GRAY)  # shows where the diagonal is masked
    axes.imshow(
        np.ma.masked_where(right, counts),
        cmap="Oranges",
        vmin=0,
        vmax=max_errors,
    )
    # For more than 30 classes the numbers would be too small to read.
    for row, column in np.argwhere(counts) if size <= 30 else ():
        count = counts[row, column]
        dark = row != column and count > 0.6 * max_errors
        axes.text(
            column,
            row,
            f"{count:,}",
            ha="center",
            va="center",
            color="white" if dark else TEXT_COLOR,
            fontsize=7 if count >= 1000 else 8,
            fontweight="bold" if row == column else "normal",
        )
    axes.set_xticks(
        range(size),
        names,
        parse_math=False,
        rotation=0 if longest <= 3 else 90,
    )
    axes.set_yticks(range(size), names, parse_math=False)
    axes.set_xlabel("Predicted class")
    axes.set_ylabel("True class")
    recall = axes.secondary_yaxis("right")
    recall.set_yticks(
        range(size),
        [
            f"{100 * counts[row, row] / total:.1f} %" if total else "none"
            for row, total in enumerate(counts.sum(axis=1))
        ],
    )
    recall.set_ylabel("Recall", labelpad=2)
    style_axes(axes, spines=False)
    style_axes(recall, spines=False)
    figure.set_label(
        f"Confusion matrix of {size} classes: {np.trace(counts):,} of "
        f"{len(labels):,} examples are on the diagonal."
    )
    return figure


def confident_errors(
    images: Sequence[ArrayLike] | Array,
    labels: ArrayLike,
    scores: ArrayLike,
    class_names: Sequence[str],
    max_images: int = 24,
) -> Figure:
    """Plots the misclassified images with the highest confidence.

    Args:
        images: Array `(examples, height, width)`, with or without 1 or 3
            channels (uint8, or floats in [0, 1]), or a sequence of images, of
            which only those shown are read.
        labels: Integers `(examples,)`, the true classes.
        scores: Array `(examples, classes)`, probabilities.
        class_names: Names of classes 0, 1, ...
        max_images: Positive integer, maximum number of images.

    Returns:
        A `matplotlib.figure.Figure`. Without errors it contains a sentence.

    Raises:
        ValueError: If lengths differ or a class has no name.

    Example:

    >>> scores = [[0.9, 0.1], [0.2, 0.8]]
    >>> confident_errors(
    ...     np.zeros((2, 8, 8)), [1, 1], scores, ["a", "b"]
    ... ).get_label()
    'The 1 most confident of 1 errors; the first is b predicted as a (90.0 %).'
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    check_classes("labels", labels, class_names)
    if not len(images) == len(labels) == len(scores):
        raise ValueError(
            "`images`, `labels` and `scores` must be equally long. Received: "
            f"{len(images)}, {len(labels)} and {len(scores)}"
        )
    predictions = scores.argmax(axis=1)
    check_classes("predictions", predictions, class_names)
    confidence = scores.max(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    if len(wrong) == 0:
        return sentence(
            f"No errors: all {len(labels):,} images are classified correctly."
        )
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:max_images]

    columns = 8
    rows = -(-len(shown) // columns)
    names = shorten_names(class_names, MAX_TITLE_LENGTH)
    long_names = max(map(len, names)) > 4
    height = (1.45 if long_names else 1.3) * rows
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in all_axes:
        axes.axis("off")
    for axes, index in zip(all_axes, shown, strict=False):
        show_image(axes, np.asarray(images[index]))
        axes.set_title(
            names[labels[index]]
            + ("\n→ " if long_names else " → ")
            + f"{names[predictions[index]]}\n"
            + f"{100 * confidence[index]:.1f} %",
            fontsize=8,
            color=TEXT_COLOR,
            pad=3,
            parse_math=False,
        )
    first = shown[0]
    figure.set_label(
        f"The {len(shown)} most confident of {len(wrong):,} errors; the first "
        f"is {class_names[labels[first]]} predicted as "
        f"{class_names[predictions[first]]} ({100 * confidence[first]:.1f} %)."
    )
    return figure


def check_classes(
    name: str, classes: ArrayLike, class_names: Sequence[str]
) -> None:
    """Checks that classes are integers with a name.

    Raises:
        ValueError: If they are not.
    """
    classes = np.asarray(classes)
    if classes.ndim != 1 or not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(
            f"`{name}` must be a vector of integers. Received: "
            f"{classes.dtype} of shape {classes.shape}"
        )
    if classes.size and not 0 <= classes.min() <= classes.max() < len(
        class_names
    ):
        raise ValueError(
            f"`{name}` must be from 0 to {len(class_names) - 1}, the indices "
            f"of the class names. Received: {classes.min()} to {classes.max()}"
        )


def sentence(text: str) -> Figure:
    """Figure with a sentence instead of a plot."""
    figure = Figure(figsize=(WIDTH, 0.6), label=text)
    figure.text(0.5, 0.5, text, ha="center", va="center", color=TEXT_COLOR)
    return figure
