"""Runs the labs at demonstration size, and writes an index of their reports.

training_lab.py compares the settings of training, bias_variance.py decomposes
errors, and convolution_lab.py compares convolutional networks with dense ones.
lenet_mnist.py, alexnet_images.py and gan_mnist.py train for a few epochs. The
index lists each unit with the report sections about it.

Usage:
    python apps/lab.py
    python apps/lab.py --dataset=mnist --num_processes=4

After an interruption the same command resumes the unfinished runs. Expected:
less than 8 minutes on two CPU cores.
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

# Folder of the results -> app and flags. The slowest start first.
LABS = {
    "training": (
        "training_lab",
        ["--compare=all", "--seeds=2", "--epochs=5"],
    ),
    "bias_variance": ("bias_variance", ["--num_sets=20"]),
    "convolution": ("convolution_lab", ["--seeds=2", "--epochs=12"]),
    "gan": ("gan_mnist", ["--conditional", "--epochs=3"]),
    "alexnet": ("alexnet_images", ["--epochs=10"]),
    "lenet": ("lenet_mnist", ["--epochs=10"]),
    "training/tuning": (
        "training_lab",
        [
            "--compare=optimizer,learning_rate",
            "--values=sgd,adam;0.001,0.01,0.1",
            "--seeds=2",
            "--epochs=5",
        ],
    ),
}

# Apps that save a model.
EXPORTING = {"gan_mnist", "alexnet_images", "lenet_mnist"}

ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


def define_flags():
    _main.define_common_flags(
        dataset="digits", data_dir=None, seed=0, workdir="runs/lab_{dataset}"
    )
    flags.DEFINE_integer(
        "num_processes",
        2,
        "Number of labs that run at the same time, with one thread each.",
        lower_bound=1,
        upper_bound=64,
    )


def run(dataset, data_dir, seed, workdir, num_processes):
    """Runs all labs and writes the index."""
    from tqdm import tqdm

    from dlunits.paths import expand_user
    from dlunits.tasks.lab.index_page import write_index
    from dlunits.training import check_writable, format_path

    start = time.monotonic()
    folder = expand_user(format_path(workdir, {"dataset": dataset}))
    check_writable(folder)
    shared = [f"--dataset={dataset}", f"--seed={seed}"]
    if data_dir is not None:
        shared.append(f"--data_dir={data_dir}")
    failed = {}
    with concurrent.futures.ThreadPoolExecutor(num_processes) as pool:
        jobs = {
            pool.submit(run_lab, app, folder / name, [*given, *shared]): name
            for name, (app, given) in LABS.items()
        }
        done = concurrent.futures.as_completed(jobs)
        for job in tqdm(done, desc="Labs", total=len(jobs), unit="lab"):
            name = jobs[job]
            if error := job.result():
                failed[name] = error
    if failed:
        raise ValueError(
            "; ".join(f"{name}: {error}" for name, error in failed.items())
        )
    reports = {
        path.parent.relative_to(folder).as_posix(): path.relative_to(
            folder
        ).as_posix()
        for path in sorted(folder.rglob("report.html"))
    }
    index = write_index(
        folder / "index.html",
        reports,
        command=COMMAND,
        seconds=time.monotonic() - start,
    )
    print(f"Reports: {folder}/*/report.html")
    print(f"Index:   {index}", flush=True)


def run_lab(app, folder, given):
    """Runs an app with its output in a log file.

    Returns the last line of its log if it failed, else `None`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if _main.is_installed():
        program = [sys.executable, "-m", "dlunits_command", app]
    else:
        path = pathlib.Path(__file__).resolve().with_name(f"{app}.py")
        program = [sys.executable, str(path)]
    exported = [f"--export_dir={folder / 'model'}"] * (app in EXPORTING)
    log = folder / "log.txt"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.run(
            [*program, *given, f"--workdir={folder}", *exported],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ONE_THREAD},
        )
    if process.returncode == 0:
        return None
    lines = log.read_text(encoding="utf-8").strip().splitlines()
    reason = lines[-1] if lines else f"exit status {process.returncode}"
    return f"{reason}, see {log}"


if __name__ == "__main__":
    _main.run_app(define_flags, run, resumes=True)
