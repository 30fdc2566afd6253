"""Recognition of the handwritten digits in image files.

TensorFlow is loaded only if the model has no ONNX files, see
`dlunits.tasks.digits.onnx_reader`.
"""

import itertools
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from dlunits.data.images.faint_ink import MIN_CONTRAST, is_clear
from dlunits.data.images.image_files import (
    ImagePage,
    find_pages,
    to_pillow,
)
from dlunits.serving.load import find_version, load_saved_model
from dlunits.tasks.digits.onnx_reader import OnnxReader, find_onnx_files
from dlunits.tasks.digits.read_lines import read_lines
from dlunits.typing import Array, Path

MAX_MEGAPIXELS = 40
# Width divided by height: of shapes that may be several touching digits, and of
# shapes that are wider than any letter.
MIN_ASPECT = 0.9
LINE_ASPECT = 1.6
MIN_SIZE = 1024  # pixels; larger images are reduced while they are read


def load_digit_reader(folder: Path) -> Any:
    """Loads a model that recognizes digits, in the faster of two runtimes.

    onnxruntime is used if it is installed and the model has ONNX files. It
    starts in a fraction of a second, and TensorFlow in several seconds.

    Args:
        folder: Folder of a version or of a model, see
            `dlunits.serving.load.find_version`.

    Returns:
        `dlunits.tasks.digits.onnx_reader.OnnxReader`, or
        `dlunits.tasks.digits.tensorflow_reader.TensorFlowReader`.

    Raises:
        ValueError: If there is no SavedModel, it is damaged, or it does not
            recognize digits.
    """
    files = find_onnx_files(find_version(folder))
    if files is not None:
        return OnnxReader(files)
    model = load_saved_model(folder)
    if not hasattr(model, "recognize"):
        raise ValueError(
            f"The SavedModel in {folder} does not recognize digits: choose one "
            "that apps/lenet_mnist.py exported for digits"
        )
    from dlunits.tasks.digits.tensorflow_reader import TensorFlowReader

    return TensorFlowReader(model)


def recognize_files(
    reader: Any, paths: Iterable[Path], reject_rate: float = 0.01
) -> list[dict[str, Any]]:
    """Recognizes the digits in images.

    Args:
        reader: What `load_digit_reader` returns.
        paths: Image files, see `dlunits.data.images.image_files.read_image`.
        reject_rate: Shapes with a p-value of at most this rate are rejected as
            not a digit, see `dlunits.tasks.digits.rejection`. This rejects
            about this fraction of clean digits. On an image of n digits the
            rate is divided by n (Bonferroni), so that it is the fraction of
            images of clean digits with a rejected digit. Models that return no
            p-values reject nothing.

    Returns:
        One dict per image. All have `file`, and `page` (from 1) if the file
        contains several images. An image of one digit has `digit`,
        `confidence` (probability of that digit), `scores` (probabilities of
        all digits) and `box` (left, top, right and bottom as fractions of the
        image). An image of several digits has `text`, the digits in reading
        order with `?` for rejected shapes and line ends between lines, and
        `digits`, a list of such dicts, each also with `line`, from 1; those of
        rejected shapes have `error` instead of `digit`. An image without a
        recognized digit has `error`, the reason, one line.

    Raises:
        ValueError: If `reject_rate` is not in [0, 1).
    """
    if not 0 <= reject_rate < 1:
        raise ValueError(
            "`reject_rate` must be at least 0 and less than 1. Received: "
            f"{reject_rate=}"
        )
    results = []
    for page in find_pages(paths):
        try:
            answer = read_image(reader, read_page(page), reject_rate)
        except ValueError as error:
            answer = {"error": str(error)}
        results.append({**page.place, **answer})
    return results


def read_image(
    reader: Any, page: Array, reject_rate: float = 0.01
) -> dict[str, Any]:
    """Reads the digit or the digits on a page, see `recognize_files`.

    Raises:
        ValueError: If the page shows no digit.
    """
    found = reader.extract_digit(page)
    contrast = float(found["contrast"][0])
    if contrast < MIN_CONTRAST and not is_clear(found["gray"], contrast):
        raise ValueError("is blank: no ink stands out from the paper")
    outputs = reader.classify(found["digits"])
    single = answer(
        {name: value[0] for name, value in outputs.items()},
        found["box"].tolist(),
        reject_rate,
    )
    if found["several"][0]:
        return several_digits(read_lines(reader, page), reject_rate)
    if "error" not in single:
        return single
    left, top, right, bottom = found["box"]
    height, width, _ = page.shape
    aspect = (right - left) * width / max((bottom - top) * height, 1.0)
    if aspect >= MIN_ASPECT:
        digits = read_lines(reader, page)  # cuts digits that touch
        # A wide letter, such as W, must not be read as two digits.
        count = len(digits) if aspect >= LINE_ASPECT else 1
        if len(digits) > 1 and all(
            each["p_value"] > reject_rate / count for each in digits
        ):
            return several_digits(digits, reject_rate)
    raise ValueError(single["error"])


def several_digits(
    digits: list[dict[str, Any]], reject_rate: float
) -> dict[str, Any]:
    """Result for the digits that `read_lines` returns."""
    answers = [
        {
            **answer(digit, digit["box"], reject_rate / len(digits)),
            "line": digit["line"] + 1,
        }
        for digit in digits
    ]
    if all("error" in each for each in answers):
        raise ValueError(
            "shows no digits: all shapes on it are probably not digits"
        )
    lines = itertools.groupby(answers, operator.itemgetter("line"))
    text = "\n".join(
        "".join(str(each.get("digit", "?")) for each in line)
        for _, line in lines
    )
    return {"text": text, "digits": answers}


def answer(
    outputs: dict[str, Array], box: list[float], reject_rate: float
) -> dict[str, Any]:
    """Result for one digit, or the reason why it is rejected."""
    p_value = float(outputs.get("p_value", 1.0))
    if p_value <= reject_rate:
        return {
            "error": f"is probably not a digit: its p-value is {p_value:.2g}, "
            f"the reject rate {reject_rate:.2g}",
            "box": box,
        }
    scores = outputs["scores"].tolist()
    return {
        "digit": scores.index(max(scores)),
        "confidence": max(scores),
        "scores": scores,
        "box": box,
    }


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
    # Gray becomes RGB, so that all files are processed alike.
    shown = to_pillow(image.pixels).convert(
        "RGBA" if image.has_alpha else "RGB"
    )
    return np.asarray(shown.reduce(factor))
