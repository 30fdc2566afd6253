"""Scaling of data-parallel training from one to two processes on CPU cores.

LeNet-5, and the language model of the app with its 512 units and 128 steps, on
the JAX backend, with the input pipelines of the apps. Every process has one
thread and one core. Strong scaling: the batch size is the same; weak scaling:
it is doubled. One process and two processes run in turns, and the fastest turn
is used, so that other load on the machine affects them equally. The CPU time of
a step is printed, too. The gates are for batches that are large enough to be
divided; `--default_sizes` measures the default batch sizes of the apps.

Every process has its own session, so that on a busy machine, the scheduler of
Linux gives each of two processes the same share as a single one. The autogroup
priority of the caller is copied.

Usage:
    python benchmarks/data_parallel.py [--quick] [--default_sizes]
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

from gates import gate

PROJECT = pathlib.Path(__file__).parents[1]
MIN_SPEEDUP = 1.8
WARM_UP = 3  # steps, which compile
# Batch size and timed steps.
TASKS = {"lenet": (1024, 12), "language model": (256, 3)}
DEFAULT_SIZES = {"lenet": (128, 100), "language model": (64, 12)}
ROUNDS = 3
AUTOGROUP = pathlib.Path("/proc/self/autogroup")


def compiled_lenet(batch_size):
    """LeNet-5, and a function that returns the batches of a range of steps."""
    import functools

    import keras
    import numpy as np

    from dlunits.data import batches
    from dlunits.data.images.augmentation import RandomAffine
    from dlunits.models import LeNet5

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10_000, 28, 28, 1), "uint8")
    model = LeNet5(10, input_shape=(32, 32, 1))
    model.compile(
        keras.optimizers.Adam(1e-3),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model, functools.partial(
        batches.training_batches,
        images,
        rng.integers(0, 10, len(images)),
        batch_size=batch_size,
        seed=0,
        prepare=RandomAffine(),
    )


def compiled_language_model(batch_size):
    """Language model, and a function that returns segments of some steps."""
    import functools

    import numpy as np

    from dlunits.data.text.text_streams import training_segments
    from dlunits.models import RecurrentLanguageModel
    from dlunits.tasks.text.train import compile_text_model
    from dlunits.training import ClippedAdam, TruncatedBPTT

    tokens = np.random.default_rng(0).integers(0, 65, 1_000_000)
    model = RecurrentLanguageModel(65, "lstm", 512, 1, 0.5)
    trainer = TruncatedBPTT(model, batch_size, 100)
    compile_text_model(trainer, ClippedAdam(1e-3, global_clipnorm=1.0))
    return trainer, functools.partial(
        training_segments, tokens, num_streams=batch_size, segment_length=128
    )


def run_worker(task, batch_size, steps, core, priority):
    """Trains as one process of a job; prints its steps per second."""
    os.sched_setaffinity(0, {core})
    if priority is not None:
        AUTOGROUP.write_text(priority)

    import keras

    from dlunits.training.distribution import current, find_cluster, start

    start("data_parallel", find_cluster(), watchdog=120, stop=sys.exit)
    keras.utils.set_random_seed(0)
    build = {"lenet": compiled_lenet, "language model": compiled_language_model}
    model, batches = build[task](batch_size)

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch + 1 in (WARM_UP, WARM_UP + steps):
                float(logs["loss"])  # waits for the step
                times.append((time.perf_counter(), time.process_time()))

    times = []
    model.fit(
        batches(first_step=0, last_step=WARM_UP + steps, shard=current().shard),
        steps_per_epoch=WARM_UP + steps,
        verbose=0,
        callbacks=[Clock()],
    )
    wall, cpu = (
        (end - begin) / steps for begin, end in zip(*times, strict=True)
    )
    print(json.dumps([1 / wall, cpu]), flush=True)
    current().leave()


def steps_per_second(num_processes, task, batch_size, steps):
    """Steps per second of a job with one core per process, and CPU seconds.

    The CPU time is that of a step in the process that needs more of it.
    """
    cores = sorted(os.sched_getaffinity(0))
    priority = None  # "/autogroup-7 nice 0"
    if AUTOGROUP.exists():
        priority = AUTOGROUP.read_text().split()[-1]
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, __file__, "--worker"),
                json.dumps([task, batch_size, steps, cores[number], priority]),
            ],
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "KERAS_BACKEND": "jax",
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
                "KERAS_DISTRIBUTION_NUM_PROCESSES": str(num_processes),
                "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
                "OMP_NUM_THREADS": "1",
                "TF_NUM_INTRAOP_THREADS": "1",
                "TF_NUM_INTEROP_THREADS": "1",
                "PYTHONPATH": str(PROJECT),
            },
        )
        for number in range(num_processes)
    ]
    rows = []
    for process in processes:
        output, errors = process.communicate()
        if process.returncode:
            sys.exit(f"{task}: {errors.strip().splitlines()[-1]}")
        rows.append(json.loads(output.splitlines()[-1]))
    speeds, seconds = zip(*rows, strict=True)
    return min(speeds), max(seconds)


def measure(task, batch_size, steps, rounds):
    """Steps per second and CPU seconds by number of processes and scaling."""
    jobs = {
        "one process": (1, batch_size),
        "two processes, strong": (2, batch_size),
        "two processes, weak": (2, 2 * batch_size),
    }
    speeds = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, (count, size) in jobs.items():
            speeds[name].append(steps_per_second(count, task, size, steps))
    return {name: max(values) for name, values in speeds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few steps, once")
    parser.add_argument(
        "--default_sizes",
        action="store_true",
        help="the batch sizes of the apps, without gates",
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return run_worker(*json.loads(arguments.worker))
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("Two CPU cores are needed")
    passed = True
    tasks = DEFAULT_SIZES if arguments.default_sizes else TASKS
    for task, (batch_size, steps) in tasks.items():
        found = measure(
            task,
            batch_size,
            3 if arguments.quick else steps,
            1 if arguments.quick else ROUNDS,
        )
        for name, (speed, seconds) in found.items():
            print(
                f"{task}, batches of {batch_size}, {name}: {speed:.3f} steps "
                f"per second, {seconds:.3f} s of CPU time per step",
                flush=True,
            )
        one, strong, weak = (speed for speed, _ in found.values())
        print(f"{task}, weak scaling: {2 * weak / one:.2f} times the examples")
        name = f"{task}, batches of {batch_size}, strong scaling"
        if arguments.default_sizes:
            print(f"{name}: {strong / one:.2f} times the steps", flush=True)
        else:
            passed &= gate(name, strong / one, ">=", MIN_SPEEDUP, "x")
    return sys.exit(not passed)


if __name__ == "__main__":
    main()
