"""Jobs of real processes: equal to one process, killed, stopped, resumed.

Two processes on the loopback device train together, with a thread each.
"""

import dataclasses
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from dlunits.training.distribution import Cluster, Job, current, start

PROGRAM = pathlib.Path(__file__).with_name("shared_run.py")
PROJECT = PROGRAM.parents[3]
WATCHDOG = 12  # seconds; compiling a step takes 2 on one core
EPOCHS = 4

# Of TensorFlow, absl and JAX.
LOG_LINE = re.compile(
    r"WARNING: All log|To turn|[IWEF]\d{4} |\d{4}-\d\d-\d\d .*: [IWE] "
)


@dataclasses.dataclass
class Processes:
    """Processes of a job that has been started."""

    processes: list
    folder: pathlib.Path

    def end(self, timeout=300):
        """Exit statuses, and the lines on stderr without those of logs."""
        statuses = [process.wait(timeout) for process in self.processes]
        return statuses, self.errors()

    def errors(self):
        return [
            [
                line
                for line in pathlib.Path(f"{self.folder}.stderr{number}")
                .read_text()
                .splitlines()
                if not LOG_LINE.match(line)
            ]
            for number in range(len(self.processes))
        ]


@pytest.fixture(scope="module")
def launch():
    """Starts the processes of a job; they are killed at the end of a test."""
    started = []

    def launch_processes(folder, num_processes=2, only=None, **flags):
        folder.mkdir(exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
        processes = []
        for number in range(num_processes) if only is None else [only]:
            with pathlib.Path(f"{folder}.stderr{len(processes)}").open(
                "w"
            ) as errors:
                process = subprocess.Popen(
                    [
                        sys.executable,
                        PROGRAM,
                        folder,
                        json.dumps({"distribution": "data_parallel", **flags}),
                    ],
                    env={
                        **os.environ,
                        "KERAS_BACKEND": "jax",
                        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
                        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(num_processes),
                        "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
                        "OMP_NUM_THREADS": "1",
                        "PYTHONPATH": str(PROJECT),
                        "TF_CPP_MIN_LOG_LEVEL": "3",
                    },
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
            processes.append(process)
        started.extend(processes)
        return Processes(processes, folder)

    yield launch_processes
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def trained(launch, tmp_path_factory):
    """Folder of an unbroken run of two processes."""
    folder = tmp_path_factory.mktemp("shared") / "run"
    statuses, errors = launch(folder, watchdog=60).end()
    assert statuses == [0, 0], errors
    return folder


def weights(folder):
    with np.load(folder / "weights.npz") as arrays:
        return [arrays[name] for name in arrays]


def history(folder, number=0):
    return json.loads((folder / f"history_{number}.json").read_text())


def epochs_in(folder):
    path = folder / "history.csv"
    return len(path.read_text().splitlines()) - 1 if path.exists() else 0


def wait_for_epochs(job, count):
    started = time.monotonic()
    while epochs_in(job.folder) < count:
        assert all(process.poll() is None for process in job.processes), (
            job.errors()
        )
        assert time.monotonic() - started < 300
        time.sleep(0.005)


def test_two_processes_end_with_the_weights_of_one(launch, trained, tmp_path):
    one = launch(tmp_path / "one", 1, distribution="none")
    statuses, errors = one.end()
    assert statuses == [0], errors
    # After 48 steps of Adam; float32 sums are computed in another order.
    for found, expected in zip(
        weights(trained), weights(tmp_path / "one"), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-5)
    expected = history(tmp_path / "one")
    assert expected["val_accuracy"][-1] > 0.7
    found = history(trained)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-4), name
    # Metrics are the same on all processes, to the last bit.
    assert history(trained, 1) == found


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_job_which_resumes_from_its_checkpoint(
    launch, trained, tmp_path, victim
):
    folder = tmp_path / "run"
    job = launch(folder, watchdog=WATCHDOG, seconds_per_step=0.03)
    wait_for_epochs(job, 1)
    time.sleep(random.uniform(0, 0.5))  # noqa: S311
    job.processes[victim].kill()
    killed = time.monotonic()
    statuses, errors = job.end()
    assert time.monotonic() - killed < WATCHDOG
    assert statuses[victim] == -signal.SIGKILL
    assert statuses[1 - victim] == 1
    # When process 0 is lost, JAX also writes a C++ stack trace.
    assert any(
        line.startswith("another process of the job was lost; start all")
        for line in errors[1 - victim]
    ), errors
    if victim == 1:
        assert len(errors[0]) == 1
    assert 1 <= epochs_in(folder) < EPOCHS

    assert_resumes(launch, folder, trained)


def assert_resumes(launch, folder, expected):
    """No step is lost or repeated: the weights are equal, bit for bit."""
    statuses, errors = launch(folder, watchdog=60).end()
    assert statuses == [0, 0], errors
    for found, array in zip(weights(folder), weights(expected), strict=True):
        np.testing.assert_array_equal(found, array)
    assert (folder / "history.csv").read_text() == (
        expected / "history.csv"
    ).read_text()


@pytest.mark.parametrize("victim", [0, 1])
def test_a_stopped_process_ends_the_job_within_the_time_of_the_watchdog(
    launch, trained, tmp_path, victim
):
    folder = tmp_path / "run"
    job = launch(folder, watchdog=WATCHDOG, seconds_per_step=0.03)
    wait_for_epochs(job, 1)
    stuck, other = job.processes[victim], job.processes[1 - victim]
    stuck.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    assert other.wait(WATCHDOG + 5) == 1
    assert WATCHDOG - 2 < time.monotonic() - stopped < WATCHDOG + 1
    # The stopped process detects the loss of the others when it continues.
    stuck.send_signal(signal.SIGCONT)
    statuses, errors = job.end()
    assert statuses == [1, 1]
    for number, start_of_line in (
        (1 - victim, f"no step ended for {WATCHDOG} s: a process of the job"),
        (victim, ""),
    ):
        [line] = errors[number]
        assert line.startswith(start_of_line)

    assert_resumes(launch, folder, trained)


@pytest.mark.parametrize("number", [0, 1])
def test_a_process_that_finds_no_others_ends_in_time(launch, tmp_path, number):
    job = launch(tmp_path / "run", only=number, watchdog=3)
    statuses, errors = job.end()
    assert statuses == [1]
    [line] = errors[0]
    assert line.startswith(f"process {number} of 2 did not find the others at ")
    assert "within 3 s (--watchdog)" in line


def test_a_batch_that_cannot_be_divided_ends_all_processes(launch, tmp_path):
    statuses, errors = launch(tmp_path / "run", 3, watchdog=60).end()
    assert statuses == [1, 1, 1]
    for [line] in errors:
        assert "32 for 3 devices; choose 30 or 33" in line


def test_a_distribution_needs_its_backend():
    backend = keras.backend.backend()
    other = "mirrored" if backend == "jax" else "data_parallel"
    with pytest.raises(ValueError, match=rf"Received: KERAS_BACKEND={backend}"):
        start(other, Cluster(), watchdog=1, stop=print)
    assert current() == Job()
