"""Endpoints of digit classifiers, as functions and in a SavedModel."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks.paper_photos import photograph
from dlunits.data.images import image_datasets
from dlunits.data.images.faint_ink import MIN_CONTRAST
from dlunits.data.images.handwriting import extract_digits
from dlunits.tasks.digits.rejection import held_out_confidences, p_values
from dlunits.tasks.digits.serve import (
    digit_endpoints,
    export_digit_classifier,
    image_endpoints,
    warmup_requests,
)

CONFIDENCES = np.linspace(0.1, 1, 9)


def small_model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax"),
        ]
    )


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    """The endpoints of an exported SavedModel."""
    folder = str(tmp_path_factory.mktemp("digits"))
    archive = keras.export.ExportArchive()
    archive.track(model)
    endpoints = digit_endpoints(model, confidences=CONFIDENCES)
    for name, (function, *signatures) in endpoints.items():
        traced = tf.function(function, autograph=False)
        for signature in signatures:
            traced.get_concrete_function(*signature)
        archive.add_endpoint(name, traced)
    archive.write_out(folder, verbose=False)
    return tf.saved_model.load(folder)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (3, 28, 28, 1), dtype="uint8")


@pytest.mark.parametrize("channel", [True, False])
@pytest.mark.parametrize("scale", ["uint8", "float 0..255", "float 0..1"])
def test_all_shapes_and_scales_of_an_image_give_the_same(
    served, model, images, channel, scale
):
    expected = model.predict(images / 255.0, verbose=0)
    images = images if channel else images[..., 0]
    if scale != "uint8":
        images = images.astype("float32")
    if scale == "float 0..1":
        images /= 255
    answer = served.serving_default(tf.constant(images))

    np.testing.assert_allclose(answer["scores"], expected, atol=1e-6)
    assert answer["class"].dtype == tf.int64
    np.testing.assert_array_equal(answer["class"], expected.argmax(axis=1))


def test_a_single_image_is_a_batch_of_one(served, model, images):
    answer = served.serving_default(tf.constant(images[0, ..., 0]))

    assert answer["class"].shape == (1,)
    np.testing.assert_allclose(
        answer["scores"],
        model.predict(images[:1] / 255.0, verbose=0),
        atol=1e-6,
    )


def test_the_scale_is_determined_per_image(served, images):
    of_255 = images[:1].astype("float32")
    answer = served.serving_default(tf.concat([of_255, of_255 / 255], axis=0))

    np.testing.assert_allclose(*answer["scores"], atol=1e-6)


def test_signatures_take_floats_and_files(served):
    def inputs(name):
        _, arguments = served.signatures[name].structured_input_signature
        return {key: spec.dtype for key, spec in arguments.items()}

    assert inputs("serving_default") == {"images": tf.float32}
    assert inputs("recognize") == {"encoded": tf.string}


def test_image_files_give_the_same_as_their_pages(served, model):
    digits = load_digits().images[:2] / 16
    rng = np.random.default_rng(0)
    pages = [
        photograph(digits[0], rng),
        photograph(digits[1], rng, page=(90, 60), height=50),
    ]
    files = []
    for page in pages:
        file = io.BytesIO()
        Image.fromarray(page).save(file, "png")
        files.append(file.getvalue())
    scores = served.recognize(tf.constant(files))["scores"]

    for page, score in zip(pages, scores, strict=True):
        digit = extract_digits(page[None]).digits
        np.testing.assert_allclose(score, model(digit)[0], atol=1e-4)


def test_endpoints_accept_their_warmup_requests(served, images):
    requests = warmup_requests(images)
    assert set(requests) == {"serving_default", "recognize"}
    for name, arguments in requests.items():
        signature = served.signatures[name]
        _, wanted = signature.structured_input_signature
        (key,) = wanted
        assert arguments[0].dtype == wanted[key].dtype
        assert signature(**{key: arguments[0]})["scores"].shape == (3, 10)


@pytest.mark.parametrize(
    "shape", [(2, 28, 28, 3), (49, 32, 32), (1, 56, 14), (784,), (1, 1, 28, 28)]
)
def test_images_of_another_shape_are_refused(served, shape):
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="must have the sh"
    ):
        served.serving_default(tf.zeros(shape))


def test_recognize_reports_blank_pages_and_several_digits(served):
    blank = np.full((60, 60, 1), 200, "uint8")
    pair = np.zeros((60, 100, 1), "uint8")
    pair[10:50, 10:16] = pair[10:50, 80:86] = 255
    files = [tf.io.encode_png(page).numpy() for page in (blank, pair)]
    answer = served.recognize(tf.constant(files))
    assert (
        answer["contrast"].numpy()[0]
        < MIN_CONTRAST
        < answer["contrast"].numpy()[1]
    )
    assert answer["several"].numpy().tolist() == [False, True]


def test_both_endpoints_return_p_values(served, images):
    answer = served.serving_default(tf.constant(images))
    expected = p_values(answer["scores"], CONFIDENCES)
    np.testing.assert_allclose(answer["p_value"], expected)
    files = [tf.io.encode_png(image).numpy() for image in images]
    assert served.recognize(tf.constant(files))["p_value"].shape == (3,)


def test_models_of_other_images_have_no_recognize(model):
    assert set(image_endpoints(model)) == {"serving_default"}


def test_scores_of_a_model_with_an_extra_class_for_no_digit(tmp_path):
    """Eleven outputs, of which the served scores are the first ten."""
    data = image_datasets.load("digits")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((28, 28, 1))
    outputs = keras.layers.Dense(11, "softmax")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    version = export_digit_classifier(
        model, tmp_path / "model", data=data, metrics={}, command="test"
    )
    served = tf.saved_model.load(str(version))
    images = data.test[0][:20]
    expected = model.predict(images / np.float32(255), verbose=0)
    found = served.serving_default(tf.constant(images))
    np.testing.assert_allclose(found["scores"], expected[:, :10], atol=1e-6)
    np.testing.assert_array_equal(
        found["class"], expected[:, :10].argmax(axis=1)
    )
    known = held_out_confidences(model, data.validation[0])
    p_value = p_values(tf.constant(expected[:, :10]), known)
    np.testing.assert_allclose(found["p_value"], p_value, atol=2e-3)
