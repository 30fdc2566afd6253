"""Gaussian sampling: mean, variance and gradients of the samples."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import GaussianSampling

MEAN = np.array([-1.0, 0.0, 2.0], "float32")
VARIANCE = np.array([0.25, 1.0, 4.0], "float32")
PARAMETERS = np.append(MEAN, np.log(VARIANCE))


def draws(layer, count):
    parameters = np.tile(PARAMETERS, (count, 1))
    return ops.convert_to_numpy(layer(parameters, training=True))


def test_samples_have_the_given_mean_and_variance():
    """4 standard errors of a mean and of a variance of Gaussian samples."""
    count = 40_000
    z = draws(GaussianSampling(seed=0), count)
    np.testing.assert_array_less(
        abs(z.mean(axis=0) - MEAN), 4 * np.sqrt(VARIANCE / count)
    )
    np.testing.assert_array_less(
        abs(z.var(axis=0) - VARIANCE), 4 * VARIANCE * np.sqrt(2 / count)
    )
    correlation = np.corrcoef(z.T) - np.eye(3)
    assert abs(correlation).max() < 4 / np.sqrt(count)


def test_returns_the_mean_in_inference():
    layer = GaussianSampling()
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(PARAMETERS)), MEAN)


def test_samples_differ_between_calls_and_repeat_with_the_seed():
    layer, again = GaussianSampling(seed=3), GaussianSampling(seed=3)
    first, second = draws(layer, 2), draws(layer, 2)
    assert (first != second).all()
    assert (first[0] != first[1]).all()
    np.testing.assert_array_equal(draws(again, 2), first)
    np.testing.assert_array_equal(draws(again, 2), second)


def test_gradients_reach_mean_and_variance():
    """By hand: dz / dmean = 1 and dz / dlog_variance = (z - mean) / 2.

    One step of SGD from 0 and 0 at the rate 1, the loss is z.
    """
    layer = GaussianSampling(seed=0)
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(2, use_bias=False, kernel_initializer="zeros"),
            layer,
        ]
    )
    model.compile(keras.optimizers.SGD(1.0), lambda y, z: z)
    z = float(GaussianSampling(seed=0)(np.zeros((1, 2)), training=True)[0, 0])
    model.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [[-1, -z / 2]])
    assert z != 0


def test_rejects_an_odd_or_unknown_last_axis():
    with pytest.raises(ValueError, match=r"Received: input_shape=\(2, 3\)"):
        GaussianSampling()(np.zeros((2, 3)))
    unknown = keras.Input((None,))
    with pytest.raises(ValueError, match=r"input_shape=\(None, None\)"):
        GaussianSampling()(unknown)


@pytest.mark.parametrize("shape", [(2,), (3, 2)])
def test_two_tensors_are_refused(shape):
    with pytest.raises(ValueError, match=r"must be one tensor .*concatenate"):
        GaussianSampling()([np.zeros(shape), np.zeros(shape)])
