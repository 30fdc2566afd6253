"""EuclideanRBF against a loop over classes and features."""

import numpy as np
import pytest
from keras import ops

from dlunits.layers import EuclideanRBF


def test_matches_a_loop_over_classes_and_features():
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    layer = EuclideanRBF(5)
    result = ops.convert_to_numpy(layer(x))
    (codes,) = layer.get_weights()
    for row, unit in np.ndindex(3, 5):
        distance = sum((x[row, j] - codes[unit, j]) ** 2 for j in range(4))
        assert result[row, unit] == pytest.approx(distance, rel=1e-5)


def test_distance_of_a_code_from_itself_is_zero():
    layer = EuclideanRBF(4)
    layer.build((None, 8))
    (codes,) = layer.get_weights()
    distances = ops.convert_to_numpy(layer(codes))
    np.testing.assert_array_equal(np.diag(distances), 0)


def test_codes_are_fixed_random_signs_that_depend_on_the_seed():
    first, second, other = (
        EuclideanRBF(9),
        EuclideanRBF(9),
        EuclideanRBF(9, seed=1),
    )
    for layer in (first, second, other):
        layer.build((None, 84))
    (codes,) = first.get_weights()
    assert set(np.unique(codes)) == {-1.0, 1.0}
    np.testing.assert_array_equal(codes, second.get_weights()[0])
    assert not np.array_equal(codes, other.get_weights()[0])
    assert first.trainable_weights == []
    # The mean of 756 random signs is within four standard errors of 0.
    assert abs(codes.mean()) < 4 / np.sqrt(codes.size)


def test_rejects_zero_units():
    with pytest.raises(ValueError, match="Received: units=0"):
        EuclideanRBF(0)
