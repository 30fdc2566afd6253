"""Training on corrupted images: targets, validation noise and schedule."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlunits.data.images.corruption import masking_noise
from dlunits.training import RunDirectory
from dlunits.training.fit_denoising import fit_denoising

# 64 training and 32 validation images of 2x2 pixels, all 204 / 255 = 0.8.
DATA = types.SimpleNamespace(
    train=[np.full((64, 2, 2, 1), 204, "uint8")],
    validation=[np.full((32, 2, 2, 1), 204, "uint8")],
)


def to_floats(images):
    return tf.cast(images, tf.float32) / 255


def fit(folder, model, *, epochs, learning_rate=0.1):
    return fit_denoising(
        model,
        "mse",
        DATA,
        RunDirectory(folder, {}),
        epochs=epochs,
        steps_per_epoch=8,
        batch_size=8,
        learning_rate=learning_rate,
        patience=None,
        corrupt=masking_noise(0.5),
        prepare=to_floats,
        seed=0,
    )


@pytest.fixture
def constant():
    """Ignores its input and returns a bias, 0 before training."""
    kernel = keras.layers.Dense(1, kernel_initializer="zeros")
    return keras.Sequential(
        [keras.Input((2, 2, 1)), keras.layers.Rescaling(0.0), kernel]
    )


def test_targets_are_the_clean_images(tmp_path, constant):
    """The best constant is 0.8; for corrupted targets it would be 0.4."""
    history = fit(tmp_path, constant, epochs=20)
    assert float(constant.weights[1][0]) == pytest.approx(0.8, abs=0.02)
    # Before training: 0.8^2.
    assert history["loss"][0] < 0.64
    assert history["val_loss"][-1] < 1e-3


def test_inputs_are_corrupted_and_validation_noise_is_fixed(tmp_path):
    """The identity has the loss 0.8^2 times the fraction of masked pixels.

    1,024 pixels in four epochs: the standard error of the fraction is 1/64.
    """
    identity = keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            keras.layers.Dense(1, kernel_initializer="ones"),
        ]
    )
    history = fit(tmp_path, identity, epochs=4, learning_rate=1e-9)
    assert np.mean(history["loss"]) == pytest.approx(0.32, abs=0.64 * 4 / 64)
    assert len(set(history["loss"])) > 1
    np.testing.assert_allclose(
        history["val_loss"], history["val_loss"][0], rtol=1e-5
    )
    assert history["val_loss"][0] == pytest.approx(0.32, abs=0.16)


def test_the_learning_rate_warms_up_for_an_epoch_and_falls_to_zero(
    tmp_path, constant
):
    rates = fit(tmp_path, constant, epochs=5)["learning_rate"]
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.0, abs=1e-6)
    assert rates == sorted(rates, reverse=True)


def test_the_same_seed_gives_the_same_weights(tmp_path, constant):
    again = keras.models.clone_model(constant)
    again.set_weights(constant.get_weights())
    histories = [
        fit(tmp_path / name, model, epochs=2)
        for name, model in (("a", constant), ("b", again))
    ]
    assert histories[0] == histories[1]
