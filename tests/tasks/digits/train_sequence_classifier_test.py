"""Training of a recurrent network on rows of digits."""

import dataclasses

import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.tasks.digits.train_sequence_classifier import (
    GLOBAL_CLIPNORM,
    augment_rows,
    predict_rows,
    to_rows,
    train_sequence_classifier,
)
from dlunits.training import RunDirectory

UNITS = 24


@pytest.fixture(scope="module")
def data():
    return image_datasets.load("digits")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return train_sequence_classifier(
        data,
        RunDirectory(folder, {}),
        cell="gru",
        bidirectional=True,
        units=UNITS,
        epochs=2,
        learning_rate=1e-2,
        patience=5,
    )


def test_the_network_classifies_test_images(trained, data):
    model, history = trained
    images, labels = data.test
    correct = predict_rows(model, images).argmax(axis=1) == labels
    # Chance is 0.1. There are 300 test digits: 0.8 allows 60 errors.
    assert correct.mean() > 0.8
    assert history["loss"][1] < history["loss"][0]
    assert history.keys() >= {"val_loss", "val_accuracy", "learning_rate"}


def test_a_bidirectional_network_has_twice_the_recurrent_weights(trained):
    # A GRU has three gates of a kernel, a recurrent kernel and two biases.
    one_way = 3 * UNITS * (28 + UNITS + 2)
    model, _ = trained
    assert model.count_params() == 2 * one_way + 10 * (2 * UNITS + 1)


def test_the_global_norm_of_the_gradient_is_clipped(trained):
    assert trained[0].optimizer.global_clipnorm == GLOBAL_CLIPNORM
    assert trained[0].optimizer.clipnorm is None


def test_scores_are_in_the_order_of_the_images(trained, data):
    model, _ = trained
    images = data.test[0][:5]
    rows = images[..., 0].astype("float32") / 255
    np.testing.assert_allclose(
        predict_rows(model, images), model.predict(rows, verbose=0), rtol=1e-4
    )


def test_the_number_of_layers_is_the_requested_one(data, tmp_path):
    few = slice(None, 64)
    data = dataclasses.replace(
        data, train=(data.train[0][few], data.train[1][few])
    )
    model, history = train_sequence_classifier(
        data,
        RunDirectory(tmp_path, {}),
        cell="rnn",
        units=6,
        num_layers=2,
        augment=False,  # else 64 images would be repeated 312 times
        epochs=1,
        batch_size=32,
    )
    first, second = 6 * (28 + 6 + 1), 6 * (6 + 6 + 1)
    assert model.count_params() == first + second + 10 * (6 + 1)
    assert int(model.optimizer.iterations) == 2  # 64 / 32
    assert len(history["val_loss"]) == 1


def test_rows_are_in_order_from_the_top():
    image = np.zeros((1, 28, 28, 1), "uint8")
    image[0, 3, 20] = 51
    rows = to_rows(image).numpy()
    assert rows.shape == (1, 28, 28)
    assert rows[0, 3, 20] == pytest.approx(0.2)  # 51 / 255
    assert np.count_nonzero(rows) == 1


def test_distortions_depend_on_the_seed_and_keep_digits_centered(data):
    images = data.train[0][:100]
    distort = augment_rows()
    rows = distort(images, [0, 7]).numpy()
    assert rows.shape == (100, 28, 28)
    np.testing.assert_array_equal(rows, distort(images, [0, 7]).numpy())
    assert not np.array_equal(rows, distort(images, [0, 8]).numpy())
    # Shifts of up to 2 pixels, and rotations about the center.
    places = np.arange(28)
    ink = rows.sum(axis=(0, 1))
    assert (ink @ places) / ink.sum() == pytest.approx(13.5, abs=1)
    # Ink is cut off only at the ends of large digits.
    whole = to_rows(images).numpy()
    assert rows.sum() == pytest.approx(whole.sum(), rel=0.05)
