"""Training run of several processes, to be killed and resumed.

The processes are set by the environment variables of Keras.

Usage: python shared_run.py WORKDIR '{"distribution": "data_parallel"}'
"""

import functools
import json
import os
import pathlib
import sys
import time

import keras
import numpy as np

from dlunits.data import batches
from dlunits.training import RunDirectory
from dlunits.training.distribution import current, find_cluster, start
from tests.training.digits_run import BATCH_SIZE, build_model, load_data

STEPS_PER_EPOCH = 12


class SlowSteps(keras.callbacks.Callback):
    """Slows steps down, so that a test can stop a process within an epoch."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.seconds)


def train(workdir, *, epochs=4, seconds_per_step=0.0):
    """Trains in a run directory; returns the model and its history."""
    x, y = load_data()
    model = build_model()
    prepare = lambda images, _: images  # noqa: E731
    history = RunDirectory(workdir, run={}).fit(
        model,
        functools.partial(
            batches.training_batches,
            x[:1500],
            y[:1500],
            batch_size=BATCH_SIZE,
            seed=0,
            prepare=prepare,
        ),
        epochs=epochs,
        steps_per_epoch=STEPS_PER_EPOCH,
        validation_batches=batches.evaluation_batches(
            x[1500:], y[1500:], prepare=lambda images: images, batch_size=100
        ),
        patience=epochs,
        callbacks=[SlowSteps(seconds_per_step)] if seconds_per_step else [],
        verbose=0,
    )
    path = workdir / f"history_{current().cluster.process_id}.json"
    path.write_text(json.dumps(history))
    return model, history


def stop(message):
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    workdir = pathlib.Path(sys.argv[1])
    flags = json.loads(sys.argv[2])
    try:
        job = start(
            flags.pop("distribution"),
            find_cluster(),
            watchdog=flags.pop("watchdog", 60),
            stop=stop,
        )
        model, _ = job.train(lambda: train(workdir, **flags))
    except (OSError, ValueError) as error:
        stop(error)
    np.savez(workdir / "weights.npz", *model.get_weights())
