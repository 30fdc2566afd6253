"""The R1 penalty and its gradients against finite differences."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.autodiff import gradients
from dlunits.losses import r1_penalty


@pytest.fixture
def discriminator():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((2, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(5, "tanh", kernel_initializer="random_normal"),
            keras.layers.Dense(1),
        ]
    )


@pytest.fixture
def real():
    shape = (4, 2, 3)
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_matches_finite_differences(discriminator, real, squared_slope_np):
    found = float(r1_penalty(discriminator, real))

    slopes = [squared_slope_np(discriminator, x) for x in real]
    assert found == pytest.approx(np.mean(slopes), rel=1e-3)


def test_reaches_the_weights_of_the_discriminator(
    discriminator, real, slope_by_weight_np
):
    def penalty():
        return r1_penalty(discriminator, real), None

    variables = discriminator.trainable_variables
    _, _, slopes = gradients(penalty, variables)

    expected = slope_by_weight_np(lambda: penalty()[0], variables[0], (1, 2))
    assert float(slopes[0][1, 2]) == pytest.approx(expected, rel=2e-2)


def test_is_zero_for_a_constant_discriminator(real):
    assert float(r1_penalty(lambda x: 0 * x[:, :1, 0] + 7, real)) == 0


def test_the_result_for_half_precision_is_single(discriminator, real):
    def half(x):
        return ops.cast(discriminator(ops.cast(x, "float16")), "float16")

    found = r1_penalty(half, real.astype("float16"))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert float(found) == pytest.approx(
        float(r1_penalty(discriminator, real)), rel=2e-2
    )
