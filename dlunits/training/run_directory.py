"""The folder of a run: whatever stops it, the same command goes on."""

import csv
import io
import json
import pathlib
import tempfile
import time

import keras

from dlunits.atomic_files import atomic_write
from dlunits.training.checkpoint import (
    load_checkpoint,
    read_state,
    save_checkpoint,
)
from dlunits.training.early_stopping import EarlyStopping
from dlunits.training.finite_loss import FiniteLoss
from dlunits.training.tensorboard import SummaryWriter


class RunDirectory:
    """Keeps a run's checkpoint, `history.csv` and TensorBoard `logs/`.

    A run that is stopped at any moment, by `kill -9` too, and started again
    with the same arguments goes on after its last finished epoch and ends
    with the weights and the history of a run never stopped, to the last bit.
    For that, a mini-batch must depend on nothing but the seed and the step.

    What makes a run is fixed when it starts: `run`, the backend, and the
    arguments of `fit`, the number of epochs included, because a
    learning-rate schedule depends on it. Started with anything else, it is
    refused; the other run gets its own folder.

    Args:
        path: The folder; it is made if it is not there.
        run: Dict that JSON can hold, of what the result depends on: data set,
            variant, batch size, learning rate, seed.

    Attributes:
        path: `pathlib.Path` of the folder.
        checkpoint, history, logs: `pathlib.Path` of what lies in it.
        seconds: Float, training time so far, that of killed runs included as
            far as it led to a checkpoint.

    Raises:
        OSError: If the folder cannot be made or written to.
        ValueError: If it holds the checkpoint of another run.

    Example:

    >>> import numpy as np, tensorflow as tf
    >>> def batches(first_step, last_step):  # y = 2 x, one example a step
    ...     x = np.ones((last_step - first_step, 1), "float32")
    ...     return tf.data.Dataset.from_tensor_slices((x, 2 * x)).batch(1)
    >>> double = keras.layers.Dense(1, kernel_initializer="ones")
    >>> model = keras.Sequential([keras.Input((1,)), double])
    >>> model.compile(keras.optimizers.SGD(0.25), "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run_directory = RunDirectory(folder, run={"task": "double"})
    ...     history = run_directory.fit(
    ...         model, batches, epochs=2, steps_per_epoch=1, verbose=0
    ...     )
    ...     print(run_directory.history.read_text())
    epoch,loss,learning_rate
    1,1.0,0.25
    2,0.0,0.25
    <BLANKLINE>
    """

    def __init__(self, path, run):
        self.path = pathlib.Path(path).expanduser()
        self.checkpoint = self.path / "checkpoint.npz"
        self.history = self.path / "history.csv"
        self.logs = self.path / "logs"
        self.run = {**run, "backend": keras.backend.backend()}
        self.seconds = 0.0
        check_writable(self.path)
        if self.checkpoint.exists():
            state = read_state(self.checkpoint)
            self.seconds = state["seconds"]
            check_same_run(self.path, state["run"], self.run)

    def fit(
        self,
        model,
        training_batches,
        *,
        epochs,
        steps_per_epoch,
        validation_batches=None,
        patience=None,
        monitor="val_loss",
        callbacks=(),
        verbose="auto",
    ):
        """Trains `model` to the end, from the checkpoint if there is one.

        Args:
            model: Keras model, built and compiled.
            training_batches: Function of `first_step` and `last_step`, by
                name, that returns a `tf.data.Dataset` of the mini-batches from
                the first step to before the last; step 0 is the run's first.
            epochs: Integer, epochs of the whole run.
            steps_per_epoch: Integer, mini-batches an epoch.
            validation_batches: `tf.data.Dataset`, or `None`.
            patience: Integer, epochs without improvement before the run stops;
                the model then has the weights of its best epoch. `None` trains
                all epochs and keeps the last weights.
            monitor: Metric that `patience` watches.
            callbacks: Further Keras callbacks. They start anew in a resumed
                run, so one that changes the weights or the learning rate must
                depend on the epoch alone.
            verbose: As in `keras.Model.fit`.

        Returns:
            Dict of metric name to the list of its values, one an epoch.

        Raises:
            ValueError: If a loss stops being finite, or the checkpoint is of
                another run or model. The checkpoint stays as it was.
            OSError: If a file cannot be written, on a full disk for example.
        """
        if patience is not None and validation_batches is None:
            raise ValueError(
                "`patience` needs `validation_batches` to judge an epoch by. "
                f"Received: {patience=}, {validation_batches=}"
            )
        run = {
            **self.run,
            "epochs": epochs,
            "steps_per_epoch": steps_per_epoch,
            "patience": patience,
            "monitor": monitor,
        }
        rows, finished = [], False
        stopping = []
        if patience is not None:
            stopping.append(
                EarlyStopping(
                    monitor, patience=patience, restore_best_weights=True
                )
            )
        if self.checkpoint.exists():
            check_same_run(self.path, read_state(self.checkpoint)["run"], run)
            state, best_weights = load_checkpoint(self.checkpoint, model)
            rows, finished = state["rows"], state["finished"]
            for callback in stopping:
                callback.resume(state["early_stopping"], best_weights)
            write_history(self.history, rows)
        if finished:
            restore_final_weights(model, best_weights)
        else:
            model.fit(
                training_batches(
                    first_step=len(rows) * steps_per_epoch,
                    last_step=epochs * steps_per_epoch,
                ),
                initial_epoch=len(rows),
                epochs=epochs,
                steps_per_epoch=steps_per_epoch,
                shuffle=False,  # or Keras warns; the batches say the order
                validation_data=validation_batches,
                callbacks=[
                    FiniteLoss(),
                    *callbacks,
                    *stopping,
                    SaveCheckpoint(self, run, rows, *stopping),
                ],
                verbose=verbose,
            )
        names = [name for name in rows[0] if name != "epoch"]
        return {name: [row[name] for row in rows] for name in names}


