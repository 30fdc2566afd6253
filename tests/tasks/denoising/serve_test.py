"""Endpoints of an exported denoiser: sizes, scales, invalid images."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlunits.data.images import image_datasets
from dlunits.data.images.tiled_inference import tiled_inference
from dlunits.models import convolutional_autoencoder
from dlunits.tasks.denoising.serve import export_denoiser


@pytest.fixture(scope="module")
def data():
    return image_datasets.load("digits")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return convolutional_autoencoder(
        (28, 28, 1), filters=(4, 8), output_activation="sigmoid"
    )


@pytest.fixture(scope="module")
def version(model, data, tmp_path_factory):
    return export_denoiser(
        model,
        tmp_path_factory.mktemp("models") / "denoiser",
        data=data,
        noise="gaussian noise of level 0.5",
        metrics={"psnr": 21.0},
        command="python app.py",
    )


@pytest.fixture(scope="module")
def served(version):
    return tf.saved_model.load(version)


def images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def test_an_image_of_the_size_of_the_model_is_its_output(served, model):
    x = images(3, 28, 28, 1)
    np.testing.assert_allclose(
        served.denoise(x)["denoised"], model.reconstruct(x), atol=1e-5
    )


@pytest.mark.parametrize(
    "shape", [(1, 1), (9, 70), (2, 50, 31), (2, 31, 50, 1), (1, 60, 29, 3)]
)
def test_images_of_any_size_are_processed_in_tiles(served, model, shape):
    x = images(*shape)
    whole = x.reshape({2: (1, *shape, 1), 3: (*shape, 1), 4: shape}[len(shape)])
    expected = tiled_inference(lambda tiles: model(tiles), whole, 28)
    denoised = served.denoise(x)["denoised"]
    assert denoised.shape == shape
    np.testing.assert_allclose(denoised, tf.reshape(expected, shape), atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "most"), [("uint8", 255), ("uint16", 65_535), ("float32", 255)]
)
def test_all_scales_give_the_same(served, dtype, most):
    x = np.round(255 * images(1, 30, 40, 1)) / 255
    np.testing.assert_allclose(
        served.denoise((x * most).astype(dtype))["denoised"],
        served.denoise(x.astype("float32"))["denoised"],
        atol=1e-4,
    )


def test_one_image_does_not_change_the_scale_of_another(served):
    x = images(2, 28, 28, 1)
    alone = served.denoise(x[:1])["denoised"]
    beside = served.denoise(np.concatenate([x[:1], 255 * x[1:]]))["denoised"]
    np.testing.assert_allclose(beside[:1], alone, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((28, 28), np.nan, "float32"), "from 0 to 1, or from 0 to"),
        (np.full((28, 28), -0.25, "float32"), r"maximum:\] \[-0.25\]"),
        (np.full((28, 28), 256.0, "float32"), r"maximum:\] \[256\]"),
        (np.zeros(28, "float32"), r"must have the shape .* Received:\] \[28\]"),
        (np.zeros((1, 0, 5, 1), "float32"), "no axis may be empty"),
    ],
)
def test_invalid_images_are_refused(served, images, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served.denoise(images)


def test_signatures_are_as_documented(served):
    assert {"serving_default", "denoise", "predict"} <= set(served.signatures)
    answer = served.signatures["serving_default"](
        images=tf.zeros((1, 40, 30, 1))
    )
    assert answer["denoised"].shape == (1, 40, 30, 1)


def test_the_card_has_the_noise_and_the_quality(version, data):
    card = json.loads((version / "model_card.json").read_text())
    assert card["noise"] == "gaussian noise of level 0.5"
    assert card["metrics"] == {"test_images": 300, "psnr": 21.0}
    assert card["data"] == data.source
    assert card["signatures"]["denoise"]["outputs"] == {
        "denoised": {"shape": None, "dtype": "float32"}
    }


READER = """
import sys

sys.modules["dlunits"] = sys.modules["keras"] = None  # importing them fails
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
np.save("denoised.npy", model.denoise(np.load("noisy.npy"))["denoised"])
"""


def test_the_saved_model_works_without_dlunits_and_keras(
    version, served, tmp_path
):
    noisy = images(1, 33, 44, 3)
    np.save(tmp_path / "noisy.npy", noisy)
    (tmp_path / "reader.py").write_text(READER)
    subprocess.run(
        [sys.executable, "-P", "reader.py", version],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "denoised.npy"),
        served.denoise(noisy)["denoised"],
        atol=1e-5,
    )
