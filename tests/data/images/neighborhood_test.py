"""Neighborhoods of 3x3 pixels, compared with SciPy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from dlunits.data.images.neighborhood import combine_3x3, dilate, mean_3x3


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((2, 7, 5)).astype("float32")


@pytest.mark.parametrize("trailing", [(), (1,)])
def test_the_maximum_is_that_of_scipy(images, trailing):
    expected = [ndimage.maximum_filter(x, 3, mode="constant") for x in images]
    found = combine_3x3(tf.maximum, images.reshape(*images.shape, *trailing))
    np.testing.assert_array_equal(
        found, np.reshape(expected, (*images.shape, *trailing))
    )


def test_the_mean_repeats_the_border(images):
    expected = [ndimage.uniform_filter(x, 3, mode="reflect") for x in images]
    np.testing.assert_allclose(mean_3x3(images), expected, rtol=1e-5)


@pytest.mark.parametrize("steps", [1, 2])
def test_dilation_is_that_of_scipy(images, steps):
    mask = images > 0.9
    square = np.ones((3, 3))
    expected = [ndimage.binary_dilation(x, square, steps) for x in mask]
    np.testing.assert_array_equal(dilate(tf.constant(mask), steps), expected)
