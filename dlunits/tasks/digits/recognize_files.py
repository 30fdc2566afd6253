"""Recognition of the handwritten digits in image files."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from dlunits.data.images.faint_ink import is_clear
from dlunits.data.images.handwriting import (
    MIN_CONTRAST,
    extract_digits,
    limit_size,
    to_brightness,
)
from dlunits.data.images.image_files import (
    ImagePage,
    find_pages,
    to_pillow,
)
from dlunits.serving.load import load_saved_model
from dlunits.typing import Array, Path

MAX_MEGAPIXELS = 40
MIN_SIZE = 1024  # pixels; larger images are reduced while they are read


def load_digit_classifier(folder: Path) -> Any:
    """Loads a SavedModel that recognizes digits.

    Args:
        folder: Folder of a version or of a model, see
            `dlunits.serving.load.find_version`.

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


def recognize_files(
    model: Any, paths: Iterable[Path], reject_rate: float = 0.01
) -> list[dict[str, Any]]:
    """Recognizes one digit per image.

    Args:
        model: SavedModel, see `load_digit_classifier`.
        paths: Image files, see `dlunits.data.images.image_files.read_image`.
        reject_rate: Images with a p-value up to this are not recognized, see
            `dlunits.tasks.digits.rejection`: about this fraction of clean
            digits. Models that return no p-values reject nothing.

    Returns:
        One dict per image. All have `file`, and `page` (from 1) if the file
        contains several images; `digit`, `confidence` (probability
        of that digit) and `scores` (probabilities of all digits) follow, or
        `error`, one line on why the file is not recognized.

    Raises:
        ValueError: If `reject_rate` is not in [0, 1).
    """
    if not 0 <= reject_rate < 1:
        raise ValueError(
            "`reject_rate` must be at least 0 and less than 1. Received: "
            f"{reject_rate=}"
        )
    files = find_pages(paths)
    digits, errors = extract_all(dict.fromkeys(files))
    scores: dict[ImagePage, list[float]] = {}
    if digits:
        outputs = model.serving_default(tf.stack(list(digits.values())))
        scores = dict(
            zip(digits, outputs["scores"].numpy().tolist(), strict=True)
        )
        if "p_value" in outputs:
            p_values = outputs["p_value"].numpy().tolist()
            errors |= {
                path: f"is probably not a digit: its p-value is {p_value:.2g}, "
                f"the reject rate {reject_rate:g}"
                for path, p_value in zip(digits, p_values, strict=True)
                if p_value <= reject_rate
            }
    return [
        {**file.place, "error": errors[file]}
        if file in errors
        else {
            **file.place,
            "digit": scores[file].index(max(scores[file])),
            "confidence": max(scores[file]),
            "scores": scores[file],
        }
        for file in files
    ]


@tf.function(
    input_signature=[tf.TensorSpec((None, None, None), tf.uint8)],
    autograph=False,
)
def extract(page: Any) -> Any:
    """Digit on a page `(height, width, channels)`, `ExtractedDigits`."""
    return extract_digits(limit_size(page)[None])


def extract_all(
    pages: Iterable[ImagePage],
) -> tuple[dict[ImagePage, Any], dict[ImagePage, str]]:
    """Digits as in MNIST by page, and error messages by page."""
    digits: dict[ImagePage, Any] = {}
    errors: dict[ImagePage, str] = {}
    for path in pages:
        try:
            page = read_page(path)
            found = extract(page)
        except ValueError as error:
            errors[path] = str(error)
            continue
        contrast = float(found.contrast[0])
        if contrast < MIN_CONTRAST and not is_faint_ink(page, contrast):
            errors[path] = "is blank: no ink stands out from the paper"
        elif found.several[0]:
            errors[path] = "shows several digits: crop it to one"
        else:
            digits[path] = found.digits[0]
    return digits, errors


def is_faint_ink(page: Array, contrast: float) -> bool:
    """Whether a contrast that a blank page may have is that of clear ink."""
    gray = to_brightness(limit_size(page)[None])[0].numpy()
    return is_clear(gray, contrast)


def read_page(page: ImagePage) -> Array:
    """Reads an image, uint8 `(height, width, channels)`.

    Large images are reduced by an integer factor; the longer side stays at
    least 1024 pixels long.
    """
    image = page.read(
        max_bits=8, min_size=MIN_SIZE, max_megapixels=MAX_MEGAPIXELS
    )
    height, width, _ = image.pixels.shape
    factor = max(1, max(height, width) // MIN_SIZE)
    # Gray becomes RGB, so that all files take the same path.
    shown: Image.Image = to_pillow(image.pixels)
    shown = shown.convert("RGBA" if image.has_alpha else "RGB")
    return np.asarray(shown.reduce(factor))
