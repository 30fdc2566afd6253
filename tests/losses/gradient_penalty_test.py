"""The gradient penalty against finite differences, and its way to weights."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.autodiff import gradients
from dlunits.losses import gradient_penalty


@pytest.fixture
def critic():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(5, "tanh", kernel_initializer="random_normal"),
            keras.layers.Dense(1),
        ]
    )


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 4, 3)).astype("float32")


def penalty_np(critic, real, fake, share, step=1e-2):
    """Slopes by central differences, one number after the other."""
    total = 0.0
    for x, y, e in zip(real, fake, share, strict=True):
        between = e * x + (1 - e) * y
        squared = 0.0
        for place in range(len(between)):
            ahead, behind = between.copy(), between.copy()
            ahead[place] += step
            behind[place] -= step
            answers = ops.convert_to_numpy(critic(np.stack([ahead, behind])))
            squared += float((answers[0] - answers[1])[0] / (2 * step)) ** 2
        total += (squared**0.5 - 1) ** 2
    return total / len(real)


def test_is_what_finite_differences_give(critic, pairs):
    share = ops.convert_to_numpy(keras.random.uniform((4, 1), seed=7))

    found = float(gradient_penalty(critic, *pairs, seed=7))

    expected = penalty_np(critic, *pairs, share)
    assert found == pytest.approx(expected, rel=1e-3)


def test_reaches_the_weights_of_the_critic(critic, pairs):
    variables = critic.trainable_variables

    def penalty():
        return gradient_penalty(critic, *pairs, seed=7), None

    _, _, slopes = gradients(penalty, variables)

    kernel = variables[0]
    step = np.zeros(kernel.shape, "float32")
    step[1, 2] = 1e-2
    values = []
    for sign in (1, -1):
        kernel.assign(kernel + sign * step)
        values.append(float(penalty()[0]))
        kernel.assign(kernel - sign * step)
    expected = (values[0] - values[1]) / 2e-2
    assert float(slopes[0][1, 2]) == pytest.approx(expected, rel=2e-2)


def test_is_zero_where_the_slope_is_one(pairs):
    def slope_of_one(x):
        return x[:, :1]

    penalty = float(gradient_penalty(slope_of_one, *pairs))
    assert penalty == pytest.approx(0, abs=1e-10)


def test_is_finite_where_the_critic_is_flat(pairs):
    weight = keras.Variable(np.zeros((3, 1), "float32"))

    def penalty():
        return gradient_penalty(lambda x: x @ weight, *pairs), None

    value, _, (slope,) = gradients(penalty, [weight])
    assert float(value) == pytest.approx(1, abs=1e-5)
    assert np.isfinite(ops.convert_to_numpy(slope)).all()


def test_same_seed_draws_the_same_points(critic, pairs):
    values = {float(gradient_penalty(critic, *pairs, seed=3)) for _ in "ab"}
    others = {float(gradient_penalty(critic, *pairs, seed=4))}
    assert len(values) == 1
    assert values != others
