"""Checkpoints: kill -9, other models, damaged files."""

import io
import os
import pathlib
import random
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest

from dlunits.training.checkpoint import (
    load_checkpoint,
    read_state,
    save_checkpoint,
)

PROJECT = pathlib.Path(__file__).parents[2]

SAVE_WITHOUT_END = """
import itertools, sys
import keras, numpy as np
from dlunits.training.checkpoint import save_checkpoint

model = keras.Sequential([keras.Input((1000,)), keras.layers.Dense(5000)])
model.compile("sgd", "mse")
for number in itertools.count(1):
    model.set_weights([np.full(w.shape, number) for w in model.weights])
    save_checkpoint(sys.argv[1], model, {"number": number})
"""


def build_model(units=3):
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(units),
            keras.layers.Dropout(0.5),
        ]
    )
    model.compile("adam", "mse")
    return model


def test_a_kill_during_a_write_leaves_a_complete_checkpoint(tmp_path):
    """Checkpoints of 20 MB in a loop: most kills hit a write."""
    path = tmp_path / "checkpoint.npz"
    halves = 0
    for _ in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE_WITHOUT_END, path],
            env={**os.environ, "KERAS_BACKEND": "numpy"},
            cwd=PROJECT,
        )
        started = time.time()
        while not path.exists() or path.stat().st_mtime < started:
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.2))  # noqa: S311
        process.kill()
        process.wait()
        halves += len(list(tmp_path.glob(".checkpoint.npz.*")))

        number = read_state(path)["number"]
        with np.load(path) as arrays:  # checks the CRC of each array
            for name in ("model/0", "model/1"):
                np.testing.assert_array_equal(arrays[name], number)
        if halves == 2:
            break
    assert halves, "No kill hit a write: the test proved nothing."


def test_restores_weights_optimizer_and_random_state(tmp_path):
    x, y = np.ones((4, 2)), np.ones((4, 3))
    model = build_model()
    model.fit(x, y, verbose=0)
    best = [np.full(weight.shape, 7.0) for weight in model.weights]
    save_checkpoint(tmp_path / "c.npz", model, {"best": 0.1}, best)
    expected = [model.train_on_batch(x, y) for _ in range(3)]

    other = build_model()
    state, best_again = load_checkpoint(tmp_path / "c.npz", other)
    assert [other.train_on_batch(x, y) for _ in range(3)] == expected
    assert state == {"best": 0.1}
    np.testing.assert_equal(best_again, best)


def test_restores_bfloat16_weights(tmp_path):
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, dtype="bfloat16")]
    )
    model.compile("sgd", "mse")
    before = [np.array(w, "float32") for w in model.get_weights()]
    save_checkpoint(tmp_path / "c.npz", model, {})
    model.set_weights([np.zeros_like(w) for w in before])
    load_checkpoint(tmp_path / "c.npz", model)
    after = [np.array(w, "float32") for w in model.get_weights()]
    np.testing.assert_equal(after, before)


@pytest.mark.parametrize("name", ["model/0", "best/0"])
@pytest.mark.parametrize("change", ["missing", "shape"])
def test_a_changed_array_is_refused_before_the_model_changes(
    tmp_path, name, change
):
    model = build_model()
    path = tmp_path / "c.npz"
    save_checkpoint(path, model, {}, model.get_weights())
    with np.load(path) as saved:
        arrays = dict(saved)
    array = arrays.pop(name)
    if change == "shape":
        arrays[name] = array[1:]
    np.savez(path, **arrays)
    other = build_model()
    before = other.get_weights()
    with pytest.raises(ValueError, match="is damaged"):
        load_checkpoint(path, other)
    np.testing.assert_equal(other.get_weights(), before)


def test_rejects_the_checkpoint_of_another_model_before_it_changes(tmp_path):
    save_checkpoint(tmp_path / "c.npz", build_model(units=3), {})
    model = build_model(units=4)
    before = model.get_weights()
    with pytest.raises(
        ValueError,
        match=r"another model: 'kernel \(2, 3\) float32' instead of "
        r"'kernel \(2, 4\) float32'",
    ):
        load_checkpoint(tmp_path / "c.npz", model)
    np.testing.assert_equal(model.get_weights(), before)


def test_rejects_a_model_with_another_optimizer(tmp_path):
    model = build_model()
    save_checkpoint(tmp_path / "c.npz", model, {})
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"'Adam .*' instead of 'SGD "):
        load_checkpoint(tmp_path / "c.npz", model)


@pytest.mark.parametrize("content", ["", "words", "half"])
def test_rejects_a_damaged_file_by_its_name(tmp_path, content):
    path = tmp_path / "c.npz"
    save_checkpoint(path, build_model(), {})
    whole = path.read_bytes()
    path.write_bytes(
        whole[: len(whole) // 2] if content == "half" else content.encode()
    )
    with pytest.raises(ValueError, match=r"c\.npz is .* delete it"):
        load_checkpoint(path, build_model())


def test_rejects_a_model_without_optimizer(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="must be built and compiled"):
        save_checkpoint(tmp_path / "c.npz", model, {})


def npy_header(shape):
    """A NumPy file without its data, of any size."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


# Text of a checkpoint -> part of the message.
DAMAGED_TEXTS = {
    "null": "not iterable",
    "[1, 2]": "state, signature",
    "{}": "state, signature",
    "[" * 100_000: "recursion",
    "{": "Expecting property name",
}


@pytest.mark.parametrize("text", DAMAGED_TEXTS, ids=lambda text: text[:6])
def test_a_damaged_text_is_a_one_line_error(text, tmp_path):
    path = tmp_path / "checkpoint.npz"
    np.savez(path, text=np.array(text))
    with pytest.raises(ValueError, match=DAMAGED_TEXTS[text]) as caught:
        read_state(path)
    assert "\n" not in str(caught.value)
    assert f"{path} is not a checkpoint" in str(caught.value)


def test_an_array_of_terabytes_is_refused(tmp_path):
    path, model = tmp_path / "checkpoint.npz", build_model()
    save_checkpoint(path, model, {})
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["model/0.npy"] = npy_header((2, 10**12))
    with zipfile.ZipFile(path, "w") as file:
        for name, data in parts.items():
            file.writestr(name, data)
    with pytest.raises(ValueError, match=r"Unable to allocate 7\.\d+ TiB"):
        load_checkpoint(path, model)
