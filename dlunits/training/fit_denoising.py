"""Training on pairs of a corrupted input and its clean target."""

import functools

import keras

from dlunits.data.images.corruption import (
    denoising_batches,
    denoising_evaluation_batches,
)
from dlunits.training.warmup_cosine import warmup_cosine


def fit_denoising(
    model,
    loss,
    data,
    run_directory,
    *,
    epochs,
    steps_per_epoch,
    batch_size,
    learning_rate,
    patience,
    **noisy,
):
    """Trains a model on (noisy, clean) pairs, and returns its history.

    `noisy` is what `dlunits.data.images.denoising_batches` takes of
    the noise: `corrupt`, `prepare` and `seed`.
    """
    schedule = warmup_cosine(
        learning_rate,
        steps=epochs * steps_per_epoch,
        warmup_steps=steps_per_epoch,
    )
    model.compile(keras.optimizers.Adam(schedule), loss)
    return run_directory.fit(
        model,
        functools.partial(
            denoising_batches,
            data.train[0],
            batch_size=batch_size,
            **noisy,
        ),
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        validation_batches=denoising_evaluation_batches(
            data.validation[0], **noisy
        ),
        patience=patience,
    )
