"""What a frozen LeNet-5 says of images."""

import dataclasses

import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.models import LeNet5
from dlunits.tasks.gan.evaluate import (
    FeatureClassifier,
    RealImages,
    as_floats,
    train_feature_classifier,
)


@pytest.fixture(scope="module")
def data():
    return image_datasets.load("digits")


@pytest.fixture(scope="module")
def real(data):
    return RealImages(train_feature_classifier(data, epochs=1), data)


def test_judge_reads_the_test_images(real, data):
    _, probabilities = real.judge(real.test)
    right = probabilities.argmax(axis=1) == data.test[1]
    assert right.mean() > 0.85


def test_real_images_are_the_floor(real):
    noise = np.random.default_rng(0).uniform(size=real.test.shape)
    of_noise = real.quality(noise.astype("float32"), memorized=False)

    assert real.floor["frechet"] < 0.2 * of_noise["frechet"]
    assert real.floor["covered"] == 10 > of_noise["covered"]
    assert real.floor["divergence"] < of_noise["divergence"]


def test_agreement_is_the_share_of_labels_that_are_found(real, data):
    labels = data.test[1].copy()
    right = real.quality(real.test, labels, memorized=False)["agreement"]
    labels[:100] = (labels[:100] + 1) % 10
    wrong = real.quality(real.test, labels, memorized=False)["agreement"]
    assert right > 0.85
    assert wrong < right - 0.8 * 100 / len(labels)


def test_training_images_are_found_among_generated_ones(real):
    copied = real.quality(real.train[: len(real.unseen)])
    assert copied["nearer_to_train"] > 0.99
    assert copied["p_value"] < 0.001


def test_as_many_training_images_as_test_images(real, data):
    assert len(real.train) == len(data.test[0]) < len(data.train[0])
    small = dataclasses.replace(
        data, train=(data.train[0][:50], data.train[1][:50])
    )
    assert len(RealImages(real.judge, small).train) == 50


def test_checksum_changes_with_a_weight():
    network = LeNet5(10)
    judge = FeatureClassifier(network)
    before = judge.checksum
    assert before == FeatureClassifier(network).checksum
    weights = network.get_weights()
    weights[-1][0] += 1e-3
    network.set_weights(weights)
    assert judge.checksum != before


def test_floats_lie_in_the_unit_range():
    assert as_floats(np.uint8([0, 51, 255])).tolist() == pytest.approx(
        [0, 0.2, 1]
    )
