"""Evaluation of autoencoders of images by their reconstructions and codes."""

import math
from typing import Any

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

from dlunits.data.images.image_datasets import ImageDataset, Split
from dlunits.diagnostics import (
    cluster_agreement,
    coarsest_step,
    code_bounds,
    code_statistics,
    latent_map,
    linear_probe,
    rate_distortion,
)
from dlunits.diagnostics.rate_distortion import psnr
from dlunits.losses import squared_jacobian_norm
from dlunits.losses.contractive_penalty import no_closed_form_reason
from dlunits.models import Autoencoder
from dlunits.typing import Array, ArrayLike

VERSION = 3  # of the metrics; cached results of other versions are ignored
MAX_TRAINING_CODES = 10_000  # for coding tables, linear probe and clusters
MAX_VALIDATION_IMAGES = 1000  # for the choice of the quantizer
MAX_MAPPED_CODES = 1000  # test codes in the latent map
MAX_JACOBIAN_IMAGES = 1000  # test images at which the Jacobian is computed
NUM_PROJECTIONS = 20  # random ones, if the Jacobian has no closed form
NOISE_STDDEV = 0.5  # for images in [0, 1]


def evaluate_autoencoder(
    model: Autoencoder, data: ImageDataset, seed: int = 0
) -> dict[str, Any]:
    """Evaluates reconstruction, compression and codes on the test images.

    The coding tables, the linear probe and the clusters are fitted to at most
    10,000 random training images. The step of the quantizer is chosen on
    validation images.

    Args:
        model: Trained autoencoder of images in [0, 1].
        data: Data set.
        seed: Seed of random samples, noise, clusters and projections.

    Returns:
        Dict that can be written as JSON:

        - `latent_dim`, `pixels`: number of values in a code and in an image;
        - `mse`: mean squared error per pixel;
        - `step`, `bits_per_pixel`, `psnr`: of the coarsest quantizer that
          reduces the PSNR of the validation images by at most 0.1 dB, and
          `rate_distortion`: of all quantizers, see
          `dlunits.diagnostics.rate_distortion`;
        - `mean_activation`, `dead_units`, `saturation`: see
          `dlunits.diagnostics.code_statistics`;
        - `jacobian_norm`: root of the mean over images of the squared
          Frobenius norm of d code / d image;
        - `sensitivity`: `jacobian_norm` times the ratio of the total standard
          deviations of images and codes, which does not depend on the scale
          of the code;
        - `linear_probe`, `purity`, `nmi`: see
          `dlunits.diagnostics.linear_probe` and `cluster_agreement`;
        - `anomaly_auc`, `noisy_psnr`, `denoised_psnr`: see `anomaly_auc` and
          `denoising_psnr`;
        - `latent_map`: list of points, see `dlunits.diagnostics.latent_map`.

    Raises:
        ValueError: If a code is infinite or NaN.
    """
    training, training_labels = sample_images(
        data.train, MAX_TRAINING_CODES, seed
    )
    training_code = model.encode(training, batch_size=1000)
    images, labels = sample_images(data.test, len(data.test[1]), seed)
    code = model.encode(images, batch_size=1000)
    statistics = code_statistics(code, code_bounds(model.encoder))

    def decode(code: Array) -> Array:
        return model.decode(code, batch_size=1000)

    validation, _ = sample_images(data.validation, MAX_VALIDATION_IMAGES, seed)
    step = coarsest_step(
        rate_distortion(
            decode,
            training_code,
            model.encode(validation, batch_size=1000),
            validation,
        )
    )
    points = rate_distortion(decode, training_code, code, images)
    [chosen] = [point for point in points if point["step"] == step]
    norm = jacobian_norm(model.encoder, images[:MAX_JACOBIAN_IMAGES])
    reconstruction = model.reconstruct(images, batch_size=1000)
    return {
        "latent_dim": model.latent_dim,
        "pixels": math.prod(images.shape[1:]),
        "mse": float(((reconstruction - images) ** 2).mean()),
        **chosen,
        "rate_distortion": points,
        **statistics,
        "jacobian_norm": norm,
        "sensitivity": norm
        * total_stddev(images)
        / (total_stddev(code) or math.inf),
        "linear_probe": linear_probe(
            training_code, training_labels, code, labels
        ),
        **cluster_agreement(
            training_code, code, labels, len(data.class_names), seed
        ),
        "anomaly_auc": anomaly_auc(model, images),
        **denoising_psnr(model, images, seed),
        "latent_map": latent_map(code[:MAX_MAPPED_CODES]).tolist(),
    }


def latent_map_labels(data: ImageDataset, seed: int = 0) -> Array:
    """Labels of the points of `latent_map`.

    Args:
        data: Data set.
        seed: Seed of `evaluate_autoencoder`.
    """
    _, labels = sample_images(data.test, len(data.test[1]), seed)
    return labels[:MAX_MAPPED_CODES]


def sample_images(split: Split, max_images: int, seed: int) -> Split:
    """Random sample without replacement, images in [0, 1].

    Args:
        split: uint8 images and labels.
        max_images: Maximum number of images.
        seed: Seed of the sample.
    """
    images, labels = split
    chosen = np.random.default_rng(seed).permutation(len(labels))[:max_images]
    return images[chosen] / np.float32(255), labels[chosen]


def anomaly_auc(model: Autoencoder, images: Array) -> float:
    """ROC AUC of the reconstruction error for rotated images as anomalies.

    Images rotated by 90 degrees have the same brightness and stroke widths as
    normal images, and cannot be detected by these.

    Args:
        model: Autoencoder.
        images: Square images in [0, 1].

    Returns:
        Probability that a rotated image has a larger mean squared error than
        a normal one; 0.5 is chance.
    """
    both = np.concatenate([images, np.rot90(images, axes=(1, 2))])
    reconstruction = model.reconstruct(both, batch_size=1000)
    errors = ((reconstruction - both) ** 2).reshape(len(both), -1).mean(axis=1)
    return float(roc_auc_score(np.arange(len(both)) >= len(images), errors))


def denoising_psnr(
    model: Autoencoder, images: Array, seed: int
) -> dict[str, float]:
    """PSNR of noisy images and of their reconstructions, in dB.

    The noise is Gaussian with a standard deviation of 0.5, clipped to [0, 1].

    Args:
        model: Autoencoder.
        images: Clean images in [0, 1].
        seed: Seed of the noise.

    Returns:
        Dict of `noisy_psnr` and `denoised_psnr`.
    """
    noise = np.random.default_rng(seed).normal(0, NOISE_STDDEV, images.shape)
    noisy = np.clip(images + noise, 0, 1).astype("float32")
    denoised = model.reconstruct(noisy, batch_size=1000)
    return {
        "noisy_psnr": psnr(noisy, images),
        "denoised_psnr": psnr(denoised, images),
    }


def jacobian_norm(encoder: keras.Model, images: Array) -> float:
    """Root mean square over the images of the Jacobian's Frobenius norm."""
    # In closed form, or estimated by random projections.
    projections = NUM_PROJECTIONS if no_closed_form_reason(encoder) else 1
    squares = [
        keras.ops.convert_to_numpy(
            squared_jacobian_norm(encoder, images, seed=seed)
        ).mean()
        for seed in range(projections)
    ]
    return float(np.sqrt(np.mean(squares)))


def total_stddev(x: ArrayLike) -> float:
    """Square root of the total variance, summed over all values."""
    examples = np.asarray(x, "float64")
    values = examples.reshape(len(examples), -1)
    return float(np.sqrt(values.var(axis=0).sum()))
