"""Result caches: of a trained model, or of a whole training run."""

import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from dlunits.atomic_files import atomic_write
from dlunits.training.checkpoint import DAMAGED
from dlunits.typing import Array, Path


def cached_result(
    path: Path,
    run: dict[str, Any],
    model: keras.Model,
    compute: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Returns a cached result of a model, or computes and caches it.

    Use it for slow evaluations in a run that may be interrupted. The cache is
    valid for the same `run` and identical weights. If the file is missing,
    damaged, or of another run or model, `compute` is called and the file is
    replaced atomically.

    Args:
        path: JSON file in an existing folder.
        run: JSON-serializable dict of everything the result depends on
            besides the weights, such as the data set.
        model: Keras model.
        compute: Function without arguments that returns a JSON-serializable
            dict.

    Returns:
        The dict that `compute` returned, in this call or an earlier one.

    Raises:
        OSError: If the file cannot be written.

    Example:

    >>> import keras, tempfile
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "result.json")
    ...     first = cached_result(path, {}, model, lambda: {"error": 0.5})
    ...     second = cached_result(path, {}, model, lambda: {"error": 0.7})
    >>> second
    {'error': 0.5}
    """
    path = pathlib.Path(path)
    key = fingerprint(run, model)
    if path.exists():
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            saved = {}  # damaged
        if isinstance(saved, dict) and saved.get("fingerprint") == key:
            return saved["result"]
    text = json.dumps({"fingerprint": key, "result": compute()}, indent=1)
    with atomic_write(path) as file:
        file.write(text.encode())
    return json.loads(text)["result"]


def fingerprint(run: dict[str, Any], model: keras.Model) -> str:
    """Hash of `run` and all weights, 16 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(run, sort_keys=True).encode())
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()[:16]


def cached_arrays(
    path: Path,
    run: dict[str, Any],
    compute: Callable[[], dict[str, Array]],
) -> dict[str, Array]:
    """Returns cached arrays of a run, or computes and caches them.

    Use it for results of a training that is repeated as a whole if it was
    interrupted. The cache is valid for the same `run`. If the file is missing,
    damaged, or of another run, `compute` is called and the file is replaced
    atomically.

    Args:
        path: `.npz` file in an existing folder.
        run: JSON-serializable dict of everything the arrays depend on.
        compute: Function without arguments that returns a dict of arrays.

    Returns:
        The arrays that `compute` returned, in this call or an earlier one.

    Raises:
        OSError: If the file cannot be written.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "losses.npz")
    ...     compute = lambda: {"losses": np.array([0.5, 0.25])}
    ...     first = cached_arrays(path, {"seed": 0}, compute)
    ...     second = cached_arrays(path, {"seed": 0}, lambda: {})
    >>> second["losses"].tolist()
    [0.5, 0.25]
    """
    arrays = load_arrays(path, run)
    if arrays is None:
        arrays = compute()
        save_arrays(path, run, arrays)
    return arrays


def load_arrays(path: Path, run: dict[str, Any]) -> dict[str, Array] | None:
    """Loads the arrays of a run that were saved with `save_arrays`.

    Args:
        path: `.npz` file.
        run: JSON-serializable dict of everything the arrays depend on.

    Returns:
        The arrays; `None` if the file is missing, damaged or of another run.
    """
    try:
        with pathlib.Path(path).open("rb") as file, np.load(file) as saved:
            if saved["run"].item() == json.dumps(run, sort_keys=True):
                return {name: saved[name] for name in saved if name != "run"}
    except (*DAMAGED, OSError, ValueError):
        pass
    return None


def save_arrays(
    path: Path, run: dict[str, Any], arrays: dict[str, Array]
) -> None:
    """Saves the arrays of a run, atomically.

    Args:
        path: `.npz` file in an existing folder.
        run: JSON-serializable dict of everything the arrays depend on.
        arrays: Dict of name to array.

    Raises:
        OSError: If the file cannot be written.
    """
    saved: dict[str, Any] = {**arrays, "run": json.dumps(run, sort_keys=True)}
    with atomic_write(path) as file:
        np.savez_compressed(file, **saved)


def result_path(folder: Path, name: str, run: dict[str, Any]) -> pathlib.Path:
    """Path of the result of a run: its name and a hash of `run`.

    Example:

    >>> result_path("finished", "adam_seed_0", {"epochs": 5}).name
    'adam_seed_0_db96eef5aa.npz'
    """
    text = json.dumps(run, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return pathlib.Path(folder, f"{name}_{digest}.npz")
