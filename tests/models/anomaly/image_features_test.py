"""Image features: robustness to shifts, and the projection."""

import keras
import numpy as np

from dlunits.layers import HistogramOfOrientedGradients
from dlunits.models.anomaly.image_features import image_features


def strokes(shift):
    """A vertical and a horizontal stroke, moved to the right."""
    image = np.zeros((1, 28, 28, 1), "float32")
    image[0, 6:22, 8 + shift : 11 + shift] = 1
    image[0, 12:15, 11 + shift : 18 + shift] = 1
    return image


def test_a_small_shift_changes_columns_less_than_another_image():
    describe = image_features((28, 28, 1))
    here, moved = describe(strokes(0)), describe(strokes(1))
    other = describe(np.transpose(strokes(0), (0, 2, 1, 3)))

    def distance(x, y):
        return np.linalg.norm(
            keras.ops.convert_to_numpy(x) - keras.ops.convert_to_numpy(y)
        )

    assert distance(here, moved) < 0.6 * distance(here, other)


def test_distances_are_nearly_those_of_the_gradients():
    images = np.random.default_rng(0).uniform(size=(30, 28, 28, 1))
    images = images.astype("float32")
    gradients = keras.ops.convert_to_numpy(
        HistogramOfOrientedGradients()(images)
    )
    gradients = gradients.reshape(30, -1)
    columns = keras.ops.convert_to_numpy(image_features((28, 28, 1))(images))

    def squares(x):
        return ((x[:, None] - x) ** 2).sum(axis=-1)[np.triu_indices(30, 1)]

    ratio = squares(columns) / squares(gradients)
    # The expected fraction of the squared norm in 128 of 392 orthogonal
    # directions is 128 / 392.
    np.testing.assert_allclose(ratio.mean(), 128 / 392, rtol=0.05)
    assert ratio.std() < 0.2 * ratio.mean()


def test_the_projection_depends_on_the_seed():
    first, again, other = (
        image_features((12, 12, 1), seed=seed).get_weights()[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_there_are_no_more_columns_than_numbers():
    assert image_features((8, 8, 1)).output_shape == (None, 2 * 2 * 8)
