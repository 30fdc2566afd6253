"""Images in requests; see also the tests of the digit endpoints."""

import numpy as np
import pytest
import tensorflow as tf

from dlunits.serving.image_requests import parse_images

SHAPE = (2, 3, 1)


def test_images_of_another_size_are_accepted_on_request():
    image = np.arange(6, dtype="uint8").reshape(2, 3)

    for images in (image, image[None], image[None, ..., None]):
        batch = parse_images(tf.constant(images), SHAPE)

        np.testing.assert_allclose(batch[0, ..., 0], image / 255, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 2), (1, 1, 2, 3, 1), (6,)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have the"):
        parse_images(tf.zeros(shape), SHAPE)


@pytest.mark.parametrize("value", [np.nan, -0.1, 255.5, np.inf])
def test_values_out_of_range_are_refused(value):
    image = np.full((2, 3), 0.5, "float32")
    image[1, 1] = value

    with pytest.raises(tf.errors.InvalidArgumentError, match="Every pixel"):
        parse_images(tf.constant(image), SHAPE)


def test_colors_are_kept():
    images = np.arange(36, dtype="uint8").reshape(2, 2, 3, 3)

    for shape in [(2, 3, 3), None]:
        batch = parse_images(tf.constant(images), shape)

        np.testing.assert_allclose(batch, images / 255, rtol=1e-6)
