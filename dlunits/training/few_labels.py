"""What pre-training without labels is worth where labels are few."""

import math

import keras
import numpy as np

from dlunits.layers import GaussianSampling
from dlunits.layers.gaussian_sampling import mean_and_log_variance
from dlunits.training.pretraining import fine_tune


def few_label_errors(
    encoder, data, num_labels=(100, 1000), *, steps=400, seed=0, verbose=0
):
    """Fine-tunes an encoder on few labels, and the same net from scratch.

    Both classifiers see the same labelled pictures, drawn from the training
    part so that every class gives its share, in the same number of steps, and
    start with the same seed. They differ in the encoder's first weights alone.
    The encoder of a variational autoencoder gives the mean of its code, in
    training too.

    Args:
        encoder: Built Keras model of pictures in [0, 1], trained without
            labels.
        data: `dlunits.data.digits.Digits`.
        num_labels: Integers, how many labelled pictures there are. A number
            that the training part does not have is left out.
        steps: Positive integer, mini-batches of 32 to train for, rounded up
            to whole passes.
        seed: Integer, decides which pictures, their order and first weights.
        verbose: As in `keras.Model.fit`.

    Returns:
        A list of dicts: `labels`, `pretrained` and `scratch`, the share of
        test pictures that either classifier gets wrong.

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
    pictures, labels = (data.test[0] / np.float32(255)), data.test[1]
    encoder, errors = without_chance(encoder), []
    for number in num_labels:
        if number >= len(data.train[1]):
            continue
        few, their_labels = labelled(data, number, seed)
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
            scores = classifier.predict(pictures, batch_size=1000, verbose=0)
            row[start] = float((scores.argmax(axis=1) != labels).mean())
        errors.append(row)
    return errors


def labelled(data, number, seed):
    """That many training pictures in [0, 1] and their labels, stratified.

    Drawn one after the other from the class that is furthest behind its share,
    so that a class of few pictures has at least one of them.
    """
    images, labels = data.train
    order = np.random.default_rng([seed, number]).permutation(len(labels))
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        position[members] = np.arange(len(members)) / len(members)
    rows = np.argsort(position, kind="stable")[:number]
    return images[rows] / np.float32(255), labels[rows]


def without_chance(encoder):
    """An encoder that ends in a random draw -> one that ends in its mean."""
    last = encoder.layers[-1]
    if not isinstance(last, GaussianSampling):
        return encoder
    mean, _ = mean_and_log_variance(last.input)
    return keras.Model(encoder.inputs, mean)
