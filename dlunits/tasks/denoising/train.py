"""Training of a denoising autoencoder, and its linear baseline."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from dlunits.data import batches
from dlunits.data.images import corruption
from dlunits.data.images.image_datasets import ImageDataset
from dlunits.diagnostics import fit_linear_filter
from dlunits.models import Autoencoder, denoising_autoencoder
from dlunits.training.fit_denoising import fit_denoising
from dlunits.training.run_directory import RunDirectory
from dlunits.typing import Array

NOISES: dict[str, Callable[[float], corruption.Corruption]] = {
    "gaussian": corruption.gaussian_noise,
    "masking": corruption.masking_noise,
    "salt_and_pepper": corruption.salt_and_pepper_noise,
}

# Smaller data sets are repeated, with new noise each time: in each epoch of
# training, and to fit the linear filter.
IMAGES_PER_EPOCH = 10_000
IMAGES_PER_FIT = 30_000


def train_denoiser(
    data: ImageDataset,
    run_directory: RunDirectory,
    *,
    noise: str = "gaussian",
    noise_level: float = 0.5,
    epochs: int = 8,
    steps_per_epoch: int | None = None,
    batch_size: int = 64,
    learning_rate: float = 4e-3,
    units: int = 256,
    patience: int | None = None,
    seed: int = 0,
) -> tuple[Autoencoder, dict[str, list[float]]]:
    """Trains a denoising autoencoder, or resumes the run in `run_directory`.

    The loss is the binary cross-entropy. Like the squared error, it is minimal
    if each output is the expected clean pixel, given the noisy image.

    Reference: Vincent et al., 2010, "Stacked denoising autoencoders",
    https://www.jmlr.org/papers/v11/vincent10a.html

    Args:
        data: Images to train on and to validate with.
        run_directory: Folder of the checkpoint and the history.
        noise: `"gaussian"`, `"masking"` or `"salt_and_pepper"`, see
            `dlunits.data.images.corruption`.
        noise_level: Standard deviation of Gaussian noise for images in [0, 1],
            or fraction of corrupted pixels.
        epochs: Number of epochs. An epoch has at least about 10,000 images:
            smaller data sets are repeated.
        steps_per_epoch: Number of steps per epoch. `None` uses the rule above.
        batch_size: Number of images per step.
        learning_rate: Peak learning rate of Adam.
        units: Hidden units of the global blocks, see
            `dlunits.models.denoising_autoencoder`.
        patience: Number of epochs without a lower validation loss after
            which training stops; `None` to train all epochs.
        seed: Seed of the initial weights, the order and the noise.

    Returns:
        `(model, history)`: the model with the weights of the epoch with the
        smallest validation loss, and a dict from the name of a metric to its
        values, one per epoch.

    Raises:
        ValueError: If there are fewer images than one batch needs, the noise
            level is out of range, or the loss becomes infinite or NaN.
        OSError: If a file cannot be written.
    """
    images = data.train[0]
    options = corruption_options(noise, noise_level, seed)
    full_pass = batches.steps_per_epoch(
        len(images), batch_size, IMAGES_PER_EPOCH
    )
    steps = steps_per_epoch or full_pass
    keras.utils.set_random_seed(seed)
    model = denoising_autoencoder(images.shape[1:], units=units)
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
        **options,
    )


def denoised_test_images(
    model: keras.Model,
    data: ImageDataset,
    *,
    noise: str,
    noise_level: float,
    seed: int,
) -> dict[str, Array]:
    """Noisy test images, and the outputs of a linear filter and of the model.

    The linear filter is fitted here, to noisy training images.

    Args:
        model: Keras model of noisy images to clean images.
        data: Data set.
        noise: Type of noise, as in `train_denoiser`.
        noise_level: As in `train_denoiser`.
        seed: As in `train_denoiser`.

    Returns:
        Dict of arrays `(num_test, height, width, 1)` in [0, 1]: `"noisy"`,
        `"linear filter"` and `"denoiser"`.
    """
    images = data.train[0]
    options = corruption_options(noise, noise_level, seed)
    batch_size = min(500, len(images))
    steps = batches.steps_per_epoch(len(images), batch_size, IMAGES_PER_FIT)
    linear = fit_linear_filter(
        corruption.denoising_batches(
            images,
            batch_size=batch_size,
            first_step=0,
            last_step=steps,
            **options,
        )
    )
    pairs = corruption.denoising_evaluation_batches(data.test[0], **options)
    noisy = np.concatenate([corrupted for corrupted, _ in pairs])
    return {
        "noisy": noisy,
        "linear filter": linear(noisy),
        "denoiser": model.predict(noisy, verbose=0),
    }


def corruption_options(
    noise: str, noise_level: float, seed: int
) -> dict[str, Any]:
    """Arguments of `denoising_batches` that concern the noise."""
    return {
        "corrupt": NOISES[noise](noise_level),
        "seed": seed,
        "prepare": batches.rescale_images,
    }


def check_noise_level(noise: str, noise_level: float) -> None:
    """Raises ValueError if the noise level is out of range for the noise.

    Args:
        noise: Type of noise, a key of `NOISES`.
        noise_level: Level to check.
    """
    try:
        NOISES[noise](noise_level)
    except ValueError as error:
        raise ValueError(
            f"`noise_level` is out of range for {noise} noise: {error}"
        ) from error
