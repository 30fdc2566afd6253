"""Compared and shown models of a run, for users' models of various shapes."""

import keras
import numpy as np
from PIL import Image

from dlunits.tasks.lab.convolution.subject import choose_subject, limit_images
from dlunits.tasks.lab.sources import LabData

IMAGES = np.random.default_rng(0).uniform(size=(4, 28, 28, 1))
SPLIT = (IMAGES.astype("float32"), np.array([0, 1, 0, 1], "int32"))
DATA = LabData("photos", "Photos.", ("a", "b"), SPLIT, SPLIT, SPLIT)


def model(shape, *layers, outputs=2):
    return keras.Sequential(
        [keras.Input(shape), *layers, keras.layers.Dense(outputs)]
    )


def test_larger_sets_are_sampled():
    x = np.arange(40.0).reshape(40, 1, 1, 1)
    split = (x, np.arange(40))
    data = LabData("n", "Numbers.", ("a",), split, split, split)
    limited = limit_images(data, 10, 7)
    for (images, labels), size in (
        (limited.train, 10),
        (limited.test, 7),
        (limited.validation, 40),
    ):
        assert len(set(labels)) == size
        np.testing.assert_array_equal(images.ravel(), labels)
    assert limited.train[1].tolist() != sorted(limited.train[1])
    assert limited.source == (
        "Numbers. 10 of 40 training images are used. 7 of 40 test images are "
        "used."
    )
    assert limit_images(data, 40, 40).train is data.train


def test_without_a_model_the_networks_of_the_lab_are_compared():
    subject = choose_subject(DATA, None)
    assert subject.data is DATA
    assert (subject.compared, subject.shown, subject.note) == (None, None, "")
    np.testing.assert_allclose(subject.example, IMAGES[0], atol=1e-6)


def test_a_model_of_the_images_is_compared_and_shown(tmp_path):
    own = model((784,))
    Image.new("L", (50, 50), 200).save(tmp_path / "my.png")
    subject = choose_subject(DATA, own, [tmp_path / "my.png"])
    assert subject.compared is subject.shown is subject.own is own
    assert subject.data.input_shape == subject.example.shape == (784,)
    [image] = subject.own_images.values()
    np.testing.assert_allclose(image, np.full(784, 200 / 255), atol=1e-6)


def test_unknown_sizes_become_those_of_the_images():
    own = model(
        (None, None, 1),
        keras.layers.Conv2D(3, 5),
        keras.layers.GlobalMaxPooling2D(),
    )
    subject = choose_subject(DATA, own)
    assert subject.compared.input_shape == (None, 28, 28, 1)
    assert subject.compared.layers[0].output.shape == (None, 24, 24, 3)
    for weight, expected in zip(
        subject.compared.get_weights(), own.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(weight, expected)


def test_a_model_of_larger_images_is_shown_and_not_trained():
    own = model((40, 32, 3), keras.layers.Conv2D(3, 5))
    subject = choose_subject(DATA, own)
    assert subject.compared is None
    assert subject.shown is own
    assert subject.example.shape == (40, 32, 3)
    assert "expects inputs of shape (40, 32, 3)" in subject.note
    assert subject.data is DATA


def test_a_model_of_the_images_with_other_outputs_is_shown_and_not_trained():
    subject = choose_subject(DATA, model((784,), outputs=7))
    assert subject.compared is None
    assert "Expected (2,)" in subject.note


def test_a_model_of_volumes_is_only_listed():
    own = model((5, 9, 9, 1), keras.layers.Conv3D(3, 2))
    subject = choose_subject(DATA, own)
    assert subject.own is own
    assert subject.shown is subject.compared is None
    assert "the feature maps are those of LeNet-5" in subject.note
    assert subject.example.shape == (28, 28, 1)
