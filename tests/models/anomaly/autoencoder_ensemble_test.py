"""Ensemble of autoencoders: independent members and folds."""

import keras
import numpy as np
import pytest

from dlunits.models import (
    Autoencoder,
    ContractiveAutoencoder,
    VariationalAutoencoder,
)
from dlunits.models.anomaly.autoencoder_ensemble import (
    AUTOENCODERS,
    autoencoder_ensemble,
    train_ensemble,
)

CLASSES = {
    "contractive": ContractiveAutoencoder,
    "variational": VariationalAutoencoder,
}


def rows(count=60, seed=0):
    """Points of a plane in five dimensions."""
    generator = np.random.default_rng(seed)
    plane = generator.normal(size=(2, 5))
    return (generator.normal(size=(count, 2)) @ plane).astype("float32")


def side_by_side(x, members=3):
    return np.repeat(x[:, None], members, axis=1)


@pytest.mark.parametrize("autoencoder", AUTOENCODERS)
def test_every_type_reduces_its_loss(autoencoder):
    if keras.backend.backend() == "torch" and autoencoder == "contractive":
        pytest.skip("Derivatives are written for TensorFlow and JAX.")
    model = autoencoder_ensemble(3, 5, autoencoder, 16, 2, seed=0)
    assert type(model) is CLASSES.get(autoencoder, Autoencoder)
    x = rows()

    def error():
        return np.mean((model.reconstruct(side_by_side(x)) - x[:, None]) ** 2)

    before = error()
    train_ensemble(model, x, train_steps=300)
    assert error() < 0.6 * before


def test_members_are_independent():
    model = autoencoder_ensemble(3, 5, units=8, latent_dim=2, seed=0)
    x = side_by_side(rows(4))
    other = x.copy()
    other[:, 1] += 1
    changed = np.any(model.predict(x, verbose=0) != model.predict(other), -1)
    np.testing.assert_array_equal(changed, [[False, True, False]] * 4)


def test_no_member_trains_on_its_own_fold():
    """The rows of fold 0 alone are where member 0 has never been."""
    x = rows(90)
    x[::3] += 10
    model = autoencoder_ensemble(3, 5, "plain", 16, 2, seed=0)
    train_ensemble(model, x, train_steps=600)
    again = model.reconstruct(side_by_side(x[::3]))
    errors = np.mean((again - x[::3, None]) ** 2, axis=(0, 2))
    assert errors[0] > 10 * max(errors[1], errors[2])


def test_a_single_member_trains_on_all_rows():
    x = rows(90)
    x[::3] += 10
    model = autoencoder_ensemble(1, 5, "plain", 16, 2, seed=0)
    train_ensemble(model, x, train_steps=600)
    again = model.reconstruct(side_by_side(x[::3], members=1))
    assert np.mean((again - x[::3, None]) ** 2) < 0.5


def test_the_seed_determines_initial_weights_and_training():
    x, models = rows(), []
    for _ in range(2):
        keras.utils.set_random_seed(len(models))  # what else draws is no part
        models.append(autoencoder_ensemble(3, 5, units=8, seed=4))
        train_ensemble(models[-1], x, train_steps=5, seed=4)
    for one, other in zip(
        *(model.get_weights() for model in models), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert np.std(models[0].get_weights()[0]) > 0


def test_members_have_different_initial_weights():
    [kernel, *_] = autoencoder_ensemble(2, 5, seed=0).get_weights()
    assert not np.allclose(kernel[0], kernel[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"autoencoder": "dense"}, "autoencoder='dense'"),
        ({"latent_dim": 0}, "latent_dim=0"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        autoencoder_ensemble(2, 3, **options)
