"""Endpoints of an exported autoencoder: reconstruct, encode, decode."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlunits.data.images import image_datasets
from dlunits.models import dense_autoencoder
from dlunits.tasks.autoencoders.serve import export_autoencoder


@pytest.fixture(scope="module")
def data():
    return image_datasets.load("digits")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return dense_autoencoder(
        (28, 28, 1), 5, (16,), output_activation="sigmoid", dropout=0.5
    )


@pytest.fixture(scope="module")
def version(model, data, tmp_path_factory):
    return export_autoencoder(
        model,
        tmp_path_factory.mktemp("models") / "autoencoder",
        data=data,
        metrics={"mse": 0.25},
        command="python app.py",
    )


@pytest.fixture(scope="module")
def served(version):
    return tf.saved_model.load(version)


@pytest.mark.parametrize("scale", ["uint8", "float"])
def test_reconstructions_and_errors_are_those_of_the_model(
    served, model, data, scale
):
    images = data.test[0][:3]
    x = images.astype("float32") / 255
    expected = model.reconstruct(x)

    answer = served.serving_default(
        tf.constant(images if scale == "uint8" else x)
    )

    np.testing.assert_allclose(
        answer["reconstructions"], expected, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        answer["error"], ((expected - x) ** 2).mean(axis=(1, 2, 3)), rtol=1e-5
    )


def test_codes_decode_to_the_reconstruction(served, model, data):
    images = tf.constant(data.test[0][:3])

    codes = served.encode(images)["codes"]
    decoded = served.decode(codes)["images"]

    assert codes.shape == (3, 5)
    np.testing.assert_allclose(
        codes, model.encode(data.test[0][:3] / 255.0), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        decoded, served.serving_default(images)["reconstructions"], atol=1e-6
    )


def test_the_export_has_a_card_and_warmup_requests(version):
    card = json.loads((version / "model_card.json").read_text())

    assert card["metrics"] == {"test_images": 300, "mse": 0.25}
    assert {"serving_default", "encode", "decode"} <= set(card["signatures"])
    assert (
        (version / "assets.extra" / "tf_serving_warmup_requests").stat().st_size
    )


@pytest.mark.parametrize("shape", [(6,), (3, 2), (1, 3, 2, 1)])
def test_arrays_that_are_not_images_are_served_unchanged(data, shape, tmp_path):
    model = dense_autoencoder(shape, 2, code_activation="tanh")
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    expected = model.reconstruct(x)

    version = export_autoencoder(
        model, tmp_path / "rows", data=data, metrics={}, command="-"
    )

    served = tf.saved_model.load(version)
    inputs = tf.constant(10 * x)  # the scale is not changed
    codes = served.encode(inputs)["codes"]
    answer = served.serving_default(tf.constant(x))
    np.testing.assert_allclose(
        answer["reconstructions"], expected, rtol=1e-5, atol=1e-6
    )
    squares = ((expected - x) ** 2).reshape(4, -1)
    np.testing.assert_allclose(answer["error"], squares.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(codes, model.encode(10 * x), rtol=1e-5)
    np.testing.assert_allclose(
        served.decode(codes)["reconstructions"],
        model.decode(model.encode(10 * x)),
        rtol=1e-4,
        atol=1e-5,
    )
    assert (version / "assets.extra/tf_serving_warmup_requests").exists()


def test_a_linear_output_may_be_outside_0_to_1(data, tmp_path):
    model = dense_autoencoder((28, 28, 1), 3)
    version = export_autoencoder(
        model, tmp_path / "linear", data=data, metrics={}, command="-"
    )
    served = tf.saved_model.load(version)
    answer = served.serving_default(tf.constant(data.test[0][:5]))
    reconstructions = answer["reconstructions"].numpy()
    assert reconstructions.min() < 0
    np.testing.assert_allclose(
        reconstructions, model.reconstruct(data.test[0][:5] / 255), atol=1e-5
    )
