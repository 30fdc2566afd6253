"""Losses on a plane of weights, against the losses of the model itself."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.diagnostics import WeightPlane, flat_weights, loss_surface

LOSS = keras.losses.CategoricalCrossentropy()


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2, "softmax"),
        ]
    )


def test_each_point_has_the_loss_of_a_model_with_its_weights(model):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 3)).astype("float32")
    y = np.eye(2, dtype="float32")[rng.integers(2, size=6)]
    own = flat_weights(model)
    points = own + np.vstack([own * 0, rng.normal(size=(5, len(own)))])
    plane = WeightPlane.through(points)
    a, b = [-1.0, 0.0, 2.0], [0.0, 0.5]
    surface = loss_surface(model, x, y, LOSS, plane, a, b)
    assert surface.shape == (2, 3)
    np.testing.assert_array_equal(flat_weights(model), own)  # unchanged

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for row, column in np.ndindex(2, 3):
        flat = own + a[column] * plane.axes[0] + b[row] * plane.axes[1]
        start = 0
        for variable in copy.trainable_variables:
            size = int(np.prod(variable.shape))
            values = flat[start : start + size].reshape(variable.shape)
            variable.assign(values)
            start += size
        expected = float(ops.mean(LOSS(y, copy(x))))
        np.testing.assert_allclose(surface[row, column], expected, rtol=1e-4)


def test_the_plane_explains_the_share_of_the_squared_distances():
    # Distances 3, 2 and 1 along three directions: (9 + 4) / (9 + 4 + 1).
    weights = np.vstack([np.zeros(4), np.diag([3.0, 2.0, 1.0, 0.0])[:3]])
    plane = WeightPlane.through(weights)
    assert plane.explained == pytest.approx(13 / 14, rel=1e-5)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-6)


def test_paths_on_a_line_still_have_a_plane():
    weights = np.outer([0.0, 1.0, 2.0], [1.0, 1.0, 0.0])
    plane = WeightPlane.through(weights)
    assert plane.explained == pytest.approx(1)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-5)


@pytest.mark.parametrize("weights", [np.zeros((2, 3)), np.full((3, 3), np.nan)])
def test_too_few_points_and_nan_are_refused(weights):
    with pytest.raises(ValueError, match="at least three points of finite"):
        WeightPlane.through(weights)
