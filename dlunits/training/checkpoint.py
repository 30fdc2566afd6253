"""Checkpoints of a training run in one file, written atomically."""

import contextlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import keras
import numpy as np

from dlunits.atomic_files import atomic_write
from dlunits.typing import Array, Path

# Errors of NumPy, zipfile and JSON for damaged files. MemoryError: a damaged
# header may request terabytes.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    json.JSONDecodeError,
)


def save_checkpoint(
    path: Path,
    model: keras.Model,
    state: dict[str, Any],
    best_weights: list[Array] | None = None,
) -> None:
    """Saves a checkpoint: all variables of a training run in one `.npz` file.

    The file contains the model's variables with the states of its seed
    generators (dropout, noise), the optimizer's variables with its step
    counter, `best_weights` and `state`. `model.save_weights` and
    `keras.callbacks.BackupAndRestore` save neither seed states nor the state of
    `EarlyStopping`, and write in place: a run resumed from them has other
    dropout masks and a reset best epoch, and a crash during the write leaves a
    damaged file.

    The write is atomic: at any time `path` is either the old or the new
    checkpoint, see `dlunits.atomic_files`.

    Args:
        path: File to write.
        model: Compiled and built Keras model.
        state: JSON-serializable dict.
        best_weights: List of arrays as returned by `model.get_weights()`, or
            `None`.

    Raises:
        OSError: If the file cannot be written, for example on a full disk.
            An existing checkpoint at `path` is then unchanged.

    Example:

    >>> import pathlib, tempfile
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> model.set_weights([np.array([[2.0]]), np.array([3.0])])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "checkpoint.npz")
    ...     save_checkpoint(path, model, {"epoch": 7})
    ...     model.set_weights([np.array([[0.0]]), np.array([0.0])])
    ...     state, _ = load_checkpoint(path, model)
    >>> state
    {'epoch': 7}
    >>> [weight.item() for weight in model.get_weights()]
    [2.0, 3.0]
    """
    arrays = {
        f"{group}/{index}": keras.ops.convert_to_numpy(variable)
        for group, variables in variables_of(model).items()
        for index, variable in enumerate(variables)
    }
    for index, weight in enumerate(best_weights or []):
        arrays[f"best/{index}"] = weight
    text = json.dumps({"state": state, "signature": signature(model)})
    with atomic_write(path) as file:
        np.savez(file, text=np.array(text), **arrays)


def load_checkpoint(
    path: Path, model: keras.Model, file: BinaryIO | None = None
) -> tuple[dict[str, Any], list[Array] | None]:
    """Loads a checkpoint: restores the variables of `model`.

    Args:
        path: File written by `save_checkpoint`.
        model: Compiled and built Keras model with the saved architecture.
        file: Content of the file; by default it is read from `path`.

    Returns:
        `(state, best_weights)` as passed to `save_checkpoint`.

    Raises:
        ValueError: If the file is not a checkpoint, or its variables do not
            match those of `model`. The model is then unchanged.
    """
    with open_checkpoint(path, file) as (text, arrays):
        groups = variables_of(model)
        check_signature(path, text["signature"], signature(model))
        # Reads and checks all arrays before the first is assigned.
        values = [
            (variable, read_array(arrays, f"{group}/{index}", variable))
            for group, variables in groups.items()
            for index, variable in enumerate(variables)
        ]
        best_weights = None
        if any(name.startswith("best/") for name in arrays):
            best_weights = [
                read_array(arrays, f"best/{index}", variable)
                for index, variable in enumerate(model.weights)
            ]
    for variable, value in values:
        variable.assign(value)
    return text["state"], best_weights


def read_array(arrays: Any, name: str, variable: keras.Variable) -> Array:
    """Reads an array of a checkpoint for a variable."""
    expected = keras.ops.convert_to_numpy(variable)
    value = arrays[name]
    if value.dtype.kind == "V":  # NumPy reads bfloat16 back as raw bytes
        value = value.view(expected.dtype)
    if value.shape != expected.shape:
        raise LookupError(
            f"{name} has the shape {value.shape} instead of {expected.shape}"
        )
    return value


def read_state(path: Path, file: BinaryIO | None = None) -> dict[str, Any]:
    """Returns the `state` of a checkpoint, without a model.

    Args:
        path: File written by `save_checkpoint`.
        file: Content of the file; by default it is read from `path`.

    Returns:
        Dict as passed to `save_checkpoint`.

    Raises:
        ValueError: If the file is not a checkpoint.
    """
    with open_checkpoint(path, file) as (text, _):
        return text["state"]


@contextlib.contextmanager
def open_checkpoint(
    path: Path, file: BinaryIO | None = None
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Context in which a checkpoint is open: its JSON content and arrays."""
    source = path if file is None else file
    try:
        if not zipfile.is_zipfile(source):
            raise zipfile.BadZipFile("not an .npz file, or truncated")
        if file is not None:
            file.seek(0)
        with np.load(source, allow_pickle=False) as arrays:
            text = json.loads(arrays["text"].item())
            if not {"state", "signature"} <= set(text):
                raise KeyError("state, signature")
            yield text, arrays
    except DAMAGED as error:
        raise ValueError(
            f"{path} is not a checkpoint of dlunits or is damaged ({error}): "
            "delete it, or use another run directory"
        ) from error


def variables_of(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """Variables of a model and of its optimizer, which is built if needed."""
    if not model.built or getattr(model, "optimizer", None) is None:
        raise ValueError(
            "A model must be built and compiled before its checkpoint is "
            "saved or loaded: define a `keras.Input` and call "
            f"`model.compile()`. Received: {model.name} with "
            f"built={model.built}, compiled={model.compiled}"
        )
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return {"model": model.variables, "optimizer": model.optimizer.variables}


def signature(model: keras.Model) -> list[str]:
    """Names, shapes and dtypes of all variables, compared before loading.

    Variables of an optimizer are compared without their names, which contain
    layer names that Keras numbers separately in each process.
    """
    groups = variables_of(model)
    optimizer = type(model.optimizer).__name__
    return [
        f"{variable.name} {tuple(variable.shape)} {variable.dtype}"
        for variable in groups["model"]
    ] + [
        f"{optimizer} {tuple(variable.shape)} {variable.dtype}"
        for variable in groups["optimizer"]
    ]


def check_signature(path: Path, saved: list[str], expected: list[str]) -> None:
    """Raises a `ValueError` if a checkpoint is of another model."""
    if saved == expected:
        return
    pairs = zip(saved, expected, strict=False)
    differing = [f"{s!r} instead of {e!r}" for s, e in pairs if s != e]
    differing.append(f"{len(saved)} variables instead of {len(expected)}")
    raise ValueError(
        f"{path} is the checkpoint of another model: {differing[0]}. Use "
        "another run directory, or delete this one to start a new run."
    )
