"""Loading of SavedModels."""

from typing import Any

import tensorflow as tf

from dlunits.paths import expand_user
from dlunits.typing import Path

# What TensorFlow raises for files that are cut off, changed or missing.
LOADING_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RuntimeError,
    tf.errors.OpError,
)


def load_saved_model(folder: Path) -> Any:
    """Loads a SavedModel, with one-line errors.

    Args:
        folder: Folder of one version, `saved_models/<name>/<integer>`.

    Returns:
        What `tf.saved_model.load` returns.

    Raises:
        ValueError: If there is no SavedModel, or it is damaged.
    """
    folder = expand_user(folder)
    if not (folder / "saved_model.pb").is_file():
        raise ValueError(
            f"No SavedModel in {folder}: choose a folder "
            "saved_models/<name>/<integer>"
        )
    try:
        if (folder / "fingerprint.pb").exists():
            # Loading would print a traceback for a damaged one, and go on.
            tf.saved_model.experimental.read_fingerprint(str(folder))
        return tf.saved_model.load(str(folder))
    except LOADING_ERRORS as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"The SavedModel in {folder} is damaged: {reason}"
        ) from None
