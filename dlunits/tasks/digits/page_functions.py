"""Preprocessing from a page to digits, as functions of a graph.

`dlunits.tasks.digits.tensorflow_reader` calls them, and `dlunits export`
converts them together with a model of digits, so that both read a page in the
same way. They take a page as an array, after image files are decoded.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.data.images.handwriting import (
    MIN_CLUTTER,
    limit_size,
    normalize_contrast,
    normalize_size,
    segment_digits,
    separate_foreground,
    to_brightness,
)
from dlunits.data.images.sheet_of_paper import crop_to_sheet
from dlunits.typing import Array, Tensor

MAX_INK_SIZE = 1024  # longer side of a page with several digits, pixels
PAGE = tf.TensorSpec((None, None, None), tf.uint8, "page")
LEVELS = tf.TensorSpec((None, None, None), tf.float32, "levels")


def page_functions() -> dict[str, Any]:
    """Functions by name, to export together with a classifier of digits.

    Returns:
        Dict from name to a `tf.function` with one signature.

    Example:

    >>> sorted(page_functions())
    ['extract_digit', 'find_ink', 'normalize_digits']
    """
    return {
        function.__name__: tf.function(
            function, autograph=False, input_signature=[signature]
        )
        for function, signature in (
            (extract_digit, PAGE),
            (find_ink, PAGE),
            (normalize_digits, LEVELS),
        )
    }


def example_arguments() -> dict[str, dict[str, Array]]:
    """Arguments of each of `page_functions`, for a test call."""
    page = np.full((120, 150, 3), 230, "uint8")
    page[30:90, 70:80] = 20  # a 1
    levels = np.zeros((1, 40, 30), "float32")
    levels[0, 5:35, 12:18] = 1
    return {
        "extract_digit": {"page": page},
        "find_ink": {"page": page},
        "normalize_digits": {"levels": levels},
    }


def extract_digit(page: Tensor) -> dict[str, Tensor]:
    """Finds the digit on a page, see `handwriting.extract_digits`.

    Args:
        page: `(height, width, channels)`, uint8: gray, gray and alpha, RGB or
            RGBA.

    Returns:
        Dict of `digits` `(1, 28, 28, 1)`, the digit as in MNIST; `contrast`
        and `several`, each `(1,)`; `gray`, the brightness of the page, of at
        most 512 pixels on the longer side; and `box`, left, top, right and
        bottom of the digit as fractions of the page.
    """
    gray = to_brightness(limit_size(page)[None])
    level, contrast, several = segment_digits(gray)
    left, right = ends(tf.reduce_max(level, axis=(0, 1)))
    top, bottom = ends(tf.reduce_max(level, axis=(0, 2)))
    return {
        "digits": normalize_size(level),
        "contrast": contrast,
        "several": several,
        "gray": gray[0],
        "box": tf.stack([left, top, right, bottom]),
    }


def ends(profile: Tensor) -> tuple[Tensor, Tensor]:
    """First and last position that is not 0, as fractions of the length."""
    length = tf.shape(profile)[0]
    inside = tf.cast(profile > 0, tf.int32)
    first = tf.argmax(inside, output_type=tf.int32)
    last = length - tf.argmax(inside[::-1], output_type=tf.int32)
    total = tf.cast(length, tf.float32)
    return tf.cast(first, tf.float32) / total, tf.cast(last, tf.float32) / total


def find_ink(page: Tensor) -> dict[str, Tensor]:
    """Separates ink from paper, at a higher resolution than `extract_digit`.

    Args:
        page: As in `extract_digit`.

    Returns:
        Dict of `level`: the ink `(height, width)`, float32 in [0, 1], of at
        most 1024 pixels on the longer side. Lines and frames are not removed.
    """
    gray = to_brightness(limit_size(page, MAX_INK_SIZE)[None])
    foreground = separate_foreground(crop_to_sheet(gray))
    level, _ = normalize_contrast(foreground, MIN_CLUTTER)
    return {"level": level[0]}


def normalize_digits(levels: Tensor) -> dict[str, Tensor]:
    """Normalizes the size of digits as in MNIST.

    Args:
        levels: `(batch, height, width)`, float32 in [0, 1].

    Returns:
        Dict of `digits` `(batch, 28, 28, 1)`.
    """
    return {"digits": normalize_size(levels)}
