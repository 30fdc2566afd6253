"""Resampling as matrix products against `tf.image.resize`."""

import numpy as np
import pytest
import tensorflow as tf

from dlunits.data.images.resampling import (
    resize_bilinear,
    resize_by_area,
)

# From the shape of the image to that of the result: smaller, equal, larger.
SIZES = [
    ((60, 41), (7, 13)),
    ((12, 9), (12, 9)),
    ((5, 30), (32, 32)),
    ((1, 3), (1, 2)),
]


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_results_are_those_of_tensorflow(old, new):
    images = np.random.default_rng(0).random((2, *old), "float32")
    for result, options in (
        (resize_bilinear(images, new), {}),
        (resize_bilinear(images, new, antialias=True), {"antialias": True}),
        (resize_by_area(images, new), {"method": "area"}),
    ):
        expected = tf.image.resize(images[..., None], new, **options)[..., 0]
        np.testing.assert_allclose(result, expected, atol=2e-6)
