"""Pictures of requests; the digit endpoints' tests show the usual forms."""

import numpy as np
import pytest
import tensorflow as tf

from dlunits.serving.request_pictures import unit_range


def test_pictures_of_another_size_are_taken_when_asked_for():
    picture = np.arange(6, dtype="uint8").reshape(2, 3)

    for images in (picture, picture[None], picture[None, ..., None]):
        batch = unit_range(tf.constant(images), height=2, width=3)

        np.testing.assert_allclose(batch[0, ..., 0], picture / 255, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 2), (1, 1, 2, 3, 1), (6,)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have the"):
        unit_range(tf.zeros(shape), height=2, width=3)
