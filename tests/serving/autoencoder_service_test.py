"""A served autoencoder: reconstruct, encode, decode."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlunits.data import digits
from dlunits.models import dense_autoencoder
from dlunits.serving.autoencoder_service import export_autoencoder


@pytest.fixture(scope="module")
def data():
    return digits.load("digits")


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
def test_reconstructions_and_their_errors_are_the_models(
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


def test_the_card_holds_the_figures_and_a_server_is_warmed_up(version):
    card = json.loads((version / "model_card.json").read_text())

    assert card["metrics"] == {"test_pictures": 300, "mse": 0.25}
    assert {"serving_default", "encode", "decode"} <= set(card["signatures"])
    assert (
        (version / "assets.extra" / "tf_serving_warmup_requests").stat().st_size
    )
