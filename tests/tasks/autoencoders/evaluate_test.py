"""Metrics of autoencoders with known results."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.models import Autoencoder, pca_autoencoder
from dlunits.tasks.autoencoders.evaluate import (
    anomaly_auc,
    denoising_psnr,
    evaluate_autoencoder,
    jacobian_norm,
    latent_map_labels,
    sample_images,
)


@pytest.fixture(scope="module")
def data():
    """Digits reduced to 7x7 pixels, for speed."""
    full = image_datasets.load("digits")

    def small(part):
        images, labels = part
        blocks = images.reshape(len(images), 7, 4, 7, 4, 1)
        return blocks.mean(axis=(2, 4)).astype("uint8"), labels

    return dataclasses.replace(
        full,
        train=small(full.train),
        validation=small(full.validation),
        test=small(full.test),
    )


@pytest.fixture(scope="module")
def model(data):
    return pca_autoencoder(data.train[0] / np.float32(255), latent_dim=6)


@pytest.fixture(scope="module")
def metrics(model, data):
    return evaluate_autoencoder(model, data)


def test_the_error_is_that_of_the_test_images(model, data, metrics):
    images = data.test[0] / np.float32(255)
    total = 0.0
    for image, again in zip(images, model.reconstruct(images), strict=True):
        total += ((image - again) ** 2).sum() / 49
    assert metrics["mse"] == pytest.approx(total / 300, rel=1e-5)
    assert (metrics["latent_dim"], metrics["pixels"]) == (6, 49)


def test_the_chosen_step_reduces_the_psnr_little(metrics):
    *points, exact = metrics["rate_distortion"]
    assert exact["psnr"] == pytest.approx(
        10 * math.log10(1 / metrics["mse"]), abs=1e-3
    )
    [chosen] = [p for p in points if p["step"] == metrics["step"]]
    assert metrics["bits_per_pixel"] == chosen["bits_per_pixel"]
    assert metrics["psnr"] == chosen["psnr"]
    # At most 0.1 dB on the validation images, so about that on others.
    assert exact["psnr"] - 0.2 < chosen["psnr"] < exact["psnr"]


def test_the_jacobian_of_pca_is_orthonormal(metrics, model, data):
    # Six rows of length 1: the norm is sqrt(6).
    assert metrics["jacobian_norm"] == pytest.approx(math.sqrt(6), rel=1e-4)
    images = (data.test[0] / 255).reshape(300, 49)
    codes = model.encode(data.test[0] / np.float32(255))
    varies = [sum(np.var(x, axis=0)) for x in (images, codes)]
    assert metrics["sensitivity"] == pytest.approx(
        math.sqrt(6 * varies[0] / varies[1]), rel=1e-4
    )
    assert metrics["saturation"] is None
    assert metrics["dead_units"] == 0


def test_sensitivity_does_not_depend_on_the_scale_of_the_code(model, data):
    scaled = scaled_autoencoder(model, 1000.0)
    one, other = (evaluate_autoencoder(m, data) for m in (model, scaled))
    assert other["jacobian_norm"] == pytest.approx(
        1000 * one["jacobian_norm"], rel=1e-3
    )
    for name in ("sensitivity", "dead_units", "bits_per_pixel"):
        assert other[name] == pytest.approx(one[name], rel=1e-3), name


def scaled_autoencoder(model, factor):
    encoder = keras.Sequential([model.encoder, keras.layers.Rescaling(factor)])
    decoder = keras.Sequential(
        [
            keras.Input((model.latent_dim,)),
            keras.layers.Rescaling(1 / factor),
            model.decoder,
        ]
    )
    return Autoencoder(encoder, decoder)


def test_the_jacobian_norm_of_a_deep_encoder_is_estimated_well():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(30, "tanh"),
            keras.layers.Dense(10, "sigmoid"),
        ]
    )
    x = np.random.default_rng(0).normal(size=(10, 20)).astype("float32")
    (first, bias), (second, offset) = (
        layer.get_weights() for layer in encoder.layers
    )
    squares = []
    for row in x:  # J = diag(s (1 - s)) W_2^T diag(1 - h^2) W_1^T
        h = np.tanh(row @ first + bias)
        s = 1 / (1 + np.exp(-(h @ second + offset)))
        jacobian = (
            (s * (1 - s))[:, None] * second.T @ np.diag(1 - h**2) @ first.T
        )
        squares.append((jacobian**2).sum())
    # 200 projections, each with an error of about its own size. With one per
    # image, the error of the norm would be 16 %.
    assert jacobian_norm(encoder, x) == pytest.approx(
        math.sqrt(np.mean(squares)), rel=0.05
    )


def test_the_auc_is_the_fraction_of_correctly_ordered_pairs(
    metrics, model, data
):
    images = data.test[0] / np.float32(255)
    turned = np.stack([np.rot90(image) for image in images])
    upright, other = (
        ((model.reconstruct(x) - x) ** 2).mean(axis=(1, 2, 3))
        for x in (images, turned)
    )
    in_order = (other[:, None] > upright).mean()
    assert in_order > 0.7  # rotated images are reconstructed worse
    assert metrics["anomaly_auc"] == pytest.approx(in_order, abs=1e-4)


def identity():
    encoder, decoder = (
        keras.Sequential([keras.Input((7, 7, 1)), keras.layers.Identity()])
        for _ in range(2)
    )
    return Autoencoder(encoder, decoder)


def test_the_identity_detects_no_anomaly_and_removes_no_noise(data):
    images = data.test[0] / np.float32(255)
    assert anomaly_auc(identity(), images) == 0.5
    copied = denoising_psnr(identity(), images, seed=0)
    assert copied["denoised_psnr"] == copied["noisy_psnr"]


def test_the_noise_of_a_black_image_is_clipped_at_both_ends():
    black = np.zeros((200, 7, 7, 1), "float32")
    # 0.5 z between 0 and 1, 1 above; phi and Phi are those of the normal at 2:
    # 0.25 (Phi - 0.5 - 2 phi) + 1 - Phi = 0.25 * 0.3693 + 0.0228 = 0.1151
    expected = 10 * math.log10(1 / 0.1151)
    measured = denoising_psnr(identity(), black, seed=0)["noisy_psnr"]
    assert measured == pytest.approx(expected, abs=0.3)


def test_a_small_code_removes_noise(metrics):
    # PCA's six of 49 directions keep 6/49 of the noise, and lose detail.
    assert metrics["denoised_psnr"] > metrics["noisy_psnr"] + 3


def test_codes_of_digits_separate_the_classes(metrics):
    assert metrics["linear_probe"] > 0.75  # guessing: 0.1
    assert 0.3 < metrics["nmi"] < 1
    assert 0.4 < metrics["purity"] < 1


def test_the_latent_map_is_in_the_order_of_its_labels(metrics, model, data):
    points, labels = np.array(metrics["latent_map"]), latent_map_labels(data)
    assert points.shape == (300, 2)
    # The nearest neighbor in the map is mostly of the same class.
    distances = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(axis=1)] == labels).mean() > 0.7


def test_images_are_sampled_without_replacement_by_the_seed(data):
    images, labels = sample_images(data.train, 500, seed=3)
    assert images.shape == (500, 7, 7, 1)
    assert images.dtype == np.float32
    assert images.max() <= 1
    every, _ = sample_images(data.train, 10_000, seed=3)
    assert len(every) == len(data.train[1])
    np.testing.assert_array_equal(every[:500], images)
    np.testing.assert_allclose(every.sum(), (data.train[0] / 255).sum(), 1e-5)
    assert not np.array_equal(sample_images(data.train, 500, seed=4)[1], labels)


def test_results_are_reproducible_and_fit_into_json(metrics, model, data):
    again = json.loads(json.dumps(evaluate_autoencoder(model, data)))
    assert again == metrics


def test_codes_that_are_not_finite_are_refused(model, data):
    broken = pca_autoencoder(data.train[0] / np.float32(255), latent_dim=2)
    broken.set_weights([np.nan * w for w in broken.get_weights()])
    with pytest.raises(ValueError, match="must be finite"):
        evaluate_autoencoder(broken, data)
