"""Training of denoising models, on corrupted inputs and clean targets."""

import functools
from typing import Any

import keras

from dlunits.data.images.corruption import (
    denoising_batches,
    denoising_evaluation_batches,
)
from dlunits.training.run_directory import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine


def fit_denoising(
    model: keras.Model,
    loss: Any,
    data: Any,
    run_directory: RunDirectory,
    *,
    epochs: int,
    steps_per_epoch: int,
    batch_size: int,
    learning_rate: float,
    patience: int | None,
    **corruption: Any,
) -> dict[str, list[float]]:
    """Trains a model to reconstruct clean images from corrupted ones.

    The optimizer is Adam with one epoch of linear warm-up and cosine decay.
    The corruption of training images is sampled in every step; that of
    validation images is the same in every epoch.

    Args:
        model: Built Keras model that maps corrupted to clean images.
        loss: Loss of the reconstruction, as in `keras.Model.compile`.
        data: `dlunits.data.images.ImageDataset`; its parts `train` and
            `validation` are tuples that start with the images.
        run_directory: `dlunits.training.RunDirectory` of the run.
        epochs: Integer, epochs of the run.
        steps_per_epoch: Integer, mini-batches per epoch.
        batch_size: Integer, images per mini-batch.
        learning_rate: Number, largest learning rate.
        patience: Integer, epochs without a better validation loss before the
            run stops; the model then has the weights of its best epoch. `None`
            trains all epochs.
        **corruption: `corrupt`, `prepare` and `seed` of
            `dlunits.data.images.denoising_batches`.

    Returns:
        Dict of metric name to the list of its values, one per epoch.

    Raises:
        ValueError: If a loss is not finite, or the run directory holds the
            checkpoint of another run.
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
            **corruption,
        ),
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        validation_batches=denoising_evaluation_batches(
            data.validation[0], **corruption
        ),
        patience=patience,
    )
