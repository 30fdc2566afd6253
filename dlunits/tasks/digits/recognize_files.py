"""Recognition of the handwritten digits in image files."""

import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from dlunits.data.images.handwriting import (
    MIN_CONTRAST,
    extract_digits,
    limit_size,
)
from dlunits.data.images.image_files import read_image, to_pillow
from dlunits.serving.load import load_saved_model
from dlunits.typing import Array, Path

MAX_MEGAPIXELS = 40
MIN_SIZE = 1024  # pixels; larger images are reduced while they are read


def load_digit_classifier(folder: Path) -> Any:
    """Loads a SavedModel that recognizes digits.

    Args:
        folder: Folder of one version, `saved_models/<name>/<integer>`.

    Returns:
        The SavedModel.

    Raises:
        ValueError: If there is no SavedModel, it is damaged, or it does not
            recognize digits.
    """
    model = load_saved_model(folder)
    if not hasattr(model, "recognize"):
        raise ValueError(
            f"The SavedModel in {folder} does not recognize digits: choose one "
            "that apps/lenet_mnist.py exported for digits"
        )
    return model


def recognize_files(model: Any, paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Recognizes one digit per image file.

    Args:
        model: SavedModel, see `load_digit_classifier`.
        paths: Image files, see `dlunits.data.images.image_files.read_image`.

    Returns:
        One dict per path. All have `file`; `digit`, `confidence` (probability
        of that digit) and `scores` (probabilities of all digits) follow, or
        `error`, one line on why the file is not recognized.
    """
    files = [pathlib.Path(path) for path in paths]
    digits, errors = extract_all(dict.fromkeys(files))
    scores: dict[pathlib.Path, list[float]] = {}
    if digits:
        outputs = model.serving_default(tf.stack(list(digits.values())))
        scores = dict(
            zip(digits, outputs["scores"].numpy().tolist(), strict=True)
        )
    return [
        {"file": str(file), "error": errors[file]}
        if file in errors
        else {
            "file": str(file),
            "digit": scores[file].index(max(scores[file])),
            "confidence": max(scores[file]),
            "scores": scores[file],
        }
        for file in files
    ]


def extract_all(
    paths: Iterable[pathlib.Path],
) -> tuple[dict[pathlib.Path, Any], dict[pathlib.Path, str]]:
    """Digits as in MNIST by path, and error messages by path."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None), tf.uint8)])
    def extract(page: Any) -> Any:
        return extract_digits(limit_size(page)[None])

    digits: dict[pathlib.Path, Any] = {}
    errors: dict[pathlib.Path, str] = {}
    for path in paths:
        try:
            found = extract(read_page(path))
        except ValueError as error:
            errors[path] = str(error)
            continue
        if found.contrast[0] < MIN_CONTRAST:
            errors[path] = "is blank: no ink stands out from the paper"
        elif found.several[0]:
            errors[path] = "shows several digits: crop it to one"
        else:
            digits[path] = found.digits[0]
    return digits, errors


def read_page(path: pathlib.Path) -> Array:
    """Reads an image file, uint8 `(height, width, channels)`.

    Large images are reduced by an integer factor; the longer side stays at
    least 1024 pixels long.
    """
    image = read_image(
        path,
        max_bits=8,
        min_size=MIN_SIZE,
        page=0,
        max_megapixels=MAX_MEGAPIXELS,
    )
    height, width, _ = image.pixels.shape
    factor = max(1, max(height, width) // MIN_SIZE)
    # Gray becomes RGB, so that all files take the same path.
    page: Image.Image = to_pillow(image.pixels)
    page = page.convert("RGBA" if image.has_alpha else "RGB")
    return np.asarray(page.reduce(factor))
