"""Fine-tuning of a pre-trained encoder with few labels."""

import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from dlunits.data.images.image_datasets import (
    ImageDataset,
    stratified_sample,
)
from dlunits.layers import GaussianSampling
from dlunits.layers.noise.gaussian_sampling import mean_and_log_variance
from dlunits.training.pretraining import fine_tune


def few_label_errors(
    encoder: keras.Model,
    data: ImageDataset,
    num_labels: Iterable[int] = (100, 1000),
    *,
    steps: int = 400,
    seed: int = 0,
    verbose: int = 0,
) -> list[dict[str, Any]]:
    """Test errors with few labels, with and without pre-training.

    A classifier on top of the encoder is fine-tuned, and the same network is
    trained from scratch, with the same labeled images (a stratified sample of
    the training split), number of steps and seed. They differ only in the
    initial weights of the encoder. A variational encoder outputs the mean of
    the code.

    Args:
        encoder: Built Keras model of images in [0, 1], trained without labels.
        data: Data set.
        num_labels: Numbers of labeled images. Numbers that are not smaller
            than the training split are left out.
        steps: Number of gradient steps with 32 images each, rounded up to
            whole epochs.
        seed: Seed of the sample, the order and the initial weights.
        verbose: As in `keras.Model.fit`.

    Returns:
        One dict per number of labels: `labels`, and the test errors
        `pretrained` and `scratch`, fractions of the test images.

    Raises:
        ValueError: If a number of labels is smaller than the number of
            classes.
    """
    classes = len(data.class_names)
    num_labels = tuple(num_labels)
    smallest = min(num_labels, default=classes)
    if smallest < classes:
        raise ValueError(
            "`num_labels` must be at least the number of classes, "
            f"{classes}. Received: {smallest}"
        )
    images, labels = (data.test[0] / np.float32(255)), data.test[1]
    encoder, errors = deterministic_encoder(encoder), []
    for number in num_labels:
        if number >= len(data.train[1]):
            continue
        few_images, few_labels = stratified_sample(data, number, seed)
        row: dict[str, Any] = {"labels": number}
        for start in ("pretrained", "scratch"):
            keras.utils.set_random_seed(seed)
            classifier = fine_tune(
                encoder,
                few_images,
                few_labels,
                classes,
                epochs=math.ceil(steps / math.ceil(number / 32)),
                pretrained=start == "pretrained",
                verbose=verbose,
            )
            scores = classifier.predict(images, batch_size=1000, verbose=0)
            row[start] = float((scores.argmax(axis=1) != labels).mean())
        errors.append(row)
    return errors


def deterministic_encoder(encoder: keras.Model) -> keras.Model:
    """Encoder whose output is the mean if its last layer samples the code."""
    last = encoder.layers[-1]
    if not isinstance(last, GaussianSampling):
        return encoder
    mean, _ = mean_and_log_variance(last.input)
    return keras.Model(encoder.inputs, mean)
