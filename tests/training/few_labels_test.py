"""Few labels: the same pictures, net and seed, from two starts."""

import types

import keras
import numpy as np
import pytest

from dlunits.data import digits
from dlunits.models import dense_variational_autoencoder
from dlunits.training.few_labels import few_label_errors, labelled


@pytest.fixture(scope="module")
def data():
    return digits.load("digits")


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
def taught(data):
    """An encoder whose code tells all classes apart already."""
    keras.utils.set_random_seed(0)
    model = encoder()
    classifier = keras.Sequential([model, keras.layers.Dense(10, "softmax")])
    classifier.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy"
    )
    pictures, labels = data.train
    classifier.fit(pictures / 255, labels, epochs=3, verbose=0)
    return model


def test_labelled_pictures_are_so_many_and_of_every_class(data):
    pictures, labels = labelled(data, 100, seed=0)
    assert len(pictures) == len(labels) == 100
    assert set(np.bincount(labels)) <= {9, 10, 11}  # a tenth of each
    assert pictures.dtype == np.float32
    assert 0 <= pictures.min() < pictures.max() == 1
    train = {picture.tobytes() for picture in data.train[0]}
    for picture in np.round(255 * pictures).astype("uint8"):
        assert picture.tobytes() in train


def test_labelled_pictures_depend_on_the_seed(data):
    one, same, other = (labelled(data, 50, seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("number", [20, 60, 109])
def test_a_rare_class_gives_what_it_has(number):
    labels = np.repeat([0, 1, 2], [50, 55, 5])
    images = np.arange(110, dtype="uint8").reshape(-1, 1, 1, 1)
    few = types.SimpleNamespace(train=(images, labels))

    _, drawn = labelled(few, number, seed=0)

    # Shares of 5 / 11, a half and 1 / 22, one picture up or down.
    expected = number * np.array([50, 55, 5]) / 110
    assert len(drawn) == number
    assert (abs(np.bincount(drawn, minlength=3) - expected) <= 1).all()
    assert 2 in drawn


def test_what_is_known_before_helps_where_labels_are_few(data, taught):
    before = [weight.copy() for weight in taught.get_weights()]
    [row] = few_label_errors(taught, data, [20], steps=30)
    assert row["labels"] == 20
    # Two labels a class: 300 test pictures, standard error 3 %.
    assert row["pretrained"] < row["scratch"] - 0.2
    for weight, old in zip(taught.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_the_start_from_scratch_does_not_know_the_weights(data, taught):
    [row], [other] = (
        few_label_errors(model, data, [20], steps=10)
        for model in (taught, encoder())
    )
    assert row["scratch"] == other["scratch"]
    assert row["pretrained"] != other["pretrained"]


def test_more_labels_than_there_are_are_left_out(data, taught):
    rows = few_label_errors(taught, data, [50, 1372, 5000], steps=4)
    assert [row["labels"] for row in rows] == [50]


def test_fewer_labels_than_classes_are_refused(data, taught):
    with pytest.raises(ValueError, match=r"10 classes.*Received: 9 labels"):
        few_label_errors(taught, data, [9])


def test_a_random_code_is_taken_at_its_mean(data):
    # With a variance of e^20 a drawn code would be noise.
    model = dense_variational_autoencoder((28, 28, 1), 8, (30,))
    posterior = model.encoder.get_layer("posterior")
    kernel, bias = posterior.get_weights()
    kernel[:, 8:], bias[8:] = 0, 20
    posterior.set_weights([kernel, bias])
    [row] = few_label_errors(model.encoder, data, [300], steps=200)
    assert row["pretrained"] < 0.3  # guessing: 0.9
