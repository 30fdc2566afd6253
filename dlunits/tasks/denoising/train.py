"""How a denoiser of small images is trained, and what it is held against."""

import keras
import numpy as np

from dlunits.data import batches
from dlunits.data.images import corruption
from dlunits.diagnostics import fit_linear_filter
from dlunits.models import denoising_autoencoder
from dlunits.training.fit_denoising import fit_denoising

NOISES = {
    "gaussian": corruption.gaussian_noise,
    "masking": corruption.masking_noise,
    "salt_and_pepper": corruption.salt_and_pepper_noise,
}

# Fewer images are passed over several times, in new noise: in one epoch, and
# to fit the linear filter.
IMAGES_PER_EPOCH = 10_000
IMAGES_TO_FIT = 30_000


def train_denoiser(
    data,
    run_directory,
    *,
    noise="gaussian",
    level=0.5,
    epochs=8,
    batch_size=64,
    learning_rate=4e-3,
    patience=None,
    seed=0,
):
    """Trains a denoising autoencoder, or goes on where it was stopped.

    The loss is the binary cross-entropy, whose least is where each pixel is
    the expected clean pixel, given the noisy image; that has the least
    squared error too.

    Args:
        data: `dlunits.data.images.image_datasets.ImageDataset`.
        run_directory: `dlunits.training.RunDirectory` of the run.
        noise: Name of a kind, a key of `NOISES`.
        level: Number, what the kind takes: the standard deviation, or the
            share of the pixels that are lost.
        epochs: Integer, passes over the training images, or over 10,000 if
            there are fewer.
        batch_size: Integer, images a step.
        learning_rate: Number, Adam's largest step size; it falls to 0.
        patience: Integer, see `RunDirectory.fit`, or `None`.
        seed: Integer, decides all that is random.

    Returns:
        `(model, history)`: `dlunits.models.Autoencoder`, and a dict of metric
        name to its values, one an epoch.

    Raises:
        ValueError: If there are fewer images than one batch needs, the level
            is out of range, or the loss stops being finite.
        OSError: If a file cannot be written.
    """
    images, noisy = data.train[0], of_noise(noise, level, seed)
    steps = batches.steps_per_epoch(len(images), batch_size)
    steps *= passes(images, IMAGES_PER_EPOCH)
    keras.utils.set_random_seed(seed)
    model = denoising_autoencoder(images.shape[1:])
    return model, fit_denoising(
        model,
        "binary_crossentropy",
        data,
        run_directory,
        epochs=epochs,
        steps_per_epoch=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        **noisy,
    )


def denoised_test_images(model, data, *, noise, level, seed):
    """What becomes of the noisy test images.

    The linear filter is fitted here, to the training images in noise.

    Args:
        model: Keras model that takes noisy images and gives clean ones.
        data: `dlunits.data.images.image_datasets.ImageDataset`.
        noise, level, seed: As of `train_denoiser`.

    Returns:
        Dict of arrays `(num_test, height, width, 1)` in [0, 1]: `"noisy"`, by
        the `"linear filter"`, and by the `"denoiser"`.
    """
    images, noisy = data.train[0], of_noise(noise, level, seed)
    size = min(500, len(images))
    steps = batches.steps_per_epoch(len(images), size)
    linear = fit_linear_filter(
        corruption.denoising_batches(
            images,
            batch_size=size,
            first_step=0,
            last_step=passes(images, IMAGES_TO_FIT) * steps,
            **noisy,
        )
    )
    test = corruption.denoising_evaluation_batches(data.test[0], **noisy)
    test = np.concatenate([corrupted for corrupted, _ in test])
    return {
        "noisy": test,
        "linear filter": linear(test),
        "denoiser": model.predict(test, verbose=0),
    }


def of_noise(noise, level, seed):
    """What `denoising_batches` needs to know besides the images."""
    return {
        "corrupt": NOISES[noise](level),
        "seed": seed,
        "prepare": batches.rescale_images,
    }


def check_noise_level(noise, level):
    """Refuses a level that the kind of noise cannot have, before any work."""
    try:
        NOISES[noise](level)
    except ValueError as error:
        raise ValueError(
            f"`level` ({noise} noise, --level of the app) is out of range: "
            f"{error}"
        ) from error


def passes(images, enough):
    """Times to go through all images.

    >>> passes(range(1_372), 10_000), passes(range(55_000), 10_000)
    (7, 1)
    """
    return max(1, enough // len(images))
