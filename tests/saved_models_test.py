"""The shipped models: size, files, and the figures of their cards."""

import json

import numpy as np
import pytest
import tensorflow as tf

from dlunits.data.images import image_datasets
from dlunits.data.tables import embedded_tables
from dlunits.data.tables.table_files import open_table
from dlunits.serving.load import load_saved_model
from dlunits.serving.model_card import check_card, file_checksums
from dlunits.tasks.anomaly.score_table import (
    TableScorer,
    load_detector,
    score_table,
)
from dlunits.tasks.gan.generate import load_generator
from tests.conftest import PROJECT

FOLDER = PROJECT / "saved_models"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
MAX_SIZE = 8 * 10**6  # bytes


def read_card(name):
    return json.loads((FOLDER / name / "1/model_card.json").read_text())


@pytest.fixture(scope="module")
def mnist(shared_data):
    return image_datasets.load("mnist", data_dir=shared_data / "tfds")


def test_all_together_are_small():
    sizes = [path.stat().st_size for path in FOLDER.rglob("*")]
    assert sum(sizes) < MAX_SIZE


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_complete_and_has_the_checksums(name):
    card = read_card(name)
    check_card(card)
    assert (card["name"], card["version"]) == (name, 1)
    assert card["sha256"] == file_checksums(FOLDER / name / "1")
    assert card["metrics"]
    assert card["license"] == "Apache-2.0"
    assert card["command"].startswith("python apps/")


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_lists_the_model(name):
    assert f"| `{name}/1` |" in (FOLDER / "README.md").read_text()


def test_error_of_the_digit_classifier(mnist):
    model = load_saved_model(FOLDER / "lenet_mnist")
    images, labels = mnist.test
    found = [
        model.serving_default(tf.constant(images[i : i + 1000]))["class"]
        for i in range(0, len(images), 1000)
    ]
    error = np.mean(np.concatenate(found) != labels)
    expected = read_card("lenet_mnist")["metrics"]["test_error"]
    assert error == pytest.approx(expected, abs=1e-4)  # one image


def test_digits_of_the_gan_are_read_as_their_classes():
    """By the shipped classifier, another one than that of the card."""
    generate = load_generator(FOLDER / "gan_mnist")
    images = tf.constant(generate(1000, seed=0))
    model = load_saved_model(FOLDER / "lenet_mnist")
    found = model.serving_default(images)["class"].numpy()
    expected = read_card("gan_mnist")["metrics"]
    assert np.mean(found == np.arange(1000) % 10) == pytest.approx(
        expected["agreement"], abs=0.015
    )


def test_error_of_the_variational_autoencoder(mnist):
    model = load_saved_model(FOLDER / "vae_mnist")
    images = mnist.test[0]
    errors = [
        model.serving_default(tf.constant(images[i : i + 1000]))["error"]
        for i in range(0, len(images), 1000)
    ]
    expected = read_card("vae_mnist")["metrics"]["test_mse"]
    assert np.mean(errors) == pytest.approx(expected, rel=1e-4)


def test_quality_of_the_anomaly_detector(tmp_path):
    """On the half of the benign tumors that is held out, and the others."""
    detector, rate = load_detector(FOLDER / "anomaly_wdbc")
    _, path = embedded_tables.write_wdbc(tmp_path, seed=0)
    scorer = TableScorer(detector, rate, embedded_tables.LABEL_COLUMN)
    score_table(scorer, open_table(path), tmp_path / "scored.csv")
    expected = read_card("anomaly_wdbc")["metrics"]
    assert scorer.metrics == pytest.approx(expected, abs=1e-3)
