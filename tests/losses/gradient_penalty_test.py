"""The gradient penalty and its gradients against finite differences."""

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


def test_matches_finite_differences(critic, pairs, squared_slope_np):
    share = ops.convert_to_numpy(keras.random.uniform((4, 1), seed=7))

    found = float(gradient_penalty(critic, *pairs, seed=7))

    between = share * pairs[0] + (1 - share) * pairs[1]
    squared = np.array([squared_slope_np(critic, x) for x in between])
    expected = np.mean((squared**0.5 - 1) ** 2)
    assert found == pytest.approx(expected, rel=1e-3)


def test_reaches_the_weights_of_the_critic(critic, pairs, slope_by_weight_np):
    def penalty():
        return gradient_penalty(critic, *pairs, seed=7), None

    variables = critic.trainable_variables
    _, _, slopes = gradients(penalty, variables)

    expected = slope_by_weight_np(lambda: penalty()[0], variables[0], (1, 2))
    assert float(slopes[0][1, 2]) == pytest.approx(expected, rel=2e-2)


def test_is_zero_for_gradients_of_norm_one(pairs):
    def slope_of_one(x):
        return x[:, :1]

    penalty = float(gradient_penalty(slope_of_one, *pairs))
    assert penalty == pytest.approx(0, abs=1e-10)


def test_is_finite_for_a_constant_critic(pairs):
    weight = keras.Variable(np.zeros((3, 1), "float32"))

    def penalty():
        return gradient_penalty(lambda x: x @ weight, *pairs), None

    value, _, (slope,) = gradients(penalty, [weight])
    assert float(value) == pytest.approx(1, abs=1e-5)
    assert np.isfinite(ops.convert_to_numpy(slope)).all()


def test_the_same_seed_gives_the_same_points(critic, pairs):
    values = {float(gradient_penalty(critic, *pairs, seed=3)) for _ in "ab"}
    others = {float(gradient_penalty(critic, *pairs, seed=4))}
    assert len(values) == 1
    assert values != others
