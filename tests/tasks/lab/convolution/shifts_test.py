"""Shifted images, and accuracies with known values."""

import keras
import numpy as np
import pytest

from dlunits.tasks.lab.convolution import shifts


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (1, -2), (-3, 0), (2, 2)])
def test_an_image_with_a_margin_is_rolled(dy, dx):
    images = np.pad(
        np.random.rand(2, 4, 5, 1), [[0, 0], [3, 3], [3, 3], [0, 0]]
    )
    expected = np.roll(images, (dy, dx), axis=(1, 2))
    np.testing.assert_array_equal(shifts.shift_images(images, dy, dx), expected)


def test_the_border_is_repeated():
    image = np.arange(9.0).reshape(1, 3, 3, 1)
    shifted = shifts.shift_images(image, dy=-2, dx=0)
    np.testing.assert_array_equal(shifted[0, ..., 0], [[6, 7, 8]] * 3)


def test_each_distance_has_eight_directions():
    offsets = shifts.shift_offsets(2)
    assert [row["shift"] for row in offsets] == [0] + 8 * [1] + 8 * [2]
    assert len({(row["dy"], row["dx"]) for row in offsets}) == 17
    assert {max(abs(row["dy"]), abs(row["dx"])) for row in offsets[9:]} == {2}


def test_a_classifier_of_the_column_is_right_for_vertical_shifts(monkeypatch):
    """The class is the column of a bright pixel."""
    monkeypatch.setattr(shifts, "IMAGES_PER_CALL", 6)  # several calls
    images = np.zeros((3, 9, 9, 1), "float32")
    labels = np.array([3, 4, 5])
    images[np.arange(3), 4, labels, 0] = 1
    inputs = keras.Input((81,))  # another shape than that of the images
    columns = keras.ops.sum(keras.layers.Reshape((9, 9))(inputs), axis=1)
    done = []
    rows = shifts.accuracy_by_shift(
        keras.Model(inputs, columns),
        images,
        labels,
        max_shift=2,
        update=done.append,
    )
    assert sum(done) == len(rows) == 17
    assert len(done) > 1
    assert all(row["accuracy"] == (row["dx"] == 0) for row in rows)
    # Two of eight directions are vertical.
    assert shifts.mean_over_directions(rows) == {0: 1.0, 1: 0.25, 2: 0.25}
