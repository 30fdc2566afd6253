"""Masking noise against a loop over its random numbers."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import MaskingNoise


def uniform(shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def corrupted(layer, x):
    return ops.convert_to_numpy(layer(x, training=True))


@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (2, 3, 4, 2, 1)])
def test_each_value_is_masked_if_its_own_random_number_is_below_the_rate(shape):
    x = uniform(shape)
    draws = ops.convert_to_numpy(
        keras.random.uniform(shape, seed=keras.random.SeedGenerator(5))
    )
    expected = np.empty_like(x)
    for place in np.ndindex(shape):
        expected[place] = -7 if draws[place] < 0.4 else x[place]
    noisy = corrupted(MaskingNoise(0.4, mask_value=-7.0, seed=5), x)
    np.testing.assert_array_equal(noisy, expected)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_fraction_of_masked_values_is_the_rate(rate):
    masked = corrupted(MaskingNoise(rate, seed=0), np.ones((500, 200))) == 0
    # 100,000 values: five standard errors of a fraction.
    assert masked.mean() == pytest.approx(
        rate, abs=5 * np.sqrt(rate * (1 - rate) / 1e5)
    )
    # Neighbors are independent: both are masked with rate^2.
    for both in (masked[1:] & masked[:-1], masked[:, 1:] & masked[:, :-1]):
        assert both.mean() == pytest.approx(rate**2, abs=0.01)


def test_rates_0_and_1_mask_nothing_and_everything():
    x = 1 + uniform((20, 30))
    np.testing.assert_array_equal(corrupted(MaskingNoise(0.0), x), x)
    np.testing.assert_array_equal(corrupted(MaskingNoise(1), x), 0 * x)


def test_is_active_in_training_only():
    x = uniform((4, 5))
    layer = MaskingNoise(0.9, seed=0)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), x)
    model = keras.Sequential([keras.Input((5,)), layer])
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    assert np.mean(corrupted(model, x) == 0) > 0.5


def test_noise_differs_between_calls_and_repeats_with_the_seed():
    x = np.ones((20, 20))
    first, again, other = (MaskingNoise(0.5, seed=s) for s in (1, 1, 2))
    noisy = [corrupted(first, x) for _ in range(3)]
    for one in noisy:
        np.testing.assert_array_equal(corrupted(again, x), one)
    patterns = {one.tobytes() for one in (*noisy, corrupted(other, x))}
    assert len(patterns) == 4


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_masks_as_many_values_as_single(dtype):
    """Half-precision random numbers would mask 1/1,000, not 1/10,000."""
    layer = MaskingNoise(1e-4, mask_value=2.0, seed=0, dtype=dtype)
    noisy = layer(ops.ones((1000, 1000)), training=True)
    assert keras.backend.standardize_dtype(noisy.dtype) == dtype
    # 100 expected, standard deviation 10.
    masked = ops.convert_to_numpy(ops.cast(noisy == 2, "int32")).sum()
    assert 50 <= masked <= 150


def test_integers_become_floats():
    layer = MaskingNoise(0.5, mask_value=0.5, seed=0)
    pixels = np.full((10, 10), 255, "uint8")
    assert set(np.unique(corrupted(layer, pixels))) == {0.5, 255.0}
    assert ops.convert_to_numpy(layer(pixels)).dtype == np.float32


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_rejects_a_rate_outside_0_to_1(rate):
    with pytest.raises(ValueError, match=rf"\[0, 1\]. Received: rate={rate}"):
        MaskingNoise(rate)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_rejects_a_mask_value_that_is_not_finite(value):
    with pytest.raises(ValueError, match=f"finite.*mask_value={value}"):
        MaskingNoise(0.5, mask_value=value)
