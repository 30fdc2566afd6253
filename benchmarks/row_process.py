"""A row of a benchmark, measured in a process of its own."""

import json
import os
import subprocess
import sys

THREADS = 2


def measured_in_process(script, row, *arguments):
    """Runs `python SCRIPT ROW ...` with two threads and the row's backend.

    Args:
        script: Path of the benchmark.
        row: Text; with "JAX" in it Keras' backend is JAX, else TensorFlow.
        arguments: More texts for the command line.

    Returns:
        What the last line says that it prints, read as JSON.
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
