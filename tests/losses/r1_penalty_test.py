"""The R1 penalty against finite differences, and its way to weights."""

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


def penalty_np(discriminator, real, step=1e-2):
    """Slopes by central differences, one number after the other."""
    total = 0.0
    for x in real:
        for place in np.ndindex(x.shape):
            ahead, behind = x.copy(), x.copy()
            ahead[place] += step
            behind[place] -= step
            answers = discriminator(np.stack([ahead, behind]))
            answers = ops.convert_to_numpy(answers)
            total += float((answers[0] - answers[1])[0] / (2 * step)) ** 2
    return total / len(real)


def test_is_what_finite_differences_give(discriminator, real):
    found = float(r1_penalty(discriminator, real))

    expected = penalty_np(discriminator, real)
    assert found == pytest.approx(expected, rel=1e-3)


def test_reaches_the_weights_of_the_discriminator(discriminator, real):
    def penalty():
        return r1_penalty(discriminator, real), None

    variables = discriminator.trainable_variables
    _, _, slopes = gradients(penalty, variables)

    kernel, place = variables[0], (1, 2)
    step = np.zeros(kernel.shape, "float32")
    step[place] = 1e-2
    values = []
    for sign in (1, -1):
        kernel.assign(kernel + sign * step)
        values.append(float(penalty()[0]))
        kernel.assign(kernel - sign * step)
    expected = (values[0] - values[1]) / 2e-2
    assert float(slopes[0][place]) == pytest.approx(expected, rel=2e-2)


def test_a_flat_discriminator_pays_nothing(real):
    assert float(r1_penalty(lambda x: 0 * x[:, :1, 0] + 7, real)) == 0


def test_half_precision_comes_out_in_single(discriminator, real):
    def half(x):
        return ops.cast(discriminator(ops.cast(x, "float16")), "float16")

    found = r1_penalty(half, real.astype("float16"))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert float(found) == pytest.approx(
        float(r1_penalty(discriminator, real)), rel=2e-2
    )
