"""Few labels: the same images and seed, with and without pre-training."""

import keras
import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.models import dense_variational_autoencoder
from dlunits.tasks.autoencoders.few_labels import few_label_errors


@pytest.fixture(scope="module")
def data():
    return image_datasets.load("digits")


def encoder(**options):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(20, "relu", **options),
        ]
    )


@pytest.fixture(scope="module")
def pretrained(data):
    """An encoder whose code separates all classes."""
    keras.utils.set_random_seed(0)
    model = encoder()
    classifier = keras.Sequential([model, keras.layers.Dense(10, "softmax")])
    classifier.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy"
    )
    images, labels = data.train
    classifier.fit(images / 255, labels, epochs=3, verbose=0)
    return model


def test_pretraining_helps_with_few_labels(data, pretrained):
    before = [weight.copy() for weight in pretrained.get_weights()]
    [row] = few_label_errors(pretrained, data, [20], steps=30)
    assert row["labels"] == 20
    # Two labels per class: 300 test images, standard error 3 %.
    assert row["pretrained"] < row["scratch"] - 0.2
    for weight, old in zip(pretrained.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_training_from_scratch_ignores_the_weights(data, pretrained):
    [row], [other] = (
        few_label_errors(model, data, [20], steps=10)
        for model in (pretrained, encoder())
    )
    assert row["scratch"] == other["scratch"]
    assert row["pretrained"] != other["pretrained"]


def test_numbers_above_the_size_of_the_data_are_left_out(data, pretrained):
    rows = few_label_errors(pretrained, data, [50, 1372, 5000], steps=4)
    assert [row["labels"] for row in rows] == [50]


def test_fewer_labels_than_classes_are_refused(data, pretrained):
    with pytest.raises(
        ValueError, match=r"number of classes, 10\. Received: 9"
    ):
        few_label_errors(pretrained, data, [9])


def test_a_random_code_is_replaced_by_its_mean(data):
    # With a variance of e^20 a sampled code would be noise.
    model = dense_variational_autoencoder((28, 28, 1), 8, (30,))
    posterior = model.encoder.get_layer("posterior")
    kernel, bias = posterior.get_weights()
    kernel[:, 8:], bias[8:] = 0, 20
    posterior.set_weights([kernel, bias])
    [row] = few_label_errors(model.encoder, data, [300], steps=200)
    assert row["pretrained"] < 0.3  # guessing: 0.9
