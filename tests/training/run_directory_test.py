"""Interrupted, resumed and rejected runs, in real processes."""

import importlib.util
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from dlunits.training.run_directory import RunDirectory

PROGRAM = pathlib.Path(__file__).with_name("digits_run.py")
PROJECT = PROGRAM.parents[2]


def load_program():
    spec = importlib.util.spec_from_file_location("digits_run", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


digits_run = load_program()


def start(workdir, **flags):
    """Starts the run in a separate process."""
    return subprocess.Popen(
        [sys.executable, PROGRAM, workdir, json.dumps(flags)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stderr=subprocess.DEVNULL,
    )


def epochs_in(workdir):
    history = workdir / "history.csv"
    return len(history.read_text().splitlines()) - 1 if history.exists() else 0


class StopAt(keras.callbacks.Callback):
    """Interrupts training in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if batch == 7 and self.model.optimizer.iterations > 20 * self.epoch:
            raise KeyboardInterrupt


def assert_same_weights(model, other):
    for weight, expected in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(tmp_path):
    whole, history = digits_run.train(tmp_path / "whole", epochs=20)

    process = start(tmp_path / "killed", epochs=20)
    while epochs_in(tmp_path / "killed") < 2:
        assert process.poll() is None, "The run ended before it was killed."
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.15))  # noqa: S311
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert 2 <= epochs_in(tmp_path / "killed") < 20

    resumed, resumed_history = digits_run.train(tmp_path / "killed", epochs=20)
    assert_same_weights(resumed, whole)
    assert resumed_history == history
    assert (tmp_path / "killed" / "history.csv").read_text() == (
        tmp_path / "whole" / "history.csv"
    ).read_text()


def test_early_stopping_resumes_with_its_counter_and_best_weights(tmp_path):
    """With this learning rate the validation loss decreases, then increases."""
    flags = {"epochs": 30, "patience": 3, "learning_rate": 0.05}
    whole, history = digits_run.train(tmp_path / "whole", **flags)
    stopped = len(history["loss"])
    assert 4 < stopped < 30
    best = int(np.argmin(history["val_loss"]))
    assert stopped == best + 1 + 3

    for epoch in (1, stopped - 1):  # before and after the best one
        with pytest.raises(KeyboardInterrupt):
            digits_run.train(
                tmp_path / "broken", **flags, callbacks=[StopAt(epoch)]
            )
        assert epochs_in(tmp_path / "broken") == epoch
    resumed, resumed_history = digits_run.train(tmp_path / "broken", **flags)
    assert_same_weights(resumed, whole)
    assert resumed_history == history


@pytest.mark.parametrize(
    "flags",
    [
        {"epochs": 3},
        # Stops three epochs after the best one, so the last is not the best.
        {"epochs": 30, "patience": 3, "learning_rate": 0.05},
    ],
)
def test_a_finished_run_is_not_trained_again(tmp_path, flags):
    model, history = digits_run.train(tmp_path, **flags)
    again, same = digits_run.train(tmp_path, **flags, callbacks=[StopAt(0)])
    assert_same_weights(again, model)
    assert same == history


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seconds", None),
        ("seconds", float("nan")),
        ("run", []),
        ("rows", []),
        ("rows", [{"loss": 1.0}]),
        ("rows", [{"epoch": 1, "loss": "x"}]),
        ("finished", 1),
        ("early_stopping", {"wait": 1}),
    ],
)
def test_a_checkpoint_with_a_changed_entry_is_refused(tmp_path, name, value):
    state = {
        "run": {},
        "rows": [{"epoch": 1, "loss": 0.5}],
        "finished": False,
        "seconds": 1.0,
        "early_stopping": None,
    }
    text = json.dumps({"state": state | {name: value}, "signature": []})
    np.savez(tmp_path / "checkpoint.npz", text=np.array(text))
    with pytest.raises(ValueError, match="is damaged: delete it"):
        RunDirectory(tmp_path, {})


def test_history_and_summaries_have_one_point_per_epoch(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        digits_run.train(tmp_path, epochs=3, callbacks=[StopAt(2)])
    _, history = digits_run.train(tmp_path, epochs=3)

    header, *rows = (tmp_path / "history.csv").read_text().splitlines()
    columns = header.split(",")
    table = [dict(zip(columns, row.split(","), strict=True)) for row in rows]
    assert [row["epoch"] for row in table] == ["1", "2", "3"]
    assert [float(row["val_loss"]) for row in table] == history["val_loss"]
    assert points(tmp_path / "logs/validation", "epoch_loss") == [
        (epoch + 1, pytest.approx(value))
        for epoch, value in enumerate(history["val_loss"])
    ]


def points(folder, tag):
    """Points of a summary, read from the records of the event files."""
    import tensorflow as tf

    found = []
    for path in folder.iterdir():
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            found += [
                (event.step, tf.make_ndarray(value.tensor).item())
                for value in event.summary.value
                if value.tag == tag
            ]
    return sorted(found)


def test_rejects_a_checkpoint_of_another_run_with_the_difference(tmp_path):
    digits_run.train(tmp_path, epochs=1)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    with pytest.raises(
        ValueError,
        match=r"another run: learning_rate was 0\.01 and is now 0\.5",
    ):
        digits_run.train(tmp_path, epochs=1, learning_rate=0.5)
    with pytest.raises(ValueError, match="epochs was 1 and is now 2"):
        digits_run.train(tmp_path, epochs=2)
    assert (tmp_path / "checkpoint.npz").read_bytes() == before


@pytest.mark.parametrize(
    ("hook", "weight", "message"),
    [
        (
            "on_epoch_begin",
            -1,
            r"loss is nan at step \d+ of epoch 2: reduce the learning rate",
        ),
        # After the training and validation steps, so that no loss is affected.
        (
            "on_test_end",
            0,
            r"kernel is nan at the end of epoch 2: reduce the learning rate",
        ),
    ],
)
def test_nan_ends_the_run_and_keeps_the_checkpoint(
    tmp_path, hook, weight, message
):
    class Diverge(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch
            self.diverge("on_epoch_begin")

        def on_test_end(self, logs=None):
            self.diverge("on_test_end")

        def diverge(self, place):
            if self.epoch == 1 and place == hook:
                variable = self.model.trainable_variables[weight]
                variable.assign(np.full(variable.shape, np.nan))

    with pytest.raises(ValueError, match=message):
        digits_run.train(tmp_path, epochs=2, callbacks=[Diverge()])
    assert epochs_in(tmp_path) == 1
    assert RunDirectory(tmp_path, {"learning_rate": 0.01}).checkpoint.exists()


def test_a_full_disk_ends_the_run_and_keeps_the_checkpoint(tmp_path):
    """With a limit on file sizes, a write fails as on a full disk."""

    class FillTheDisk(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match=r"File too large.*unchanged"):
            digits_run.train(tmp_path, epochs=2, callbacks=[FillTheDisk()])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name for path in tmp_path.iterdir()} == {
        ".run.lock",
        ".run.owner",
        "checkpoint.npz",
        "history.csv",
        "logs",
    }
    resumed, _ = digits_run.train(tmp_path, epochs=2)
    whole, _ = digits_run.train(tmp_path / "whole", epochs=2)
    assert_same_weights(resumed, whole)


def test_rejects_a_file_or_a_folder_without_write_access(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match=r"choose another.*file"):
        RunDirectory(tmp_path / "file", {})
    with pytest.raises(OSError, match=r"is not writable.*/proc"):
        RunDirectory("/proc/self/run", {})


def test_rejects_patience_without_validation_batches(tmp_path):
    with pytest.raises(ValueError, match="needs `validation_batches`"):
        RunDirectory(tmp_path, {}).fit(
            digits_run.build_model(),
            digits_run.training_batches,
            epochs=1,
            steps_per_epoch=1,
            patience=1,
        )