class SaveCheckpoint(keras.callbacks.Callback):
    """Puts a finished epoch on the disk: checkpoint, history, curves."""

    def __init__(self, run_directory, run, rows, stopping=None):
        super().__init__()
        self.run_directory = run_directory
        self.run = run
        self.rows = rows
        self.stopping = stopping
        self.curves = SummaryWriter(run_directory.logs)

    def on_train_begin(self, logs=None):
        self.clock = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        run_directory, stopping = self.run_directory, self.stopping
        metrics = {
            **{name: float(value) for name, value in logs.items()},
            "learning_rate": float(self.model.optimizer.learning_rate),
        }
        self.rows.append({"epoch": epoch + 1, **metrics})
        clock = time.monotonic()
        run_directory.seconds += clock - self.clock
        self.clock = clock
        last = epoch + 1 == self.params["epochs"]
        self.curves.write(epoch + 1, metrics)
        save_checkpoint(
            run_directory.checkpoint,
            self.model,
            state={
                "run": self.run,
                "rows": self.rows,
                "finished": last or self.model.stop_training,
                "seconds": run_directory.seconds,
                "early_stopping": stopping and stopping.state,
            },
            best_weights=stopping and stopping.best_weights,
        )
        write_history(run_directory.history, self.rows)


def restore_final_weights(model, best_weights):
    """What Keras does after the last epoch."""
    model.optimizer.finalize_variable_values(model.trainable_weights)
    if best_weights is not None:
        model.set_weights(best_weights)


def write_history(path, rows):
    """One line an epoch; a float is written so that it reads back equal."""
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        table = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        text.detach()


def check_writable(path):
    """Makes the folder if it is not there, and writes to it to be sure.

    Raises:
        OSError: If either cannot be done.
    """
    path = pathlib.Path(path).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"written")
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: this folder cannot be written to, choose "
            "another",
            str(path),
        ) from error


def format_path(template, values):
    """Puts values where a path has their names in braces.

    >>> format_path("runs/{kind}_{seed}_{x}", {"kind": "PCA", "seed": 0})
    'runs/PCA_0_{x}'
    """
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", str(value))
    return template


def check_same_run(path, saved, run):
    """Compares what both name, the way JSON gives it back."""
    run = json.loads(json.dumps(run))
    differing = [
        f"{name} was {saved.get(name)!r} and is now {run[name]!r}"
        for name in run
        if saved.get(name) != run[name]
    ]
    if differing:
        raise ValueError(
            f"{path} holds the checkpoint of another run: "
            f"{', '.join(differing)}. Use another run directory, or "
            "delete this one to start anew."
        )
