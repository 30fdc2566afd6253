"""Training of LeNet-5 on images of 28x28 pixels."""

import functools
from typing import Any

import keras

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.models import LeNet5
from dlunits.training.run_directory import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine

# With augmentation, an epoch of a smaller data set goes over its images
# several times, with new distortions each time.
IMAGES_PER_EPOCH = 20_000


def train_lenet(
    data: ImageDataset,
    run_directory: RunDirectory,
    *,
    variant: str = "modern",
    epochs: int,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    augment: bool = True,
    patience: int | None = None,
    seed: int = 0,
) -> tuple[LeNet5, dict[str, list[float]]]:
    """Trains LeNet-5, or resumes the run in `run_directory`.

    The optimizer is Adam, the loss the cross-entropy. The learning rate rises
    linearly during the first epoch and then falls to 0 along a cosine. With
    `augment`, every training image is distorted by a new random affine
    transform in every step. Images of 28x28 pixels are padded to 32x32.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to document
    recognition", http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf

    Args:
        data: Images to train on and to validate with.
        run_directory: Folder of the checkpoint and the history.
        variant: `"modern"` or `"1998"`, see `dlunits.models.LeNet5`.
        epochs: Number of epochs. With `augment`, an epoch is at least about
            20,000 images: smaller data sets are repeated.
        batch_size: Number of images per step.
        learning_rate: Peak learning rate of Adam.
        augment: Whether to distort the training images.
        patience: Number of epochs without a better validation loss after
            which training stops; `None` to train all epochs.
        seed: Seed of the initial weights, the order and the distortions.

    Returns:
        `(model, history)`: the model with the weights of the epoch with the
        smallest validation loss, and a dict from the name of a metric to its
        values, one per epoch. The model takes images of 32x32 pixels, see
        `dlunits.data.images.augmentation.pad_to_32x32`.

    Raises:
        ValueError: If there are fewer training images than one batch needs,
            or the loss becomes infinite or NaN.
        OSError: If a file cannot be written.
    """
    from dlunits.data import batches
    from dlunits.data.images.augmentation import RandomAffine, pad_to_32x32

    keras.utils.set_random_seed(seed)
    model = LeNet5(len(data.class_names), variant, input_shape=(32, 32, 1))
    steps = batches.steps_per_epoch(len(data.train[0]), batch_size)
    if augment:
        steps *= max(1, IMAGES_PER_EPOCH // len(data.train[0]))
    schedule = warmup_cosine(
        learning_rate, steps=epochs * steps, warmup_steps=steps
    )
    model.compile(
        keras.optimizers.Adam(schedule),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = run_directory.fit(
        model,
        functools.partial(
            batches.training_batches,
            *data.train,
            batch_size=batch_size,
            seed=seed,
            prepare=RandomAffine() if augment else lambda x, _: pad_to_32x32(x),
        ),
        epochs=epochs,
        steps_per_epoch=steps,
        validation_batches=batches.evaluation_batches(
            *data.validation, prepare=pad_to_32x32
        ),
        patience=patience,
    )
    return model, history


def predict_lenet(model: LeNet5, images: Any, verbose: Any = "auto") -> Any:
    """Class probabilities of images of 28x28 pixels.

    Args:
        model: LeNet-5 that takes images of 32x32 pixels.
        images: uint8 array `(num_images, 28, 28, 1)`.
        verbose: As in `keras.Model.predict`.

    Returns:
        Array `(num_images, num_classes)`.

    Example:

    >>> import numpy as np
    >>> model = LeNet5(10, input_shape=(32, 32, 1))
    >>> images = np.zeros((3, 28, 28, 1), "uint8")
    >>> predict_lenet(model, images, verbose=0).shape
    (3, 10)
    """
    from dlunits.data import batches
    from dlunits.data.images.augmentation import pad_to_32x32

    labels = [0] * len(images)  # not used
    batched = batches.evaluation_batches(images, labels, prepare=pad_to_32x32)
    return model.predict(batched, verbose=verbose)
