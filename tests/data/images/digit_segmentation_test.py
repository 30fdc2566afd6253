"""Removal of clutter around a digit, and similar strokes that are kept."""

import numpy as np
import pytest
import tensorflow as tf

from dlunits.data.images.digit_segmentation import (
    main_component,
    remove_clutter,
)

DIGIT = np.zeros((200, 200), "float32")  # a 7 of strokes 10 wide
DIGIT[60:70, 70:120] = DIGIT[60:140, 110:120] = 1


def boxed():
    page = np.zeros((200, 200), "float32")
    page[40:163, 50:143] = 1
    page[43:160, 53:140] = 0
    return page


def circled():
    y, x = np.indices((200, 200), "float32")
    away = np.hypot(y - 100, x - 95)
    return np.clip(3 - np.abs(away - 70), 0, 1)


def strip(edge, width):
    page = np.zeros((200, 200), "float32")
    np.rot90(page, edge)[:width] = 1
    return page


CLUTTER = {
    "table": np.maximum(strip(0, 12) - strip(0, 9), strip(1, 7) - strip(1, 4)),
    "strip": strip(2, 5),
    "corner": np.maximum(strip(0, 6), strip(3, 6)),
    "box": boxed(),
    "circle": circled(),
}


def cleaned(page):
    return remove_clutter(tf.constant(page[None]))[0].numpy()


@pytest.mark.parametrize("name", CLUTTER)
@pytest.mark.parametrize("strength", [0.4, 1])
def test_clutter_is_removed_and_the_digit_stays(name, strength):
    page = cleaned(np.maximum(DIGIT, strength * CLUTTER[name]))
    assert page[DIGIT > 0].min() == 1
    assert page[DIGIT == 0].sum() < 0.01 * CLUTTER[name].sum()


@pytest.mark.parametrize("name", ["strip", "box", "circle"])
def test_without_a_digit_nothing_is_removed(name):
    """The clutter may be a 1 or a 0."""
    np.testing.assert_array_equal(cleaned(CLUTTER[name]), CLUTTER[name])


def test_a_speck_in_a_0_does_not_make_the_0_a_frame():
    page = circled()
    page[95:105, 90:100] = 1  # 10 of 140 pixels
    np.testing.assert_array_equal(cleaned(page), page)


def test_digits_beside_a_box_are_several():
    page = np.maximum(np.roll(DIGIT, 60, axis=1), boxed())
    page[60:140, 10:20] = 1
    _, several = main_component(tf.constant(page[None]))
    assert several.numpy().tolist() == [True]
