"""Shipped models: size, files, and the measurements of their cards."""

import configparser
import json

import numpy as np
import pytest
import tensorflow as tf

from dlunits.data.images import image_datasets
from dlunits.data.images.corruption import denoising_evaluation_batches
from dlunits.data.tables import embedded_tables
from dlunits.data.tables.table_files import open_table
from dlunits.data.text.corpora import load_corpus
from dlunits.metrics import image_quality
from dlunits.serving.load import load_saved_model
from dlunits.serving.model_card import check_card, file_checksums
from dlunits.tasks.anomaly.score_table import (
    TableScorer,
    load_detector,
    score_table,
)
from dlunits.tasks.denoising.train import corruption_options
from dlunits.tasks.gan.generate import load_generator
from tests.conftest import PROJECT


def packaged_models(setup_file):
    """Names of the models in the package data."""
    setup = configparser.ConfigParser()
    setup.read(setup_file)
    files = setup["options.package_data"]["dlunits.saved_models"].split()
    return sorted({file.split("/")[0] for file in files if "/" in file})


FOLDER = PROJECT / "saved_models"
# Packaged models only: apps that run in the checkout add others.
NAMES = packaged_models(PROJECT / "setup.cfg")
MAX_SIZE = 8 * 10**6  # bytes


def read_card(name):
    return json.loads((FOLDER / name / "1/model_card.json").read_text())


@pytest.fixture(scope="module")
def mnist(shared_data):
    return image_datasets.load("mnist", data_dir=shared_data / "tfds")


def test_all_together_are_small():
    sizes = [
        path.stat().st_size
        for name in NAMES
        for path in (FOLDER / name / "1").rglob("*")
        if path.is_file()
    ]
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
    """Uses the shipped classifier; the measurement of the card uses another."""
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


def test_quality_of_the_denoiser(mnist):
    """Uses the first images, with the noise level of the card."""
    model = load_saved_model(FOLDER / "denoiser_mnist")
    images = mnist.test[0]
    noise = corruption_options("gaussian", 0.5, seed=0)
    noisy, _ = next(iter(denoising_evaluation_batches(images, **noise)))
    clean = images[: len(noisy)] / 255
    found = image_quality(model.denoise(noisy)["denoised"], clean)
    expected = read_card("denoiser_mnist")["metrics"]["denoiser"]
    count = len(noisy)
    tolerance = 4 * found["psnr"].std() / np.sqrt(count)  # of a sample's mean
    assert found["psnr"].mean() == pytest.approx(
        expected["psnr"], abs=tolerance
    )
    assert tolerance < 1


def test_bits_of_the_language_model(shared_data):
    """Uses the validation text, in parts that are scored in one batch.

    Each part is scored without the text before it, which adds a few nats.
    """
    corpus = load_corpus("tiny_shakespeare", data_dir=shared_data / "tfds")
    text = "".join(corpus.validation.chunks())
    parts = [text[i : i + 2000] for i in range(0, len(text) - 2000, 2000)]
    model = load_saved_model(FOLDER / "text_tiny_shakespeare")
    nats = np.sum(model.score(tf.constant(parts))["nats"]) / sum(
        map(len, parts)
    )
    expected = read_card("text_tiny_shakespeare")["metrics"]["nats"]
    assert expected - 0.005 < nats < expected + 0.03


def test_quality_of_the_anomaly_detector(tmp_path):
    """Uses the held-out half of the benign tumors, and the malignant ones."""
    detector, rate = load_detector(FOLDER / "anomaly_wdbc")
    _, path = embedded_tables.write_wdbc(tmp_path, seed=0)
    scorer = TableScorer(detector, rate, embedded_tables.LABEL_COLUMN)
    score_table(scorer, open_table(path), tmp_path / "scored.csv")
    expected = read_card("anomaly_wdbc")["metrics"]
    assert scorer.metrics == pytest.approx(expected, abs=1e-3)
