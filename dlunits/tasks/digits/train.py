"""Training of LeNet-5 on images of 28x28 pixels."""

import functools
from collections.abc import Callable
from typing import Any

import keras

from dlunits.data.images.augmentation import RandomAffine, pad_to_32x32
from dlunits.data.images.handwriting_augmentation import RandomHandwriting
from dlunits.data.images.image_datasets import ImageDataset
from dlunits.models import LeNet5
from dlunits.tasks.digits.fit_classifier import fit_classifier, predict_images
from dlunits.training.run_directory import RunDirectory
from dlunits.typing import Tensor

AUGMENTATIONS: dict[str, Callable[[], Callable[[Tensor, Tensor], Tensor]]] = {
    "affine": RandomAffine,
    "handwriting": RandomHandwriting,
}


def train_lenet(
    data: ImageDataset,
    run_directory: RunDirectory,
    *,
    variant: str = "modern",
    epochs: int,
    steps_per_epoch: int | None = None,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    augment: bool = True,
    augmentation: str = "affine",
    patience: int | None = None,
    seed: int = 0,
) -> tuple[LeNet5, dict[str, list[float]]]:
    """Trains LeNet-5, or resumes the run in `run_directory`.

    The optimizer is Adam, the loss the cross-entropy. The learning rate rises
    linearly during the first epoch and then falls to 0 along a cosine. With
    `augment`, every training image is distorted at random in every step. Images
    of 28x28 pixels are padded to 32x32.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to document
    recognition", http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf

    Args:
        data: Images to train on and to validate with.
        run_directory: Folder of the checkpoint and the history.
        variant: `"modern"` or `"1998"`, see `dlunits.models.LeNet5`.
        epochs: Number of epochs. With `augment`, an epoch is at least about
            20,000 images: smaller data sets are repeated.
        steps_per_epoch: Number of steps per epoch. `None` uses the rule above.
        batch_size: Number of images per step.
        learning_rate: Peak learning rate of Adam.
        augment: Whether to distort the training images.
        augmentation: `"affine"` for `RandomAffine`, or `"handwriting"` for
            `RandomHandwriting`, which makes classifiers of digits robust to
            other pens and scanners. The model then has one more output, the
            last one: the probability that the image shows no digit.
        patience: Number of epochs without a lower validation loss after
            which training stops; `None` to train all epochs.
        seed: Seed of the initial weights, the order and the distortions.

    Returns:
        `(model, history)`: the model with the weights of the epoch with the
        smallest validation loss, and a dict from the name of a metric to its
        values, one per epoch. The model takes images of 32x32 pixels, see
        `dlunits.data.images.augmentation.pad_to_32x32`.

    Raises:
        ValueError: If `augmentation` is not known, there are fewer training
            images than one batch needs, or the loss becomes infinite or NaN.
        OSError: If a file cannot be written.
    """
    if augmentation not in AUGMENTATIONS:
        raise ValueError(
            f"`augmentation` must be one of {sorted(AUGMENTATIONS)}. "
            f"Received: {augmentation!r}"
        )
    keras.utils.set_random_seed(seed)
    num_outputs, distort, relabel = len(data.class_names), None, None
    if augment:
        distort = AUGMENTATIONS[augmentation]()
    if isinstance(distort, RandomHandwriting):
        relabel = functools.partial(distort.label_outliers, label=num_outputs)
        num_outputs += 1
    model = LeNet5(num_outputs, variant, input_shape=(32, 32, 1))
    history = fit_classifier(
        model,
        data,
        run_directory,
        prepare=pad_to_32x32,
        augment=distort,
        relabel=relabel,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
    )
    return model, history


def predict_lenet(model: LeNet5, images: Any, verbose: Any = "auto") -> Any:
    """Class probabilities of images of 28x28 pixels.

    Args:
        model: LeNet-5 that takes images of 32x32 pixels.
        images: uint8 array `(num_images, 28, 28, 1)`.
        verbose: As in `keras.Model.predict`.

    Returns:
        Array `(num_images, num_outputs)`.

    Example:

    >>> import numpy as np
    >>> model = LeNet5(10, input_shape=(32, 32, 1))
    >>> images = np.zeros((3, 28, 28, 1), "uint8")
    >>> predict_lenet(model, images, verbose=0).shape
    (3, 10)
    """
    return predict_images(model, images, pad_to_32x32, verbose)
