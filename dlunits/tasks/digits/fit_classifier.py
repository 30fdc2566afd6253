"""Training and prediction, shared by the classifiers of digits."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from dlunits.data import batches
from dlunits.data.images.image_datasets import ImageDataset
from dlunits.training.run_directory import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine
from dlunits.typing import Array, Tensor

# With augmentation, an epoch of a smaller data set goes over its images
# several times, with new distortions each time.
IMAGES_PER_EPOCH = 20_000


def fit_classifier(
    model: keras.Model,
    data: ImageDataset,
    run_directory: RunDirectory,
    *,
    prepare: Callable[[Tensor], Tensor],
    augment: Callable[[Tensor, Tensor], Tensor] | None,
    epochs: int,
    steps_per_epoch: int | None,
    batch_size: int,
    learning_rate: float,
    patience: int | None,
    seed: int,
    global_clipnorm: float | None = None,
    relabel: Callable[[Tensor], Tensor] | None = None,
) -> dict[str, list[float]]:
    """Fits a classifier of images, or resumes the run in `run_directory`.

    The optimizer is Adam, the loss the cross-entropy. The learning rate rises
    linearly during the first epoch and then falls to 0 along a cosine.

    Args:
        model: Keras model from prepared images to class probabilities.
        data: Images to train on and to validate with.
        run_directory: Folder of the checkpoint and the history.
        prepare: Function of a batch of images to the input of the model.
        augment: Function of a batch of training images and a seed to the input
            of the model, or `None` to use `prepare`. With it, an epoch is at
            least about 20,000 images: smaller data sets are repeated.
        epochs: Number of epochs.
        steps_per_epoch: Number of steps of an epoch; `None` for a pass over
            the images.
        batch_size: Number of images per step.
        learning_rate: Peak learning rate of Adam.
        patience: Number of epochs without a lower validation loss after
            which training stops; `None` to train all epochs.
        seed: Seed of the order of the images and of `augment`.
        global_clipnorm: Maximum norm of the gradient, or `None`.
        relabel: Function of the labels of a training batch to those of the
            augmented images, or `None` if they stay.

    Returns:
        Dict from the name of a metric to its values, one per epoch.

    Raises:
        ValueError: If there are fewer training images than one batch needs,
            or the loss becomes infinite or NaN.
        OSError: If a file cannot be written.
    """
    images = data.train[0]
    full_pass = batches.steps_per_epoch(
        len(images), batch_size, IMAGES_PER_EPOCH if augment else 0
    )
    steps = steps_per_epoch or full_pass
    schedule = warmup_cosine(
        learning_rate, steps=epochs * steps, warmup_steps=steps
    )
    model.compile(
        keras.optimizers.Adam(schedule, global_clipnorm=global_clipnorm),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return run_directory.fit(
        model,
        functools.partial(
            batches.training_batches,
            *data.train,
            batch_size=batch_size,
            seed=seed,
            prepare=augment or (lambda images, _: prepare(images)),
            relabel=relabel,
        ),
        epochs=epochs,
        steps_per_epoch=steps,
        validation_batches=batches.evaluation_batches(
            *data.validation, prepare=prepare
        ),
        patience=patience,
    )


def predict_images(
    model: keras.Model,
    images: Array,
    prepare: Callable[[Tensor], Tensor],
    verbose: Any = "auto",
) -> Array:
    """Class probabilities of images.

    Args:
        model: Keras model of prepared images.
        images: uint8 array `(num_images, height, width, channels)`.
        prepare: Function of a batch of images to the input of the model.
        verbose: As in `keras.Model.predict`.

    Returns:
        Array `(num_images, num_classes)`.

    Example: a model that returns its input.

    >>> inputs = keras.Input((1, 1, 1))
    >>> identity = keras.Model(inputs, inputs)
    >>> images = np.full((2, 1, 1, 1), 51, "uint8")
    >>> outputs = predict_images(identity, images, batches.rescale_images, 0)
    >>> round(float(outputs[1, 0, 0, 0]), 3)  # 51 / 255
    0.2
    """
    labels = np.zeros(len(images), "uint8")  # not used
    batched = batches.evaluation_batches(images, labels, prepare=prepare)
    return model.predict(batched, verbose=verbose)
