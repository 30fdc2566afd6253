"""Loading of SavedModels."""

import pathlib
from typing import Any

import tensorflow as tf

from dlunits.typing import Path


def load_saved_model(folder: Path) -> Any:
    """Loads a SavedModel, with one-line errors.

    Args:
        folder: Folder of one version, `saved_models/<name>/<integer>`.

    Returns:
        What `tf.saved_model.load` returns.

    Raises:
        ValueError: If there is no SavedModel, or it is damaged.
    """
    folder = pathlib.Path(folder).expanduser()
    if not (folder / "saved_model.pb").is_file():
        raise ValueError(f"No SavedModel in {folder}")
    try:
        model = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"The SavedModel in {folder} is damaged: {reason}"
        ) from None
    return model
