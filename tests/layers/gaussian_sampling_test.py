"""Draws have the moments asked for, and gradients go through them."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import GaussianSampling

MEAN = np.array([[-1.0, 0.0, 2.0]], "float32")
LOG_VARIANCE = np.log(np.array([[0.25, 1.0, 4.0]], "float32"))


def draws(layer, count):
    pair = (np.repeat(MEAN, count, 0), np.repeat(LOG_VARIANCE, count, 0))
    return ops.convert_to_numpy(layer(pair, training=True))


def test_draws_have_the_mean_and_the_variance():
    """4 standard errors of a mean and of a variance of Gaussian draws."""
    count = 40_000
    z, variance = draws(GaussianSampling(seed=0), count), np.exp(LOG_VARIANCE)
    np.testing.assert_array_less(
        abs(z.mean(axis=0) - MEAN[0]), 4 * np.sqrt(variance[0] / count)
    )
    np.testing.assert_array_less(
        abs(z.var(axis=0) - variance[0]), 4 * variance[0] * np.sqrt(2 / count)
    )
    correlation = np.corrcoef(z.T) - np.eye(3)
    assert abs(correlation).max() < 4 / np.sqrt(count)


def test_gives_the_mean_outside_training():
    layer = GaussianSampling()
    np.testing.assert_array_equal(
        ops.convert_to_numpy(layer((MEAN, LOG_VARIANCE))), MEAN
    )


def test_every_call_draws_anew_and_a_seed_repeats_them():
    layer, again = GaussianSampling(seed=3), GaussianSampling(seed=3)
    first, second = draws(layer, 2), draws(layer, 2)
    assert (first != second).all()
    assert (first[0] != first[1]).all()
    np.testing.assert_array_equal(draws(again, 2), first)
    np.testing.assert_array_equal(draws(again, 2), second)


def test_gradients_reach_mean_and_variance():
    """dz / dmean = 1 and dz / dlog_variance = (z - mean) / 2: a step of SGD.

    The weights start at 0 and 0, the loss is the sum of z, the rate is 1.
    """
    inputs = keras.Input((1,))
    heads = [
        keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        for _ in range(2)
    ]
    outputs = GaussianSampling(seed=0)([head(inputs) for head in heads])
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(1.0), lambda y, z: z)
    z = float(
        GaussianSampling(seed=0)((np.zeros((1, 1)),) * 2, training=True)[0, 0]
    )
    model.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0)
    mean, log_variance = (weight.item() for weight in model.get_weights())
    assert mean == pytest.approx(-1)
    assert log_variance == pytest.approx(-z / 2, rel=1e-5)
    assert z != 0


@pytest.mark.parametrize("shapes", [((2, 3),), ((2, 3), (2, 4)), ((2, 3),) * 3])
def test_refuses_what_is_not_a_pair_of_one_shape(shapes):
    with pytest.raises(ValueError, match=r"pair \(mean, log_variance\)"):
        GaussianSampling()([np.zeros(shape) for shape in shapes])
