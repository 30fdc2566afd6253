"""Letters of other scripts: their size, and similarity to digits."""

import string
import unicodedata

import numpy as np
from scipy import ndimage

from dlunits.data.images.letter_shapes import draw_characters, letter_shapes


def test_letters_are_different_and_have_the_size_and_position_of_digits():
    letters = letter_shapes()
    assert letters.dtype == "uint8"
    assert len(np.unique(letters, axis=0)) > 800
    assert (letters.max(axis=(1, 2)) == 255).all()
    centers = np.array([ndimage.center_of_mass(letter) for letter in letters])
    np.testing.assert_allclose(centers, 14, atol=1)


def test_no_letter_looks_like_a_latin_letter_or_a_digit():
    """Cyrillic letters would, for comparison."""
    latin = draw_characters(string.ascii_letters + string.digits)
    cyrillic = draw_characters(
        unicodedata.lookup(f"CYRILLIC CAPITAL LETTER {name}")
        for name in ("A", "VE", "IE", "EM", "EN", "O", "ER", "ES", "TE")
    )

    def similarity(images):
        rows = images.reshape(len(images), 1, -1) / 1.0
        other = latin.reshape(len(latin), -1)
        dot = (rows * other).sum(-1)
        return (
            dot / np.linalg.norm(rows, axis=2) / np.linalg.norm(other, axis=1)
        )

    assert similarity(letter_shapes()).max() < 0.86
    assert similarity(cyrillic).max(axis=1).min() > 0.99


def test_characters_that_are_empty_or_not_in_the_font_are_left_out():
    """The font has no Chinese characters."""
    assert draw_characters("a b\u732b").shape == (2, 28, 28)
