"""Export of versions: atomic, numbered, loadable without Keras."""

import collections
import concurrent.futures
import json
import os
import pathlib
import resource
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from dlunits.serving.export import export

PROJECT = pathlib.Path(__file__).parents[2]
CARD = {
    "data": "scikit-learn's digits",
    "metrics": {"test_accuracy": 0.5},
    "command": "python apps/app.py",
    "license": "Apache-2.0",
}


@pytest.fixture(scope="module")
def images():
    """Digits, 8x8, as gray values from 0 to 255."""
    return (load_digits().images[:20] / 16 * 255).astype("uint8")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(6, 3, activation="tanh"),
            keras.layers.Dropout(0.5),
            keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax"),
        ]
    )


def endpoints(predict):
    """Endpoints for integer pixels, float pixels and PNG files."""

    def classify(images):
        floats = tf.image.convert_image_dtype(images, tf.float32)
        scores = predict(floats[..., None])
        return {"scores": scores, "class": tf.argmax(scores, axis=-1)}

    def recognize(files):
        def decode(file):
            return tf.reshape(tf.io.decode_png(file, channels=1), (8, 8))

        return classify(tf.map_fn(decode, files, fn_output_signature=tf.uint8))

    pixels, floats = (
        tf.TensorSpec([None, 8, 8], dtype) for dtype in ("uint8", "float32")
    )
    files = tf.TensorSpec([None], tf.string)
    return {
        "serving_default": (classify, [pixels], [floats]),
        "recognize": (recognize, [files]),
    }


def expected_scores(model, images):
    floats = images.astype("float32")[..., None] / 255
    return model.predict(floats, verbose=0)


def png(image):
    return tf.io.encode_png(image[..., None]).numpy()


def files_of(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


LOAD_WITHOUT_KERAS = """
import sys

sys.modules["dlunits"] = sys.modules["keras"] = None  # importing them fails
import numpy as np
import tensorflow as tf

loaded = tf.saved_model.load(sys.argv[1])
images = np.load(sys.argv[2])
files = [tf.io.encode_png(image[..., None]).numpy() for image in images]
np.savez(
    sys.argv[3],
    pixels=loaded.serving_default(images)["scores"],
    floats=loaded.serving_default((images / 255).astype("float32"))["scores"],
    predict=loaded.predict(images.astype("float32")[..., None] / 255),
    files=loaded.recognize(files)["scores"],
    signature=loaded.signatures["serving_default"](
        images=tf.constant(images)
    )["scores"],
)
"""


def test_endpoints_without_keras_equal_predict(model, images, tmp_path):
    version = export(model, tmp_path / "digits", endpoints=endpoints, card=CARD)
    np.save(tmp_path / "images.npy", images)
    subprocess.run(
        [
            *(sys.executable, "-c", LOAD_WITHOUT_KERAS, version),
            *(tmp_path / "images.npy", tmp_path / "scores.npz"),
        ],
        cwd=tmp_path,
        check=True,
    )
    with np.load(tmp_path / "scores.npz") as outputs:
        for name in ("pixels", "floats", "predict", "files", "signature"):
            np.testing.assert_allclose(
                outputs[name], expected_scores(model, images), atol=1e-6
            )


def test_functions_of_one_signature_are_stored_once(model, tmp_path):
    def endpoints(predict):
        def add_one(x):
            return {"sum": x + 1}

        def classify(images):
            return {"scores": predict(images)}

        signature = [tf.TensorSpec([None, 8, 8, 1], tf.float32, "images")]
        return {
            "serving_default": (classify, signature),
            "classify": (classify, signature),
            "add_one": (add_one, [tf.TensorSpec([None], tf.int32, "x")]),
        }

    version = export(model, tmp_path / "m", endpoints=endpoints, card=CARD)
    saved = saved_model_pb2.SavedModel.FromString(
        (version / "saved_model.pb").read_bytes()
    )
    operations = collections.Counter(
        node.op
        for function in saved.meta_graphs[0].graph_def.library.function
        for node in function.node_def
    )
    assert operations["Conv2D"] == operations["AddV2"] == 1


EXPORT_WITH_JAX = """
import importlib.util, sys
import numpy as np

spec = importlib.util.spec_from_file_location("export_test", sys.argv[1])
test = importlib.util.module_from_spec(spec)
spec.loader.exec_module(test)
assert test.keras.backend.backend() == "jax"
model = test.model.__wrapped__()
test.export(
    model,
    sys.argv[2],
    endpoints=test.endpoints,
    card=test.CARD,
    warmup={"serving_default": [np.zeros((1, 8, 8), "uint8")]},
)
np.save(sys.argv[4], test.expected_scores(model, np.load(sys.argv[3])))
"""


def test_a_jax_model_is_exported_for_tensorflow(images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    subprocess.run(
        [
            *(sys.executable, "-c", EXPORT_WITH_JAX, __file__),
            *(tmp_path / "digits", tmp_path / "images.npy"),
            tmp_path / "scores.npy",
        ],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(PROJECT)},
        check=True,
    )
    loaded = tf.saved_model.load(tmp_path / "digits" / "1")
    expected = np.load(tmp_path / "scores.npy")
    for output in (
        loaded.serving_default(images),
        loaded.recognize([png(image) for image in images]),
    ):
        np.testing.assert_allclose(output["scores"], expected, atol=1e-6)


def test_other_backends_are_refused(tmp_path):
    process = subprocess.run(
        [
            *(
                sys.executable,
                "-c",
                EXPORT_WITH_JAX.replace('"jax"', '"numpy"'),
            ),
            *(__file__, tmp_path / "digits", "images", "scores"),
        ],
        env={
            **os.environ,
            "KERAS_BACKEND": "numpy",
            "PYTHONPATH": str(PROJECT),
        },
        capture_output=True,
        text=True,
    )
    assert "ValueError: SavedModels are exported on the backends" in (
        process.stderr
    )
    assert not any((tmp_path / "digits").glob("*"))


def test_concurrent_exports_have_own_versions_and_are_atomic(model, tmp_path):
    directory = tmp_path / "digits"

    def export_one(_):
        return export(model, directory, endpoints=endpoints, card=CARD)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(export_one, number) for number in range(4)]
        while not all(future.done() for future in running):
            # TensorFlow Serving lists the integer names.
            for version in directory.glob("[0-9]*"):
                assert (version / "saved_model.pb").exists()
                assert (version / "variables/variables.index").exists()
                assert (version / "model_card.json").exists()
        versions = [future.result() for future in running]
    assert sorted(path.name for path in versions) == ["1", "2", "3", "4"]
    assert {path.name for path in directory.iterdir()} == {"1", "2", "3", "4"}
    for path in versions:
        card = json.loads((path / "model_card.json").read_text())
        assert str(card["version"]) == path.name


