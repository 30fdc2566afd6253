"""Connected components against scipy.ndimage."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from dlunits.data.images.connected_components import (
    find_components,
    label_components,
    reachable_from_outside,
    to_grid,
)

label_any = tf.function(
    label_components, input_signature=[tf.TensorSpec([None] * 3, tf.bool)]
)


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(
        "bool",
        st.tuples(st.integers(1, 2), st.integers(1, 20), st.integers(1, 20)),
    )
)
def test_labels_are_those_of_scipy(foreground):
    labels = label_any(foreground).numpy()
    for found, page in zip(labels, foreground, strict=True):
        expected, count = ndimage.label(page, np.ones((3, 3)))
        # The same partition: each pair of labels occurs with one partner.
        pairs = {*zip(found.ravel(), expected.ravel(), strict=True)}
        assert len(pairs) == count + (not page.all())
        assert ((found == 0) == (expected == 0)).all()


def test_a_spiral_is_one_component():
    spiral = np.zeros((1, 9, 9), bool)
    spiral[0, 0, :] = spiral[0, :, 8] = spiral[0, 8, :] = True
    spiral[0, 2:, 0] = spiral[0, 2, :7] = spiral[0, 2:7, 6] = True
    assert len(np.unique(label_any(spiral))) == 2


def test_masses_and_bounding_boxes_are_those_of_scipy():
    rng = np.random.default_rng(0)
    weights = rng.random((2, 30, 40), "float32")
    foreground = weights > 0.8
    found = find_components(tf.constant(weights), tf.constant(foreground))
    for page in range(2):
        expected, count = ndimage.label(foreground[page], np.ones((3, 3)))
        numbers = range(1, count + 1)
        masses = ndimage.sum(weights[page], expected, numbers)
        exists = found.exists[page].numpy()
        assert exists.sum() == count
        np.testing.assert_allclose(
            np.sort(found.mass[page][exists]), np.sort(masses), rtol=1e-5
        )
        boxes = {
            (rows.start, rows.stop - 1, columns.start, columns.stop - 1)
            for rows, columns in ndimage.find_objects(expected)
        }
        sides = (found.top, found.bottom, found.left, found.right)
        columns = [side[page].numpy()[exists] for side in sides]
        assert {*zip(*columns, strict=True)} == boxes


def test_the_inside_of_a_contour_with_a_small_gap_is_not_outside():
    ink = np.zeros((1, 40, 40), bool)
    ink[0, 10:30, 10] = ink[0, 10:30, 30] = True
    ink[0, 10, 10:31] = ink[0, 30, 10:31] = True
    ink[0, 10, 20] = False
    outside = reachable_from_outside(tf.constant(ink))[0].numpy()
    assert outside[0, 0]
    assert not outside[20, 20]
    ink[0, 10, 15:25] = False
    assert reachable_from_outside(tf.constant(ink))[0, 20, 20]


def test_the_grid_keeps_the_aspect_ratio():
    assert to_grid(tf.zeros((1, 300, 600))).shape == (1, 64, 128)
    assert to_grid(tf.zeros((1, 1, 600))).shape == (1, 1, 128)
