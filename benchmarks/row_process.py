"""Runs the rows of a benchmark in separate processes, in turns."""

import argparse
import json
import os
import subprocess
import sys
import time

THREADS = 2


def measured_in_process(script, row, *arguments):
    """Runs `python SCRIPT ROW ...` with two threads and the row's backend.

    Args:
        script: Path of the benchmark.
        row: Name of the row. The backend of Keras is JAX if the name contains
            "JAX", else TensorFlow.
        *arguments: Additional arguments of the command line.

    Returns:
        The last line of the output, parsed as JSON.
    """
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax" if "JAX" in row else "tensorflow",
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": str(THREADS),
    }
    process = subprocess.run(
        [sys.executable, script, row, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(process.stdout.splitlines()[-1])


def seconds_per_step(train, count):
    """Seconds of a training step: the fastest of three runs of `count`."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        train(count)
        seconds.append((time.perf_counter() - start) / count)
    return min(seconds)


def fastest_of_rows(script, description, rows, count, measure):
    """Measures one row, or all rows in turns, according to the command line.

    Args:
        script: Path of the benchmark.
        description: Text of `--help`.
        rows: Names of the rows.
        count: Default of `--count`, the number of training steps.
        measure: Function of a row and `--count` that returns its speed in this
            process.

    Returns:
        `(best, quick)`: dict from row to its highest speed in three turns, and
        whether there was only one turn. If the command line has a row, its
        speed is printed and the process ends.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "row", nargs="?", choices=rows, help="row to measure in this process"
    )
    parser.add_argument("--count", type=int, default=count, help="steps")
    parser.add_argument(
        "--quick", action="store_true", help="one turn, no gate"
    )
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(arguments.row, arguments.count)))
        sys.exit()
    turns = [
        {
            row: measured_in_process(script, row, f"--count={arguments.count}")
            for row in rows
        }
        for _ in range(1 if arguments.quick else 3)
    ]
    best = {row: max(turn[row] for turn in turns) for row in rows}
    return best, arguments.quick