def test_the_next_version_follows_the_largest_and_overwrites_nothing(
    model, tmp_path
):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "saved_model.pb").write_text("older")
    (tmp_path / "9").write_text("a file of that name")
    for name in ("latest", ".20", "-30", "4.5"):  # not versions
        (tmp_path / name).mkdir()
    before = files_of(tmp_path)
    version = export(model, tmp_path, endpoints=endpoints, card=CARD)
    assert version == tmp_path / "10"
    assert files_of(tmp_path).items() >= before.items()


def test_other_users_can_read_a_version(model, tmp_path):
    version = export(model, tmp_path, endpoints=endpoints, card=CARD)
    for path in [version, *version.rglob("*")]:
        assert path.stat().st_mode & 0o444 == 0o444, path


def test_weights_are_stored_once(model, tmp_path):
    """4 bytes per float32 weight; Keras' own `model.export` writes 8."""
    version = export(model, tmp_path, endpoints=endpoints, card=CARD)
    data = version / "variables/variables.data-00000-of-00001"
    assert data.stat().st_size < 1.2 * 4 * model.count_params()


def test_lookup_tables_are_exported(tmp_path):
    words = keras.layers.StringLookup(
        vocabulary=["no", "yes"], output_mode="one_hot"
    )
    inputs = keras.Input((1,), dtype="string")
    outputs = keras.layers.Dense(2)(words(inputs))
    model = keras.Model(inputs, outputs)
    version = export(
        model,
        tmp_path,
        endpoints=lambda predict: {
            "serving_default": (
                lambda word: predict(word),
                [tf.TensorSpec([None, 1], tf.string)],
            )
        },
        card=CARD,
    )
    word = tf.constant([["yes"]])
    loaded = tf.saved_model.load(version)
    np.testing.assert_allclose(loaded.serving_default(word), model(word))


def test_warmup_requests_are_valid_calls(model, images, tmp_path):
    version = export(
        model,
        tmp_path,
        endpoints=endpoints,
        card=CARD,
        warmup={
            "serving_default": [images[:2]],
            "recognize": [[png(images[0])]],
        },
    )
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    outputs = {}
    loaded = tf.saved_model.load(version)
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        name = request.model_spec.signature_name
        inputs = {
            key: tf.constant(tf.make_ndarray(value))
            for key, value in request.inputs.items()
        }
        outputs[name] = loaded.signatures[name](**inputs)["scores"]
    expected = expected_scores(model, images)
    np.testing.assert_allclose(
        outputs["serving_default"], expected[:2], atol=1e-6
    )
    np.testing.assert_allclose(outputs["recognize"], expected[:1], atol=1e-6)


@pytest.mark.parametrize(
    "warmup",
    [
        {"serving_default": [np.zeros((1, 8, 7))]},
        {"serving_default": []},
        {"recognize": [[b"not a PNG file"]]},
        {"no_such_endpoint": [[1]]},
    ],
)
def test_a_failing_warmup_request_is_refused_and_leaves_nothing(
    model, tmp_path, warmup
):
    with pytest.raises(ValueError, match="warm-up request"):
        export(model, tmp_path, endpoints=endpoints, card=CARD, warmup=warmup)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_existing_versions_untouched(model, tmp_path):
    """A limit on the file size fails a write like a full disk."""
    export(model, tmp_path, endpoints=endpoints, card=CARD)
    before = files_of(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large.*not exported"):
            export(model, tmp_path, endpoints=endpoints, card=CARD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files_of(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_a_file_or_a_folder_without_write_access_is_refused(model, tmp_path):
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", "/proc/self/models"):
        with pytest.raises(OSError, match="model was not exported"):
            export(model, directory, endpoints=endpoints, card=CARD)


def test_endpoints_without_a_default_are_refused(model, tmp_path):
    def without_default(predict):
        return {"recognize": endpoints(predict)["recognize"]}

    with pytest.raises(ValueError, match=r"'serving_default'.*\['recognize'\]"):
        export(model, tmp_path, endpoints=without_default, card=CARD)
    with pytest.raises(ValueError, match="must be a function"):
        export(model, tmp_path, endpoints={}, card=CARD)
    assert not list(tmp_path.iterdir())
