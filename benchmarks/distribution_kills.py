"""Fault injection: kills processes of distributed training at random times.

Apps train with two processes on the JAX backend. Repeatedly, a random process
is killed (SIGKILL) or stopped (SIGSTOP) at a random time, both processes end,
and the same command is run again. No step may be lost or repeated: the last
checkpoint and the history must be those of a run without interruption, bit for
bit.

Usage:
    python benchmarks/distribution_kills.py [--kills=20] [--seed=0] [TASK...]
"""

import argparse
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

import numpy as np
from gates import gate

PROJECT = pathlib.Path(__file__).parents[1]
WATCHDOG = 30  # seconds; compiling takes a few of them
EPOCHS = 16
TASKS = {
    "LeNet-5": ("lenet_mnist", ["--dataset=digits", "--steps_per_epoch=20"]),
    "denoising autoencoder": (
        "autoencoder_mnist",
        ["--dataset=digits", "--autoencoder=denoising", "--num_labels=50"],
    ),
    "variational autoencoder": (
        "autoencoder_mnist",
        ["--dataset=digits", "--autoencoder=variational", "--num_labels=50"],
    ),
    "language model": (
        "text_generation",
        [
            f"--train={PROJECT / 'CHANGELOG.md'}",
            *("--units=64", "--bptt_steps=64", "--batch_size=16"),
        ],
    ),
}


def start(app, flags, folder, cache):
    """Starts the two processes of a job."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    return [
        subprocess.Popen(
            [
                *(sys.executable, PROJECT / f"apps/{app}.py", *flags),
                *(f"--epochs={EPOCHS}", f"--patience={EPOCHS}"),
                *(f"--workdir={folder}/run", f"--export_dir={folder}/model"),
                *("--distribution=data_parallel", f"--watchdog={WATCHDOG}"),
                *(f"--coordinator={address}", "--num_processes=2"),
                f"--process_id={number}",
            ],
            env={
                **os.environ,
                "KERAS_BACKEND": "jax",
                "JAX_COMPILATION_CACHE_DIR": str(cache),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": str(PROJECT),
            },
            stdout=subprocess.DEVNULL,
            stderr=(folder / f"stderr_{number}").open("w"),
        )
        for number in range(2)
    ]


def finish(processes, folder):
    """Waits for the end of the training, which must succeed.

    Process 1 ends after the training. Process 0 is then terminated before its
    evaluation and report.
    """
    status = processes[1].wait()
    processes[0].kill()
    processes[0].wait()
    if status or epochs_in(folder) < EPOCHS:
        sys.exit((folder / "stderr_1").read_text())


def epochs_in(folder):
    path = folder / "run" / "history.csv"
    return len(path.read_text().splitlines()) - 1 if path.exists() else 0


def interrupt(processes, folder, rng):
    """Kills or stops a process in the middle of an epoch.

    Returns:
        Seconds until the other one ended, or `None` if the training ended
        before.
    """
    first = epochs_in(folder)
    while epochs_in(folder) == first:
        if any(process.poll() is not None for process in processes):
            return None
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.3))
    victim, other = rng.sample(processes, 2)
    if epochs_in(folder) == EPOCHS:
        return None
    stops = rng.random() < 0.25
    victim.send_signal(signal.SIGSTOP if stops else signal.SIGKILL)
    begin = time.monotonic()
    status = other.wait(2 * WATCHDOG)
    seconds = time.monotonic() - begin
    victim.kill()
    victim.wait()
    name = "stopped" if stops else "killed"
    print(
        f"process {processes.index(victim)} {name} after epoch "
        f"{epochs_in(folder)}: the other one ended after {seconds:.1f} s with "
        f"status {status}",
        flush=True,
    )
    return seconds if status else None


def same_end(folder, whole):
    """Whether two runs ended with the same variables and history."""
    one, other = (
        np.load(f / "run" / "checkpoint.npz") for f in (folder, whole)
    )
    return (
        set(one.files) == set(other.files)
        and all(
            np.array_equal(one[name], other[name])
            for name in one.files
            if name != "text"  # with the seconds that the run took
        )
        and (folder / "run" / "history.csv").read_bytes()
        == (whole / "run" / "history.csv").read_bytes()
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "tasks", nargs="*", default=list(TASKS), help="default: all of them"
    )
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)  # noqa: S311
    kills, different, longest = 0, 0, 0.0
    with tempfile.TemporaryDirectory() as temporary:
        cache = pathlib.Path(temporary, "compiled")
        for index, task in enumerate(arguments.tasks):
            app, flags = TASKS[task]
            folders = []
            for name in ("whole", "killed"):
                folders.append(pathlib.Path(temporary, f"{index}_{name}"))
                folders[-1].mkdir()
            whole, killed = folders
            print(f"== {task}", flush=True)
            finish(start(app, flags, whole, cache), whole)
            wanted = arguments.kills * (index + 1) // len(arguments.tasks)
            while kills < wanted and epochs_in(killed) < EPOCHS:
                processes = start(app, flags, killed, cache)
                seconds = interrupt(processes, killed, rng)
                for process in processes:
                    process.wait()
                if seconds is not None:
                    kills += 1
                    longest = max(longest, seconds)
            finish(start(app, flags, killed, cache), killed)
            same = same_end(killed, whole)
            different += not same
            print(
                f"{task}: {'the same end' if same else 'ANOTHER END'}",
                flush=True,
            )
    passed = gate("interruptions", kills, ">=", arguments.kills)
    passed &= gate("runs with another end", different, "<=", 0)
    passed &= gate("longest end of a job", longest, "<=", WATCHDOG + 1, " s")
    sys.exit(not passed)


if __name__ == "__main__":
    main()
