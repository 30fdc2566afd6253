"""Training of AlexNet, and its predictions from ten crops."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dlunits.data import batches
from dlunits.data.images.crop_augmentation import (
    RandomCrop,
    center_crop,
    color_components,
    ten_crops,
)
from dlunits.data.images.image_datasets import ImageDataset
from dlunits.data.images.images_on_disk import rows_of
from dlunits.diagnostics import convolution_output_size
from dlunits.models import AlexNet
from dlunits.training.memory import check_memory
from dlunits.training.run_directory import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine
from dlunits.typing import Array, Tensor

# The paper's ratio of 256 to 227 pixels.
RESIZE_RATIO = 256 / 227
TEST_BATCH_SIZE = 32  # images of ten crops each
CONVOLUTION_WEIGHTS = 3_745_824  # ungrouped, at width 1


def resized_image_size(crop_size: int) -> int:
    """Size of the images from which windows are cropped.

    >>> resized_image_size(227), resized_image_size(67)
    (256, 76)
    """
    return round(crop_size * RESIZE_RATIO)


def approximate_weights(width: float, crop_size: int) -> int:
    """Number of weights of AlexNet, without the output layer and biases.

    >>> approximate_weights(1.0, 227)  # of 62,378,344
    58271776
    """
    size = convolution_output_size(crop_size, kernel_size=11, strides=4)
    for _ in range(3):  # the poolings
        size = convolution_output_size(size, kernel_size=3, strides=2)
    dense = 4096 * (size**2 * 256 + 4096)
    return int(width**2 * (CONVOLUTION_WEIGHTS + dense))


def train_alexnet(
    data: ImageDataset,
    run_directory: RunDirectory,
    *,
    variant: str = "grouped",
    width: float = 1.0,
    crop_size: int = 227,
    flip: bool = True,
    dropout: float = 0.5,
    precision: str = "float32",
    epochs: int = 90,
    steps_per_epoch: int | None = None,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    patience: int | None = None,
    seed: int = 0,
) -> tuple[AlexNet, dict[str, list[float]]]:
    """Trains AlexNet, or resumes the run in `run_directory`.

    Every training image is cropped, reflected and shifted in color at random in
    every step, see `dlunits.data.images.crop_augmentation.RandomCrop`. The
    optimizer is Adam and the loss the cross-entropy. The learning rate rises
    linearly during the first epoch and then falls to 0 along a cosine. The
    paper trains for 90 epochs with stochastic gradient descent and momentum.

    Reference: Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification
    with deep convolutional neural networks",
    https://papers.nips.cc/paper/4824.

    Args:
        data: Images to train on and to validate with.
        run_directory: Folder of the checkpoint and the history.
        variant, width, dropout: As in `dlunits.models.AlexNet`.
        crop_size: Height and width of the input of the model, in pixels.
            Images are resized to 256 / 227 of it before.
        flip: Whether to reflect images, which is not suitable for letters and
            digits.
        precision: Dtype policy of Keras: `"float32"`, `"mixed_float16"` or
            `"mixed_bfloat16"`.
        epochs: Number of epochs.
        steps_per_epoch: Number of steps of an epoch; `None` for a pass over
            the images.
        batch_size: Number of images per step.
        learning_rate: Peak learning rate of Adam.
        patience: Number of epochs without a lower validation loss after
            which training stops; `None` to train all epochs.
        seed: Seed of the initial weights, the order and the augmentation.

    Returns:
        `(model, history)`: the model with the weights of the epoch with the
        smallest validation loss, and a dict from the name of a metric to its
        values, one per epoch.

    Raises:
        ValueError: If an argument is out of range, the model does not fit in
            the memory, there are fewer training images than one batch needs,
            or the loss becomes infinite or NaN.
        OSError: If a file cannot be written.
    """
    check_memory(approximate_weights(width, crop_size))
    keras.utils.set_random_seed(seed)
    model = AlexNet(
        len(data.class_names),
        variant,
        width,
        input_shape=(crop_size, crop_size, 3),
        dropout=dropout,
        dtype=precision,
    )
    images, labels = data.train
    steps = steps_per_epoch or batches.steps_per_epoch(len(images), batch_size)
    schedule = warmup_cosine(
        learning_rate, steps=epochs * steps, warmup_steps=steps
    )
    model.compile(
        keras.optimizers.Adam(schedule),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    image_size = resized_image_size(crop_size)
    augment = RandomCrop(crop_size, image_size, flip, color_components(images))
    rows, read = rows_of(images)
    validation_rows, read_validation = rows_of(data.validation[0])
    history = run_directory.fit(
        model,
        functools.partial(
            batches.training_batches,
            rows,
            labels,
            batch_size=batch_size,
            seed=seed,
            prepare=lambda batch, seed, shard: augment(
                read(batch), seed, shard
            ),
        ),
        epochs=epochs,
        steps_per_epoch=steps,
        validation_batches=batches.evaluation_batches(
            validation_rows,
            data.validation[1],
            prepare=lambda batch: center_crop(
                read_validation(batch), crop_size, image_size
            ),
            batch_size=batch_size,
        ),
        patience=patience,
    )
    return model, history


def mean_over_crops(
    predict: Any, images: Tensor, crop_size: int, flip: bool
) -> Tensor:
    """Class probabilities of images, averaged over five or ten crops.

    Args:
        predict: Function of `(batch, crop_size, crop_size, 3)` in [0, 1] to
            class probabilities.
        images: As in `dlunits.data.images.crop_augmentation.ten_crops`.
        crop_size: Height and width of the input of the model, in pixels.
        flip: Whether to add the reflections.

    Returns:
        `(batch, num_classes)`, float32.
    """
    crops = ten_crops(images, crop_size, resized_image_size(crop_size), flip)
    number = crops.shape[1]
    scores = predict(tf.reshape(crops, (-1, crop_size, crop_size, 3)))
    scores = tf.cast(scores, tf.float32)
    return tf.reduce_mean(
        tf.reshape(scores, (-1, number, scores.shape[-1])), axis=1
    )


def predict_center(model: AlexNet, images: Array) -> Array:
    """Class probabilities of the central crops of images.

    Args:
        model: AlexNet.
        images: uint8 `(num_images, height, width, 1 or 3)`.

    Returns:
        Array `(num_images, num_classes)`.
    """
    crop_size = model.input_shape[1]
    return predict_windows(
        model,
        images,
        lambda batch: center_crop(
            batch, crop_size, resized_image_size(crop_size)
        )[:, None],
    )


def predict_ten_crops(model: AlexNet, images: Array, flip: bool) -> Array:
    """Class probabilities of images, averaged over crops.

    Args:
        model: AlexNet.
        images: uint8 `(num_images, height, width, 1 or 3)`.
        flip: Whether to use ten crops, with reflections, or five.

    Returns:
        Array `(num_images, num_classes)`.
    """
    crop_size = model.input_shape[1]
    return predict_windows(
        model,
        images,
        lambda batch: ten_crops(
            batch, crop_size, resized_image_size(crop_size), flip
        ),
    )


def predict_windows(
    model: AlexNet, images: Array, windows: Callable[[Tensor], Tensor]
) -> Array:
    """Class probabilities of images, averaged over windows of each.

    Args:
        model: AlexNet.
        images: uint8 `(num_images, height, width, 1 or 3)`.
        windows: Function of a batch of images to their windows, `(batch,
            num_windows, crop_size, crop_size, 3)`.
    """
    crop_size = model.input_shape[1]
    rows, read = rows_of(images)
    batched = batches.evaluation_batches(
        rows,
        np.zeros(len(images), "uint8"),  # not used
        prepare=lambda batch: tf.reshape(
            windows(read(batch)), (-1, crop_size, crop_size, 3)
        ),
        batch_size=TEST_BATCH_SIZE,
    )
    scores = model.predict(batched, verbose=0).astype("float32")
    return scores.reshape(len(images), -1, scores.shape[-1]).mean(axis=1)


def top_k_accuracy(scores: Array, labels: Array, k: int) -> float:
    """Fraction of examples whose class is among the k most probable ones.

    Example:

    >>> scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    >>> [top_k_accuracy(scores, np.array([1, 2]), k) for k in (1, 2)]
    [0.5, 1.0]
    """
    likeliest = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((likeliest == labels[:, None]).any(axis=1).mean())
