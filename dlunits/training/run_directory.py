"""Run directory of a training run that can be interrupted and resumed."""

import csv
import functools
import io
import json
import math
import pathlib
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import keras

from dlunits.atomic_files import atomic_write
from dlunits.data.shard import Shard
from dlunits.paths import expand_user
from dlunits.training.checkpoint import (
    load_checkpoint,
    read_state,
    save_checkpoint,
)
from dlunits.training.distribution import current
from dlunits.training.early_stopping import EarlyStopping
from dlunits.training.finite_loss import FiniteLoss
from dlunits.training.run_lock import lock_run
from dlunits.training.tensorboard import SummaryWriter
from dlunits.typing import Array, Path

# Entries of the state of a checkpoint, and their types.
STATE_ENTRIES: dict[str, tuple[type, ...]] = {
    "run": (dict,),
    "rows": (list,),
    "finished": (bool,),
    "seconds": (int, float),
    "early_stopping": (dict, type(None)),
}


class RunDirectory:
    """Run directory: checkpoint, `history.csv` and logs of a training run.

    A run that was interrupted at any time, also by `kill -9`, and is started
    again with the same arguments resumes after its last finished epoch. It
    ends with the weights and the history of an uninterrupted run, bit for bit.
    For this, a mini-batch must be a function of the seed and the step.

    A run is identified by `run`, the backend and the arguments of `fit`,
    including the number of epochs, on which a learning-rate schedule depends.
    A folder with the checkpoint of another run is rejected, and so is one that
    is in use by another process. The folder is locked as long as the object
    exists.

    In a job of several processes, see `dlunits.training.distribution`, only the
    first one reads and writes the folder. A checkpoint is the same for any
    number of processes.

    Args:
        path: Folder; created if it does not exist.
        run: JSON-serializable dict of everything the result depends on: data
            set, variant, batch size, learning rate, seed.

    Attributes:
        path: `pathlib.Path` of the folder.
        checkpoint: `pathlib.Path` of `checkpoint.npz`.
        history: `pathlib.Path` of `history.csv`, one row per epoch.
        logs: `pathlib.Path` of the TensorBoard logs.
        seconds: Float, training time in seconds, including that of interrupted
            runs up to their last checkpoint.

    Raises:
        OSError: If the folder cannot be created, is not writable, or is in use
            by another process.
        ValueError: If it contains the checkpoint of another run.

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

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        self.path = expand_user(path)
        self.checkpoint = self.path / "checkpoint.npz"
        self.history = self.path / "history.csv"
        self.logs = self.path / "logs"
        self.run = {**run, "backend": keras.backend.backend()}
        if self.run.get("steps_per_epoch") is None:
            # The checkpoint holds the number of steps that `fit` is given.
            self.run.pop("steps_per_epoch", None)
        self.seconds = 0.0
        if not current().is_first:
            return
        check_writable(self.path)
        self.lock = lock_run(self.path)
        if self.checkpoint.exists():
            state = read_run_state(self.checkpoint)
            self.seconds = state["seconds"]
            check_same_run(self.path, state["run"], self.run)

    def fit(
        self,
        model: keras.Model,
        training_batches: Callable[..., Any],
        *,
        epochs: int,
        steps_per_epoch: int,
        validation_batches: Any = None,
        patience: int | None = None,
        monitor: str = "val_loss",
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: Any = "auto",
    ) -> dict[str, list[float]]:
        """Trains `model`, and resumes from the checkpoint if there is one.

        Args:
            model: Keras model, built and compiled.
            training_batches: Function with the keyword arguments `first_step`
                and `last_step` that returns a `tf.data.Dataset` of the
                mini-batches of the steps in [first_step, last_step), counted
                from the start of the run. If a batch is divided among several
                devices, it has the further argument `shard`, a
                `dlunits.data.shard.Shard`, and returns the rows of this shard.
            epochs: Integer, epochs of the whole run.
            steps_per_epoch: Integer, mini-batches per epoch.
            validation_batches: `tf.data.Dataset` of all rows, or a function of
                `shard` that returns a dataset of its rows of each batch, or
                `None`.
            patience: Integer, epochs without improvement before the run stops;
                the model then has the weights of its best epoch. `None` trains
                all epochs and keeps the last weights.
            monitor: Metric that early stopping monitors.
            callbacks: Further Keras callbacks. Their state is not saved: in a
                resumed run, a callback that changes weights or the learning
                rate must depend on the epoch alone.
            verbose: As in `keras.Model.fit`.

        Returns:
            Dict of metric name to the list of its values, one per epoch.

        Raises:
            ValueError: If a loss is not finite, or the checkpoint is of
                another run or model. The checkpoint is then unchanged.
            OSError: If a file cannot be written, for example on a full disk.
        """
        if patience is not None and validation_batches is None:
            raise ValueError(
                "`patience` needs `validation_batches` to evaluate epochs on. "
                f"Received: {patience=}, {validation_batches=}"
            )
        job = current()
        if job.shard.count * job.shard.num_devices > 1:
            training_batches = functools.partial(
                training_batches, shard=job.shard
            )
        run = {
            **self.run,
            "epochs": epochs,
            "steps_per_epoch": steps_per_epoch,
            "patience": patience,
            "monitor": monitor,
        }
        rows: list[dict[str, Any]] = []
        finished = False
        stopping = []
        if patience is not None:
            stopping.append(
                EarlyStopping(
                    monitor, patience=patience, restore_best_weights=True
                )
            )
        file = self.open_saved()
        if file is not None:
            with file:
                saved = read_run_state(self.checkpoint, file)
                check_same_run(self.path, saved["run"], run)
                state, best_weights = load_checkpoint(
                    self.checkpoint, model, file
                )
            rows, finished = state["rows"], state["finished"]
            for callback in stopping:
                callback.resume(state["early_stopping"], best_weights)
            if job.is_first:
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
                shuffle=False,  # avoids a warning: a dataset is not shuffled
                validation_data=share_validation(validation_batches, job.shard),
                callbacks=[
                    *job.callbacks,
                    FiniteLoss(),
                    *callbacks,
                    *stopping,
                    SaveCheckpoint(self, run, rows, *stopping),
                ],
                verbose=verbose,
            )
        names = [name for name in rows[0] if name != "epoch"]
        return {name: [row[name] for row in rows] for name in names}

    def open_saved(self) -> BinaryIO | None:
        """Opens the checkpoint of the first process; `None` without one."""
        job = current()
        exists = job.is_first and self.checkpoint.exists()
        if job.cluster.num_processes == 1:
            return self.checkpoint.open("rb") if exists else None
        content = job.broadcast(
            self.checkpoint.read_bytes() if exists else None
        )
        return None if content is None else io.BytesIO(content)


class SaveCheckpoint(keras.callbacks.Callback):
    """Callback that saves checkpoint, history and summaries every epoch.

    Args:
        run_directory: `RunDirectory` to write to.
        run: JSON-serializable dict that identifies the run.
        rows: List of the history, one dict per epoch; extended in place.
        stopping: `EarlyStopping` whose state is saved, or `None`.
    """

    def __init__(
        self,
        run_directory: RunDirectory,
        run: dict[str, Any],
        rows: list[dict[str, Any]],
        stopping: EarlyStopping | None = None,
    ) -> None:
        super().__init__()
        self.run_directory = run_directory
        self.run = run
        self.rows = rows
        self.stopping = stopping
        self.summaries = SummaryWriter(run_directory.logs)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.clock = time.monotonic()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        run_directory, stopping = self.run_directory, self.stopping
        metrics = {
            **{name: float(value) for name, value in (logs or {}).items()},
            "learning_rate": float(self.model.optimizer.learning_rate),
        }
        self.rows.append({"epoch": epoch + 1, **metrics})
        clock = time.monotonic()
        run_directory.seconds += clock - self.clock
        self.clock = clock
        if not current().is_first:
            return
        last = epoch + 1 == self.params["epochs"]
        self.summaries.write(epoch + 1, metrics)
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


def share_validation(validation_batches: Any, shard: Shard) -> Any:
    """Validation dataset for the devices of one process.

    Every batch is divided among the devices. If the size of a batch is not a
    multiple of their number, every device evaluates all batches, so that no
    example is left out or weighted more than another.
    """
    if callable(validation_batches):
        return validation_batches(shard=shard)
    parts = shard.count * shard.num_devices
    if validation_batches is None or parts == 1:
        return validation_batches
    import tensorflow as tf

    def size(batch: Any) -> Any:
        return tf.shape(tf.nest.flatten(batch)[0])[0]

    def devices_rows(rows: Any) -> Any:
        if divisible:
            return shard.part(rows)
        return tf.repeat(rows, shard.num_devices, axis=0)

    divisible = validation_batches.reduce(
        tf.constant(True),
        lambda divisible, batch: divisible & (size(batch) % parts == 0),
    )
    return validation_batches.map(
        lambda *batch: tf.nest.map_structure(devices_rows, batch)
    )


def read_run_state(
    path: pathlib.Path, file: BinaryIO | None = None
) -> dict[str, Any]:
    """Reads and checks the state of a checkpoint of `SaveCheckpoint`.

    Raises:
        ValueError: If the file is not such a checkpoint.
    """
    state = read_state(path, file)
    entries = state if isinstance(state, dict) else {}
    types = {name: type(entries.get(name)) for name in STATE_ENTRIES}
    rows = entries.get("rows")
    if (
        any(types[name] not in STATE_ENTRIES[name] for name in types)
        or not rows
        or not all(is_history_row(row) for row in rows)
        or len({tuple(row) for row in rows}) > 1
        or not math.isfinite(entries["seconds"])
        or not is_stopping_state(entries["early_stopping"])
    ):
        raise ValueError(
            f"{path} is not a checkpoint of a training run, or is damaged: "
            "delete it, or use another run directory"
        )
    return entries


def is_history_row(row: Any) -> bool:
    """Whether a value of a checkpoint is a dict of numbers with an epoch."""
    return (
        isinstance(row, dict)
        and "epoch" in row
        and all(type(value) in (int, float) for value in row.values())
    )


def is_stopping_state(state: dict[str, Any] | None) -> bool:
    """Whether a value of a checkpoint is a state of `EarlyStopping`."""
    if state is None:
        return True
    return (
        type(state.get("best")) in (int, float, type(None))
        and type(state.get("best_epoch", "")) in (int, type(None))
        and type(state.get("wait")) is int
    )


def restore_final_weights(
    model: keras.Model, best_weights: list[Array] | None
) -> None:
    """Sets the final weights of `fit`, after loading a checkpoint."""
    model.optimizer.finalize_variable_values(model.trainable_weights)
    if best_weights is not None:
        model.set_weights(best_weights)


def write_history(path: pathlib.Path, rows: list[dict[str, Any]]) -> None:
    """Writes one CSV row per epoch, with floats in full precision."""
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        table = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        text.detach()


def check_writable(path: Path) -> None:
    """Checks that a folder is writable; creates it if needed.

    In a job of several processes, only the first one writes; on the others this
    function does nothing.

    Args:
        path: Folder; `~` is expanded.

    Raises:
        OSError: If the folder cannot be created or is not writable.

    Example:

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "runs", "digits")
    ...     check_writable(path)
    ...     path.is_dir()
    True
    """
    if not current().is_first:
        return
    path = expand_user(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"written")
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: the folder is not writable, choose another",
            str(path),
        ) from error


def format_path(template: str, values: dict[str, Any]) -> str:
    """Formats a path: replaces names in braces by values.

    Unknown names are kept, unlike with `str.format`.

    Args:
        template: Path with names in braces.
        values: Dict of name to value.

    Returns:
        The path as a string.

    Example:

    >>> format_path("runs/{name}_{seed}_{x}", {"name": "PCA", "seed": 0})
    'runs/PCA_0_{x}'
    """
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", str(value))
    return template


def check_same_run(
    path: pathlib.Path, saved: dict[str, Any], run: dict[str, Any]
) -> None:
    """Raises a `ValueError` if a checkpoint is of another run."""
    run = json.loads(json.dumps(run))
    changed = [name for name in run if saved.get(name) != run[name]]
    # A setting that is not in the checkpoint was added to the app later.
    known = [name for name in changed if name in saved]
    differing = [
        f"{name} was {saved.get(name)!r} and is now {run[name]!r}"
        for name in known or changed
    ]
    if differing:
        raise ValueError(
            f"{path} holds the checkpoint of another run: "
            f"{', '.join(differing)}. Use another run directory, or "
            "delete this one to start a new run."
        )
