"""The figures by which autoencoders of images are compared."""

import math

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

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
from dlunits.losses.contractive_penalty import obstacle

VERSION = 2  # of what is measured: figures of another one are of no use
TRAINING_CODES = 10_000  # the most that tables, probe and clusters are made of
JUDGED = 1000  # validation images by which the quantizer is chosen
MAPPED = 1000  # test codes in the map
DIFFERENTIATED = 1000  # test images at which the Jacobian is taken
PROJECTIONS = 20  # random ones, where the Jacobian has no closed form
NOISE = 0.5  # standard deviation, where images are 0 to 1


def evaluate_autoencoder(model, data, seed=0):
    """Measures on the test images what a code keeps, costs and is good for.

    What has to be learnt or chosen for that comes from other images: the
    coder's table, the linear probe and the clusters from at most 10,000
    training images drawn by `seed`, the step of the quantizer from the
    validation images.

    Args:
        model: Trained `dlunits.models.Autoencoder` of images in [0, 1].
        data: `dlunits.data.images.image_datasets.ImageDataset`, or what has its
            attributes.
        seed: Integer.

    Returns:
        Dict for JSON.

        - `latent_dim`, `pixels`: numbers in a code and in an image;
        - `error`: mean squared error a pixel;
        - `step`, `bits_per_pixel`, `psnr`: of the coarsest quantizer that
          costs the validation images at most 0.1 dB, and `rate_distortion`:
          of all, see `dlunits.diagnostics.rate_distortion`;
        - `mean_activation`, `dead_units`, `saturation`: see
          `dlunits.diagnostics.code_statistics`;
        - `jacobian_norm`: root of the mean over images of the squared
          Frobenius norm of d code / d image;
        - `sensitivity`: the same norm times the spread of the images over
          that of the codes (roots of total variances), which no scaling of
          the code can change;
        - `linear_probe`, `purity`, `nmi`: see
          `dlunits.diagnostics.linear_probe` and `cluster_agreement`;
        - `anomaly_auc`, `noisy_psnr`, `denoised_psnr`: see `anomaly_auc` and
          `denoising`;
        - `latent_map`: list of points, see `mapped`.

    Raises:
        ValueError: If the model gives codes that are not finite.
    """
    training, training_labels = drawn(data.train, TRAINING_CODES, seed)
    training_code = model.encode(training, batch_size=1000)
    images, labels = drawn(data.test, len(data.test[1]), seed)
    code = model.encode(images, batch_size=1000)
    statistics = code_statistics(code, code_bounds(model.encoder))

    def decode(code):
        return model.decode(code, batch_size=1000)

    validation, _ = drawn(data.validation, JUDGED, seed)
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
    norm = jacobian_norm(model.encoder, images[:DIFFERENTIATED])
    reconstruction = model.reconstruct(images, batch_size=1000)
    return {
        "latent_dim": model.latent_dim,
        "pixels": math.prod(images.shape[1:]),
        "error": float(((reconstruction - images) ** 2).mean()),
        **chosen,
        "rate_distortion": points,
        **statistics,
        "jacobian_norm": norm,
        "sensitivity": norm * spread(images) / (spread(code) or math.inf),
        "linear_probe": linear_probe(
            training_code, training_labels, code, labels
        ),
        **cluster_agreement(
            training_code, code, labels, len(data.class_names), seed
        ),
        "anomaly_auc": anomaly_auc(model, images),
        **denoising(model, images, seed),
        "latent_map": latent_map(code[:MAPPED]).tolist(),
    }


def mapped_labels(data, seed=0):
    """Labels of the points of `latent_map`, in their order."""
    _, labels = drawn(data.test, len(data.test[1]), seed)
    return labels[:MAPPED]


def drawn(part, most, seed):
    """At most so many images in [0, 1] and labels, in random order."""
    images, labels = part
    chosen = np.random.default_rng(seed).permutation(len(labels))[:most]
    return images[chosen] / np.float32(255), labels[chosen]


def anomaly_auc(model, images):
    """How well the error tells square images from the same ones turned.

    Turned by 90 degrees they have the same ink and strokes, but are not what
    was learnt, so what is found is no brightness or blank paper.

    Returns:
        Area under the ROC curve of the mean squared error of each image:
        the chance that a turned one has more than one that is not; 0.5 is
        guessing.
    """
    both = np.concatenate([images, np.rot90(images, axes=(1, 2))])
    again = model.reconstruct(both, batch_size=1000)
    errors = ((again - both) ** 2).reshape(len(both), -1).mean(axis=1)
    return float(roc_auc_score(np.arange(len(both)) >= len(images), errors))


def denoising(model, images, seed):
    """PSNR of noisy images, and of what the model makes of them, in dB.

    The noise is Gaussian and clipped, as `dlunits.data.images.corruption` adds
    it.
    """
    noise = np.random.default_rng(seed).normal(0, NOISE, images.shape)
    noisy = np.clip(images + noise, 0, 1).astype("float32")
    denoised = model.reconstruct(noisy, batch_size=1000)
    return {
        "noisy_psnr": psnr(noisy, images),
        "denoised_psnr": psnr(denoised, images),
    }


def jacobian_norm(encoder, images):
    """Root mean square over the images of the Jacobian's Frobenius norm."""
    projections = PROJECTIONS if obstacle(encoder) else 1  # takes none
    squares = [
        keras.ops.convert_to_numpy(
            squared_jacobian_norm(encoder, images, seed=seed)
        ).mean()
        for seed in range(projections)
    ]
    return float(np.sqrt(np.mean(squares)))


def spread(x):
    """Root of the total variance, that is, of all values of an example."""
    x = np.asarray(x, "float64").reshape(len(x), -1)
    return float(np.sqrt(x.var(axis=0).sum()))
