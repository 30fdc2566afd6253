"""Apps on several devices: two processes of JAX, two devices of TensorFlow."""

import json
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

WATCHDOG = 30  # seconds
TEXT = "The quick brown fox jumps over the lazy dog, said the dog. " * 300
APPS = {
    "lenet_mnist": [
        *("--dataset=digits", "--steps_per_epoch=8", "--batch_size=64"),
    ],
    "autoencoder_mnist": [
        *("--dataset=digits", "--autoencoder=denoising", "--num_labels=50"),
        "--latent_dim=16",
    ],
    "text_generation": [
        *("--train=text.txt", "--units=24", "--bptt_steps=32"),
        *("--batch_size=16", "--dropout=0.5"),
    ],
}
MIRRORED = {
    **APPS,
    "text_generation": [*APPS["text_generation"], "--dropout=0"],
    "gan_mnist": ["--dataset=digits", "--steps_per_epoch=3"],
}

TWO_DEVICES = """
import pathlib, runpy, sys
import tensorflow as tf

[cpu] = tf.config.list_physical_devices("CPU")
logical = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, logical)
sys.argv.pop(0)
sys.path[0] = str(pathlib.Path(sys.argv[0]).parent)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def start(project, offline):
    """Starts an app in a folder; processes are killed at the end."""
    processes = []

    def start_app(app, folder, *flags, backend="jax", code=None):
        folder.mkdir(exist_ok=True)
        (folder / "text.txt").write_text(TEXT)
        command = [sys.executable, str(project / f"apps/{app}.py")]
        if code:
            command[1:1] = ["-c", code]
        number = len(list(folder.glob("stderr*")))
        with (
            (folder / f"stdout{number}").open("w") as output,
            (folder / f"stderr{number}").open("w") as errors,
        ):
            process = subprocess.Popen(
                [*command, "--workdir=run", "--export_dir=model", *flags],
                cwd=folder,
                env={
                    **offline,
                    "KERAS_BACKEND": backend,
                    "TF_CPP_MIN_LOG_LEVEL": "3",
                    "OMP_NUM_THREADS": "1",
                    "PYTHONPATH": str(project),
                },
                stdout=output,
                stderr=errors,
            )
        processes.append(process)
        return process

    yield start_app
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def start_two(start):
    """Starts two processes of a job."""

    def start_both(app, folder, *flags):
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
        return [
            start(
                app,
                folder,
                *flags,
                "--distribution=data_parallel",
                *(f"--coordinator={address}", "--num_processes=2"),
                *(f"--process_id={number}", f"--watchdog={WATCHDOG}"),
            )
            for number in range(2)
        ]

    return start_both


def end(folder, *processes):
    statuses = [process.wait(600) for process in processes]
    assert statuses == [0] * len(processes), [
        path.read_text()[-3000:] for path in folder.glob("stderr*")
    ]


def saved(folder):
    """Variables of the last checkpoint, and the history."""
    with np.load(folder / "run/checkpoint.npz") as arrays:
        arrays = dict(arrays)
    rows = json.loads(arrays.pop("text").item())["state"]["rows"]
    return arrays, rows


def assert_equal_runs(folder, expected, rtol):
    (arrays, rows), (other, other_rows) = saved(folder), saved(expected)
    assert arrays.keys() == other.keys()
    for name, array in other.items():
        np.testing.assert_allclose(
            *(arrays[name], array),
            rtol=rtol,
            atol=rtol * max(1e-3, np.max(np.abs(array), initial=0)),
            err_msg=name,
        )
    for row, other_row in zip(rows, other_rows, strict=True):
        assert row == pytest.approx(other_row, rel=1e-3)


@pytest.mark.parametrize("app", APPS)
def test_two_processes_end_with_the_weights_of_one(
    start, start_two, tmp_path, app
):
    flags = ["--epochs=2", *APPS[app]]
    one, two = tmp_path / "one", tmp_path / "two"
    end(one, start(app, one, *flags))
    end(two, *start_two(app, two, *flags))
    assert_equal_runs(two, one, rtol=1e-3)
    # Process 0 alone reports and exports, as one process does.
    for folder in (one, two):
        assert (folder / "run/report.html").is_file()
        assert (folder / "model/1/saved_model.pb").is_file()
        assert not (folder / "model/2").exists()
    assert "2 process(es), 2 device(s)" in (two / "stdout0").read_text()
    assert "SavedModel" not in (two / "stdout1").read_text()


@pytest.mark.parametrize("app", MIRRORED)
def test_two_devices_of_tensorflow_end_with_the_weights_of_one(
    start, tmp_path, app
):
    """Without batch normalization and dropout, which are per device."""
    flags = ["--epochs=2", *MIRRORED[app]]
    one, two = tmp_path / "one", tmp_path / "two"
    mirrored = start(
        app,
        two,
        *flags,
        "--distribution=mirrored",
        backend="tensorflow",
        code=TWO_DEVICES,
    )
    end(two, mirrored)
    assert "1 process(es), 2 device(s)" in (two / "stdout0").read_text()
    assert (two / "model/1/saved_model.pb").is_file()
    assert len(saved(two)[1]) == 2
    if app != "gan_mnist":  # which has both, and random numbers
        end(one, start(app, one, *flags, backend="tensorflow"))
        assert_equal_runs(two, one, rtol=1e-3)


def test_a_job_that_lost_a_process_ends_like_an_unbroken_one(
    start_two, tmp_path, assert_refused
):
    app, flags = "lenet_mnist", ["--epochs=6", *APPS["lenet_mnist"]]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    end(whole, *start_two(app, whole, *flags))
    first, second = start_two(app, broken, *flags)
    history = broken / "run/history.csv"
    while not history.exists():
        assert first.poll() is None, (broken / "stderr0").read_text()
        time.sleep(0.005)
    second.kill()
    assert first.wait(WATCHDOG + 60) == 1
    errors = (broken / "stderr0").read_text()
    assert_refused(
        subprocess.CompletedProcess([], 1, "", errors),
        "another process of the job was lost; start all processes again",
        "lenet_mnist.py: ",
    )
    assert len(history.read_text().splitlines()) < 1 + 6

    end(broken, *start_two(app, broken, *flags))
    (arrays, rows), (other, other_rows) = saved(broken), saved(whole)
    assert rows == other_rows
    for name, array in other.items():
        np.testing.assert_array_equal(arrays[name], array, name)
    assert [path.name for path in (broken / "model").iterdir()] == ["1"]
