"""Class scores of image files from an exported classifier."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.typing import Array


def add_class_scores(
    results: list[dict[str, Any]],
    images: Mapping[int, Array],
    model: Any,
    classes: list[str],
    folder: pathlib.Path,
) -> None:
    """Classifies images in one batch, and adds class scores to their results.

    A result gets `class`, `confidence` (probability of that class) and `scores`
    (dict from class to probability).

    Args:
        results: List of dicts, one for each file. It is changed in place.
        images: Dict from the index of a result to an image. All images have
            the same shape.
        model: SavedModel whose `serving_default` returns `scores`.
        classes: Names of the classes, from the model card.
        folder: Folder of the SavedModel, for the error message.

    Raises:
        ValueError: If the model does not return one score for each class.
    """
    if not images:
        return
    batch = tf.constant(np.stack(list(images.values())))
    scores = model.serving_default(batch)["scores"].numpy()
    if scores.shape != (len(images), len(classes)):
        raise ValueError(
            f"{folder}: the model card has {len(classes)} classes, but the "
            f"model returns scores of shape {scores.shape[1:]}. Export the "
            "model again"
        )
    for index, probabilities in zip(images, scores.tolist(), strict=True):
        best = int(np.argmax(probabilities))
        results[index] |= {
            "class": classes[best],
            "confidence": probabilities[best],
            "scores": dict(zip(classes, probabilities, strict=True)),
        }
