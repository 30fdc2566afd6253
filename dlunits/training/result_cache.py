"""Figures of a trained model, kept so that they are not measured twice."""

import hashlib
import json
import pathlib

import numpy as np

from dlunits.atomic_files import atomic_write


def cached_result(path, run, model, measure):
    """Reads what was measured of a model, or measures and writes it.

    The file is read only if it was written for the same `run` and the very
    same weights; else, and where it is damaged, everything is measured anew
    and the file replaced, whole or not at all. So a run of many models that
    was stopped goes on where it was.

    Args:
        path: JSON file in a folder that exists.
        run: Dict that JSON can hold, of what the figures depend on beside the
            weights, such as the data.
        model: Keras model.
        measure: Function without arguments that returns a dict for JSON.

    Returns:
        The dict that `measure` returned, now or before.

    Raises:
        OSError: If the file cannot be written.

    Example:

    >>> import keras, tempfile
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "measures.json")
    ...     first = cached_result(path, {}, model, lambda: {"error": 0.5})
    ...     again = cached_result(path, {}, model, lambda: {"error": 0.7})
    >>> again
    {'error': 0.5}
    """
    path = pathlib.Path(path)
    key = fingerprint(run, model)
    if path.exists():
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            saved = {}  # damaged, so of no use
        if isinstance(saved, dict) and saved.get("measured") == key:
            return saved["figures"]
    text = json.dumps({"measured": key, "figures": measure()}, indent=1)
    with atomic_write(path) as file:
        file.write(text.encode())
    return json.loads(text)["figures"]


def fingerprint(run, model):
    """Hexadecimal digits that change with the run or any weight."""
    digest = hashlib.sha256(json.dumps(run, sort_keys=True).encode())
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight))
    return digest.hexdigest()[:16]
