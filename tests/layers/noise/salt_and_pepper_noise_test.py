"""Salt-and-pepper noise against a loop over its random numbers."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import SaltAndPepperNoise


def uniform(shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def corrupted(layer, x):
    return ops.convert_to_numpy(layer(x, training=True))


@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (2, 3, 4, 2, 1)])
def test_each_value_is_replaced_according_to_its_own_random_number(shape):
    x = uniform(shape)
    draws = ops.convert_to_numpy(
        keras.random.uniform(shape, seed=keras.random.SeedGenerator(5))
    )
    expected = np.empty_like(x)
    for place in np.ndindex(shape):
        if draws[place] < 0.3:
            expected[place] = -1
        elif draws[place] < 0.6:
            expected[place] = 255
        else:
            expected[place] = x[place]
    layer = SaltAndPepperNoise(0.6, low=-1.0, high=255.0, seed=5)
    np.testing.assert_array_equal(corrupted(layer, x), expected)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_half_of_the_rate_is_salt_and_half_is_pepper(rate):
    x = np.full((500, 200), 0.4)
    noisy = corrupted(SaltAndPepperNoise(rate, seed=0), x)
    pepper, salt = noisy == 0, noisy == 1
    # 100,000 values: five standard errors of a fraction of rate / 2.
    bound = 5 * np.sqrt(rate / 2 * (1 - rate / 2) / 1e5)
    assert pepper.mean() == pytest.approx(rate / 2, abs=bound)
    assert salt.mean() == pytest.approx(rate / 2, abs=bound)
    assert set(np.unique(noisy[~pepper & ~salt])) == {np.float32(0.4)}
    # Neighbors are independent.
    for one, next_one in ((salt[1:], salt[:-1]), (salt[1:], pepper[:-1])):
        both = (one & next_one).mean()
        assert both == pytest.approx((rate / 2) ** 2, abs=0.01)


def test_rates_0_and_1_replace_nothing_and_everything():
    x = uniform((20, 30))
    np.testing.assert_array_equal(corrupted(SaltAndPepperNoise(0.0), x), x)
    noisy = corrupted(SaltAndPepperNoise(1, seed=0), x)
    assert set(np.unique(noisy)) == {0, 1}


def test_is_active_in_training_only():
    x = uniform((4, 5))
    layer = SaltAndPepperNoise(0.9, seed=0)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), x)
    model = keras.Sequential([keras.Input((5,)), layer])
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    assert np.mean(corrupted(model, x) != x) > 0.5


def test_noise_differs_between_calls_and_repeats_with_the_seed():
    x = np.full((20, 20), 0.5)
    first, again, other = (SaltAndPepperNoise(0.5, seed=s) for s in (1, 1, 2))
    noisy = [corrupted(first, x) for _ in range(3)]
    for one in noisy:
        np.testing.assert_array_equal(corrupted(again, x), one)
    patterns = {one.tobytes() for one in (*noisy, corrupted(other, x))}
    assert len(patterns) == 4


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_replaces_as_many_values_as_single(dtype):
    """Half-precision random numbers would replace 1/1,000, not 1/10,000."""
    layer = SaltAndPepperNoise(1e-4, high=2.0, seed=0, dtype=dtype)
    noisy = layer(ops.ones((1000, 1000)), training=True)
    assert keras.backend.standardize_dtype(noisy.dtype) == dtype
    # 100 expected, standard deviation 10.
    changed = ops.convert_to_numpy(ops.cast(noisy != 1, "int32")).sum()
    assert 50 <= changed <= 150


def test_integers_become_floats():
    layer = SaltAndPepperNoise(0.5, low=0.5, high=255.5, seed=0)
    pixels = np.full((10, 10), 7, "uint8")
    assert set(np.unique(corrupted(layer, pixels))) == {0.5, 7, 255.5}
    assert ops.convert_to_numpy(layer(pixels)).dtype == np.float32


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_rejects_a_rate_outside_0_to_1(rate):
    with pytest.raises(ValueError, match=rf"\[0, 1\]. Received: rate={rate}"):
        SaltAndPepperNoise(rate)


@pytest.mark.parametrize(
    ("low", "high"), [(1, 0), (0, 0), (0, float("inf")), (float("nan"), 1)]
)
def test_rejects_an_invalid_range(low, high):
    with pytest.raises(ValueError, match=f"low={low}, high={high}"):
        SaltAndPepperNoise(0.5, low=low, high=high)
