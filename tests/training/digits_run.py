"""Training run on scikit-learn's digits, to be interrupted and resumed.

Usage: python tests/training/digits_run.py WORKDIR '{"epochs": 6}'
"""

import json
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from dlunits.training.run_directory import RunDirectory

BATCH_SIZE = 32
STEPS_PER_EPOCH = 20


def load_data():
    x, y = load_digits(return_X_y=True)
    return (x / 16).reshape(-1, 8, 8, 1).astype("float32"), y


def training_batches(first_step, last_step):
    """Mini-batch `step` is a function of `step` only."""
    x, y = (tf.constant(part[:1500]) for part in load_data())

    def batch(step):
        positions = step * BATCH_SIZE + tf.range(BATCH_SIZE, dtype=tf.int64)
        indices = tf.random.experimental.index_shuffle(
            positions % 1500, seed=[0, 0], max_index=1499
        )
        return tf.gather(x, indices), tf.gather(y, indices)

    return tf.data.Dataset.range(first_step, last_step).map(batch)


def build_model(learning_rate=0.01, units=10):
    """A model with dropout and momentum, whose states must be restored."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(6, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Flatten(),
            keras.layers.Dense(units, "softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(learning_rate, 200)
        ),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def train(workdir, *, epochs, learning_rate=0.01, patience=None, callbacks=()):
    """Trains in a run directory; returns the model and its history."""
    x, y = (part[1500:] for part in load_data())
    run_directory = RunDirectory(workdir, run={"learning_rate": learning_rate})
    model = build_model(learning_rate)
    history = run_directory.fit(
        model,
        training_batches,
        epochs=epochs,
        steps_per_epoch=STEPS_PER_EPOCH,
        validation_batches=tf.data.Dataset.from_tensor_slices((x, y)).batch(99),
        patience=patience,
        callbacks=callbacks,
        verbose=0,
    )
    return model, history


if __name__ == "__main__":
    workdir = pathlib.Path(sys.argv[1])
    model, _ = train(workdir, **json.loads(sys.argv[2]))
    np.savez(workdir / "weights.npz", *model.get_weights())
