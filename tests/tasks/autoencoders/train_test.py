"""Every type of autoencoder: its model, its training, its checkpoint."""

import dataclasses

import keras
import numpy as np
import pytest

from apps.autoencoder_mnist import AUTOENCODERS
from dlunits.data.images import image_datasets
from dlunits.layers import TiedDense
from dlunits.models import ContractiveAutoencoder, VariationalAutoencoder
from dlunits.regularizers import KLSparsity
from dlunits.tasks.autoencoders.train import RECIPES, train_autoencoder
from dlunits.training import RunDirectory

every_type = pytest.mark.parametrize("autoencoder", RECIPES)
WIDE = ("overcomplete", "sparse", "denoising", "contractive")


@pytest.fixture(scope="module")
def data():
    full = image_datasets.load("digits")
    few = slice(None, 320)
    return dataclasses.replace(
        full, train=(full.train[0][few], full.train[1][few])
    )


def trained(data, folder, autoencoder, epochs, **options):
    return train_autoencoder(
        autoencoder,
        data,
        RunDirectory(folder, {"autoencoder": autoencoder}),
        latent_dim=800 if RECIPES[autoencoder].overcomplete else 5,
        epochs=epochs,
        batch_size=32,
        **options,
    )


def test_the_app_offers_every_type():
    assert tuple(RECIPES) == AUTOENCODERS


@every_type
def test_codes_are_undercomplete_or_overcomplete_as_declared(autoencoder):
    recipe = RECIPES[autoencoder]
    model = recipe.build(800 if recipe.overcomplete else 5)
    assert model.overcomplete == recipe.overcomplete == (autoencoder in WIDE)
    assert model.input_shape == (None, 28, 28, 1)


def test_each_type_has_what_it_is_named_after():
    models = {
        autoencoder: recipe.build(9) for autoencoder, recipe in RECIPES.items()
    }
    linear = models["linear"]
    for part in (linear.encoder, linear.decoder):
        for layer in part.layers:
            if isinstance(layer, keras.layers.Dense):
                assert layer.activation is keras.activations.linear
    sparsity = models["sparse"].encoder.get_layer("code").activity_regularizer
    assert isinstance(sparsity, KLSparsity)
    # With these benchmarks/sparse_code.py ends within 12 % of the target; a
    # weight of 3 / 784 ended 44 % above it.
    assert (sparsity.target, sparsity.weight) == (0.05, 0.01)
    assert isinstance(models["contractive"], ContractiveAutoencoder)
    assert isinstance(models["variational"], VariationalAutoencoder)
    for autoencoder in ("overcomplete", "denoising", "contractive"):
        # A free decoder would undo the contraction; the others are baselines.
        assert any(
            isinstance(layer, TiedDense)
            for layer in models[autoencoder].decoder.layers
        )
    dropout = [
        layer
        for layer in models["dropout"].encoder.layers
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert dropout
    kernel = models["l2"].encoder.get_layer("encoder_1")
    assert kernel.kernel_regularizer is not None
    assert [k for k, recipe in RECIPES.items() if recipe.mask] == ["denoising"]


@every_type
def test_the_loss_of_every_type_falls(autoencoder, data, tmp_path):
    _, history = trained(data, tmp_path, autoencoder, epochs=4)
    assert len(history["loss"]) == len(history["val_loss"]) == 4
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert (tmp_path / "history.csv").exists()


def test_the_denoising_type_is_validated_with_half_of_the_pixels_masked(
    data, tmp_path
):
    model, history = trained(data, tmp_path, "denoising", epochs=2)
    clean = data.validation[0] / np.float32(255)
    black = np.random.default_rng(0).random(clean.shape) < 0.5
    noisy = np.where(black, np.float32(0), clean)
    [last] = history["val_loss"][-1:]
    # With other noise, the loss of 125 images of 784 pixels differs by 1 %.
    assert model.evaluate(noisy, clean, verbose=0) == pytest.approx(last, 0.01)
    assert model.evaluate(clean, verbose=0) < 0.99 * last


def test_the_same_seed_gives_the_same_weights(data, tmp_path):
    one, same, other = (
        trained(data, tmp_path / str(i), "dropout", 1, seed=seed)[0]
        for i, seed in enumerate((0, 0, 1))
    )
    for a, b in zip(one.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True)
    )


def test_a_finished_run_is_loaded_instead_of_trained_again(data, tmp_path):
    model, history = trained(data, tmp_path, "variational", 2)
    before = (tmp_path / "checkpoint.npz").stat().st_mtime_ns
    again, same = trained(data, tmp_path, "variational", 2)
    assert same == history
    assert (tmp_path / "checkpoint.npz").stat().st_mtime_ns == before
    images = data.test[0][:5] / np.float32(255)
    np.testing.assert_array_equal(
        again.reconstruct(images), model.reconstruct(images)
    )
