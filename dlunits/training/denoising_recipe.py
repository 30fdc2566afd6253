"""How a denoiser of small pictures is trained, and what it is held against."""

import functools

import keras
import numpy as np

from dlunits.data import batches, corruption
from dlunits.diagnostics import best_linear_filter
from dlunits.models import denoising_autoencoder
from dlunits.training.warmup_cosine import warmup_cosine

NOISES = {
    "gaussian": corruption.gaussian_noise,
    "masking": corruption.masking_noise,
    "salt_and_pepper": corruption.salt_and_pepper_noise,
}

# Fewer pictures are passed over several times, in new noise: in one epoch, and
# to fit the linear filter.
PICTURES_AN_EPOCH = 10_000
PICTURES_TO_FIT = 30_000


def train_denoiser(
    data,
    working,
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
    the expected clean pixel, given the noisy picture; that has the least
    squared error too.

    Args:
        data: `dlunits.data.digits.Digits`.
        working: `dlunits.training.WorkingDirectory` of the run.
        noise: Name of a kind, a key of `NOISES`.
        level: Number, what the kind takes: the standard deviation, or the
            share of the pixels that are lost.
        epochs: Integer, passes over the training pictures, or over 10,000 if
            there are fewer.
        batch_size: Integer, pictures a step.
        learning_rate: Number, Adam's largest step size; it falls to 0.
        patience: Integer, see `WorkingDirectory.fit`, or `None`.
        seed: Integer, decides all that is random.

    Returns:
        `(model, history)`: `dlunits.models.Autoencoder`, and a dict of metric
        name to its values, one an epoch.

    Raises:
        ValueError: If there are fewer pictures than one batch needs, the level
            is out of range, or the loss stops being finite.
        OSError: If a file cannot be written.
    """
    pictures, noisy = data.train[0], of_noise(noise, level, seed)
    steps = batches.steps_a_pass(len(pictures), batch_size)
    steps *= passes(pictures, PICTURES_AN_EPOCH)
    keras.utils.set_random_seed(seed)
    model = denoising_autoencoder(pictures.shape[1:])
    return model, fit_to_clean(
        model,
        "binary_crossentropy",
        data,
        working,
        epochs=epochs,
        steps_per_epoch=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        **noisy,
    )


def fit_to_clean(
    model,
    loss,
    data,
    working,
    *,
    epochs,
    steps_per_epoch,
    batch_size,
    learning_rate,
    patience,
    **noisy,
):
    """Trains a model on (noisy, clean) pairs, and returns its history.

    `noisy` is what `dlunits.data.corruption.denoising_batches` takes of the
    noise: `corrupt`, `prepare` and `seed`.
    """
    schedule = warmup_cosine(
        learning_rate,
        steps=epochs * steps_per_epoch,
        warmup_steps=steps_per_epoch,
    )
    model.compile(keras.optimizers.Adam(schedule), loss)
    return working.fit(
        model,
        functools.partial(
            corruption.denoising_batches,
            data.train[0],
            batch_size=batch_size,
            **noisy,
        ),
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        validation_batches=corruption.denoising_evaluation_batches(
            data.validation[0], **noisy
        ),
        patience=patience,
    )


def denoised_test_pictures(model, data, *, noise, level, seed):
    """What becomes of the noisy test pictures.

    The linear filter is fitted here, to the training pictures in noise.

    Args:
        model: Keras model that takes noisy pictures and gives clean ones.
        data: `dlunits.data.digits.Digits`.
        noise, level, seed: As of `train_denoiser`.

    Returns:
        Dict of arrays `(num_test, height, width, 1)` in [0, 1]: `"noisy"`, by
        the `"linear filter"`, and by the `"denoiser"`.
    """
    pictures, noisy = data.train[0], of_noise(noise, level, seed)
    size = min(500, len(pictures))
    steps = batches.steps_a_pass(len(pictures), size)
    linear = best_linear_filter(
        corruption.denoising_batches(
            pictures,
            batch_size=size,
            first_step=0,
            last_step=passes(pictures, PICTURES_TO_FIT) * steps,
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
    """What `denoising_batches` needs to know besides the pictures."""
    return {
        "corrupt": NOISES[noise](level),
        "seed": seed,
        "prepare": batches.unit_range,
    }


def check_level(noise, level):
    """Refuses a level that the kind of noise cannot have, before any work."""
    try:
        NOISES[noise](level)
    except ValueError as error:
        raise ValueError(
            f"`level` ({noise} noise, --level of the app) is out of range: "
            f"{error}"
        ) from error


def passes(pictures, enough):
    """Times to go through all pictures.

    >>> passes(range(1_372), 10_000), passes(range(55_000), 10_000)
    (7, 1)
    """
    return max(1, enough // len(pictures))
