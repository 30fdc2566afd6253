"""Runs one row of a benchmark in a separate process."""

import json
import os
import subprocess
import sys

THREADS = 2


def measured_in_process(script, row, *arguments):
    """Runs `python SCRIPT ROW ...` with two threads and the row's backend.

    Args:
        script: Path of the benchmark.
        row: Name of the row. Keras' backend is JAX if the name contains
            "JAX", else TensorFlow.
        *arguments: Further arguments of the command line.

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
