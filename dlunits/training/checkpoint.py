"""A checkpoint: one file, written whole or not at all."""

import contextlib
import json
import zipfile

import keras
import numpy as np

from dlunits.atomic_files import atomic_write


def save_checkpoint(path, model, state, best_weights=None):
    """Writes all that training needs to go on into one `.npz` file.

    Saved are the model's variables with the states of its random seeds
    (dropout, noise), the optimizer's variables with its step counter,
    `best_weights` and `state`. Keras' own `model.save_weights` and
    `keras.callbacks.BackupAndRestore` save no seed state and nothing of
    `EarlyStopping`, and write in place: a run they resume draws other dropout
    masks, forgets its best epoch, and a crash while they write leaves half a
    file.

    At every moment `path` is the old checkpoint or the new one, never a part
    of one, see `dlunits.atomic_files`.

    Args:
        path: Where the checkpoint goes.
        model: Compiled and built Keras model.
        state: Dict that JSON can hold.
        best_weights: List of arrays as `model.get_weights()` returns it, or
            `None`.

    Raises:
        OSError: If the file cannot be written, a full disk for example. The
            checkpoint at `path` stays as it was.

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


def load_checkpoint(path, model):
    """Puts a checkpoint's values into `model` and returns the rest.

    Args:
        path: File that `save_checkpoint` wrote.
        model: Compiled and built Keras model, the same as was saved.

    Returns:
        `(state, best_weights)` as they were given to `save_checkpoint`.

    Raises:
        ValueError: If the file is no checkpoint, or one of another model. The
            model is then unchanged.
    """
    with open_checkpoint(path) as (text, arrays):
        groups = variables_of(model)
        check_signature(path, text["signature"], signature(model))
        values = dict(arrays)  # all are read before the first is put back
    for group, variables in groups.items():
        for index, variable in enumerate(variables):
            # NumPy reads bfloat16 back as raw bytes.
            dtype = keras.ops.convert_to_numpy(variable).dtype
            variable.assign(values[f"{group}/{index}"].view(dtype))
    num_best = sum(name.startswith("best/") for name in values)
    best_weights = [values[f"best/{index}"] for index in range(num_best)]
    return text["state"], best_weights or None


def read_state(path):
    """Returns a checkpoint's `state`; no model is needed."""
    with open_checkpoint(path) as (text, _):
        return text["state"]


@contextlib.contextmanager
def open_checkpoint(path):
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("not an .npz file, or cut short")
        with np.load(path, allow_pickle=False) as arrays:
            yield json.loads(arrays["text"].item()), arrays
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(
            f"{path} is not a checkpoint of dlunits, or is damaged: delete it "
            f"or use another run directory ({error})"
        ) from error


def variables_of(model):
    if not model.built or getattr(model, "optimizer", None) is None:
        raise ValueError(
            "A model must be built and compiled before its checkpoint is "
            "written or read: give it a `keras.Input` and call "
            f"`model.compile()`. Received: {model.name} with "
            f"built={model.built}, compiled={model.compiled}"
        )
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return {"model": model.variables, "optimizer": model.optimizer.variables}


def signature(model):
    """One line a variable: what must agree for values to be put back.

    An optimizer's names hold layer names that Keras numbers as it goes, so of
    those only the shapes count.
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


def check_signature(path, saved, expected):
    if saved == expected:
        return
    pairs = zip(saved, expected, strict=False)
    differing = [f"{s!r} for {e!r}" for s, e in pairs if s != e]
    differing.append(f"{len(saved)} variables for {len(expected)}")
    raise ValueError(
        f"{path} holds another model: {differing[0]}. Use another run "
        "directory, or delete this one to start anew."
    )
