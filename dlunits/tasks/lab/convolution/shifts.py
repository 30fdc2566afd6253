"""Accuracy of a classifier on shifted test images."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from dlunits.typing import Array

MAX_SHIFT = 6  # pixels
IMAGES_PER_CALL = 20_000  # limits memory
BATCH_SIZE = 500

# The eight directions of a shift, (dy, dx).
DIRECTIONS = {
    "up": (-1, 0),
    "down": (1, 0),
    "left": (0, -1),
    "right": (0, 1),
    "up left": (-1, -1),
    "up right": (-1, 1),
    "down left": (1, -1),
    "down right": (1, 1),
}


def shift_images(images: Array, dy: int, dx: int) -> Array:
    """Shifts images by whole pixels; the pixels of the border are repeated.

    Args:
        images: Array `(n, height, width, channels)`.
        dy: Pixels downwards, or upwards if negative.
        dx: Pixels to the right, or to the left if negative.

    Returns:
        Array of the same shape.

    Example:

    >>> shift_images(np.array([[[[1], [2], [3]]]]), dy=0, dx=1).ravel().tolist()
    [1, 1, 2]
    """
    _, height, width, _ = images.shape
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    return images[:, rows[:, None], columns]


def shift_offsets(max_shift: int = MAX_SHIFT) -> list[dict[str, Any]]:
    """All shifts by 0 to `max_shift` pixels in eight directions.

    A diagonal shift by 2 pixels is a shift by 2 rows and 2 columns.

    >>> len(shift_offsets(6))  # 1 + 6 * 8
    49
    >>> shift_offsets(1)[2]
    {'shift': 1, 'direction': 'down', 'dy': 1, 'dx': 0}
    """
    moved = [
        {"shift": shift, "direction": name, "dy": shift * dy, "dx": shift * dx}
        for shift in range(1, max_shift + 1)
        for name, (dy, dx) in DIRECTIONS.items()
    ]
    return [{"shift": 0, "direction": "", "dy": 0, "dx": 0}, *moved]


def accuracy_by_shift(
    model: keras.Model,
    images: Array,
    labels: Array,
    *,
    max_shift: int = MAX_SHIFT,
    update: Callable[[int], Any] = lambda _: None,
) -> list[dict[str, Any]]:
    """Accuracy on test images that are shifted in eight directions.

    Args:
        model: Classifier.
        images: Array `(n, height, width, channels)`. Shifted images are
            reshaped to the input shape of the model.
        labels: Indices of the classes `(n,)`.
        max_shift: Largest shift in pixels.
        update: Called with the number of shifts that were evaluated, after each
            call of the model.

    Returns:
        List of dicts with the keys `shift`, `direction`, `dy`, `dx` and
        `accuracy`.
    """
    offsets = shift_offsets(max_shift)
    group = max(1, IMAGES_PER_CALL // len(images))
    rows = []
    for start in range(0, len(offsets), group):
        chosen = offsets[start : start + group]
        shifted = np.concatenate(
            [shift_images(images, row["dy"], row["dx"]) for row in chosen]
        )
        scores = model.predict(
            shifted.reshape(len(shifted), *model.input_shape[1:]),
            batch_size=BATCH_SIZE,
            verbose=0,
        )
        right = scores.argmax(axis=1).reshape(len(chosen), -1) == labels
        rows += [
            {**row, "accuracy": float(accuracy)}
            for row, accuracy in zip(chosen, right.mean(axis=1), strict=True)
        ]
        update(len(chosen))
    return rows


def mean_over_directions(rows: list[dict[str, Any]]) -> dict[int, float]:
    """Mean accuracy of each shift over its directions.

    >>> rows = [{"shift": 1, "accuracy": 0.5}, {"shift": 1, "accuracy": 1.0}]
    >>> mean_over_directions(rows)
    {1: 0.75}
    """
    shifts = sorted({row["shift"] for row in rows})
    return {
        shift: float(
            np.mean([row["accuracy"] for row in rows if row["shift"] == shift])
        )
        for shift in shifts
    }
