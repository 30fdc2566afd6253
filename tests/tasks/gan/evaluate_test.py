"""Metrics of images with the features of a trained LeNet-5."""

import dataclasses

import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.models import LeNet5
from dlunits.tasks.gan.evaluate import (
    FeatureClassifier,
    RealImages,
    to_floats,
    train_feature_classifier,
)


@pytest.fixture(scope="module")
def data():
    return image_datasets.load("digits")


@pytest.fixture(scope="module")
def real(data):
    return RealImages(train_feature_classifier(data, epochs=1), data)


def test_the_classifier_recognizes_the_test_images(real, data):
    _, probabilities = real.classifier(real.test)
    correct = probabilities.argmax(axis=1) == data.test[1]
    assert correct.mean() > 0.85


def test_real_images_are_better_than_noise(real):
    noise = np.random.default_rng(0).uniform(size=real.test.shape)
    noise_metrics = real.evaluate(noise.astype("float32"), memorization=False)

    assert real.baseline["frechet"] < 0.2 * noise_metrics["frechet"]
    assert real.baseline["covered"] == 10 > noise_metrics["covered"]
    assert real.baseline["divergence"] < noise_metrics["divergence"]


def test_agreement_is_the_fraction_of_predicted_labels(real, data):
    labels = data.test[1].copy()
    correct = real.evaluate(real.test, labels, memorization=False)["agreement"]
    labels[:100] = (labels[:100] + 1) % 10
    wrong = real.evaluate(real.test, labels, memorization=False)["agreement"]
    assert correct > 0.85
    assert wrong < correct - 0.8 * 100 / len(labels)


def test_copies_of_training_images_are_detected(real):
    copied = real.evaluate(real.train[: len(real.held_out)])
    assert copied["nearer_to_train"] > 0.99
    assert copied["p_value"] < 0.001


def test_the_baseline_has_as_many_images_as_the_test_split(real, data):
    assert len(real.train) == len(data.test[0]) < len(data.train[0])
    small = dataclasses.replace(
        data, train=(data.train[0][:50], data.train[1][:50])
    )
    assert len(RealImages(real.classifier, small).train) == 50


def test_the_checksum_changes_with_a_weight():
    network = LeNet5(10)
    classifier = FeatureClassifier(network)
    before = classifier.checksum
    assert before == FeatureClassifier(network).checksum
    weights = network.get_weights()
    weights[-1][0] += 1e-3
    network.set_weights(weights)
    assert classifier.checksum != before


def test_images_are_rescaled_to_floats():
    assert to_floats(np.uint8([0, 51, 255])).tolist() == pytest.approx(
        [0, 0.2, 1]
    )
