"""Letters of scripts other than Latin, in the format of MNIST."""

import functools
import importlib.metadata
import string
import unicodedata
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from dlunits.data.images.handwriting import normalize_size
from dlunits.typing import Array

FONT = "matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf"
LAST_CODE = 0xFFFF  # largest code point that is considered
FONT_SIZE = 40  # pixels
CANVAS = 96  # pixels, of each side
SCRIPTS = (
    "ARABIC LETTER",
    "ARMENIAN",
    "CANADIAN SYLLABICS",
    "GEORGIAN",
    "HEBREW LETTER",
    "LAO LETTER",
    "NKO LETTER",
    "TIFINAGH",
)
NO_CHARACTER = "\uffff"
MAX_SIMILARITY = 0.85  # cosine similarity to any Latin letter or digit


@functools.cache
def letter_shapes() -> Array:
    """Images of letters that resemble neither a Latin letter nor a digit.

    They are the letters of eight scripts in DejaVu Sans, the font of
    Matplotlib, with the size and position that digits have in MNIST. Letters
    whose image has a cosine similarity above 0.85 to that of a Latin letter or
    a digit are left out.

    Returns:
        Array `(letters, 28, 28)`, uint8; the strokes are 255.

    Example:

    >>> letters = letter_shapes()
    >>> len(letters) > 500, letters.shape[1:]
    (True, (28, 28))
    """
    letters = draw_characters(
        character
        for character in map(chr, range(LAST_CODE))
        if unicodedata.name(character, "").startswith(SCRIPTS)
    )
    latin = draw_characters(string.ascii_letters + string.digits)
    similarity = unit_vectors(letters) @ unit_vectors(latin).T
    letters = letters[similarity.max(axis=1) <= MAX_SIMILARITY]
    return np.round(255 * letters).astype("uint8")


def draw_characters(characters: Iterable[str]) -> Array:
    """Draws characters: images `(characters, 28, 28)` in [0, 1].

    Empty characters, and those that are not in the font, are left out.
    """
    path = importlib.metadata.distribution("matplotlib").locate_file(FONT)
    font = ImageFont.truetype(str(path), FONT_SIZE)

    def draw(character: str) -> Array:
        page = Image.new("L", (CANVAS, CANVAS))
        ImageDraw.Draw(page).text((24, 24), character, 255, font)
        return np.asarray(page, "float32") / 255

    missing = draw(NO_CHARACTER)
    pages = [
        page
        for page in map(draw, characters)
        if page.any() and not np.array_equal(page, missing)
    ]
    with tf.init_scope():  # eager, even while a graph is being built
        return normalize_size(np.stack(pages)).numpy()[..., 0]


def unit_vectors(images: Array) -> Array:
    """Flattens images to rows of norm 1."""
    rows = images.reshape(len(images), -1)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
