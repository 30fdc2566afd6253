"""What pre-training without labels is worth where labels are few."""

import math

import keras
import numpy as np

from dlunits.data.images.image_datasets import stratified_sample
from dlunits.layers import GaussianSampling
from dlunits.layers.noise.gaussian_sampling import mean_and_log_variance
from dlunits.training.pretraining import fine_tune


def few_label_errors(
    encoder, data, num_labels=(100, 1000), *, steps=400, seed=0, verbose=0
):
    """Fine-tunes an encoder on few labels, and the same net from scratch.

    Both classifiers see the same labeled images, drawn from the training
    part so that every class gives its share, in the same number of steps, and
    start with the same seed. They differ in the encoder's first weights alone.
    The encoder of a variational autoencoder gives the mean of its code, in
    training too.

    Args:
        encoder: Built Keras model of images in [0, 1], trained without
            labels.
        data: `dlunits.data.images.image_datasets.ImageDataset`.
        num_labels: Integers, how many labeled images there are. A number
            that the training part does not have is left out.
        steps: Positive integer, mini-batches of 32 to train for, rounded up
            to whole passes.
        seed: Integer, decides which images, their order and first weights.
        verbose: As in `keras.Model.fit`.

    Returns:
        A list of dicts: `labels`, `pretrained` and `scratch`, the share of
        test images that either classifier gets wrong.

    Raises:
        ValueError: If there are fewer labels asked for than classes.
    """
    classes = len(data.class_names)
    fewest = min(num_labels, default=classes)
    if fewest < classes:
        raise ValueError(
            f"Each of the {classes} classes needs a label: ask for more. "
            f"Received: {fewest} labels"
        )
    images, labels = (data.test[0] / np.float32(255)), data.test[1]
    encoder, errors = without_chance(encoder), []
    for number in num_labels:
        if number >= len(data.train[1]):
            continue
        few, their_labels = stratified_sample(data, number, seed)
        row = {"labels": number}
        for start in ("pretrained", "scratch"):
            keras.utils.set_random_seed(seed)
            classifier = fine_tune(
                encoder,
                few,
                their_labels,
                classes,
                epochs=math.ceil(steps / math.ceil(number / 32)),
                pretrained=start == "pretrained",
                verbose=verbose,
            )
            scores = classifier.predict(images, batch_size=1000, verbose=0)
            row[start] = float((scores.argmax(axis=1) != labels).mean())
        errors.append(row)
    return errors


def without_chance(encoder):
    """An encoder that ends in a random draw -> one that ends in its mean."""
    last = encoder.layers[-1]
    if not isinstance(last, GaussianSampling):
        return encoder
    mean, _ = mean_and_log_variance(last.input)
    return keras.Model(encoder.inputs, mean)
