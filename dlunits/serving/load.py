"""Loading of SavedModels."""

import pathlib
from typing import Any

from dlunits.paths import expand_user
from dlunits.typing import Path


def shipped_models() -> pathlib.Path:
    """Folder of the trained models that come with dlunits.

    Returns:
        `saved_models` of the installed package, else of the checkout.

    Example:

    >>> (shipped_models() / "lenet_mnist/1/saved_model.pb").is_file()
    True
    """
    package = pathlib.Path(__file__).parents[1]
    installed = package / "saved_models"
    return installed if installed.is_dir() else package.parent / "saved_models"


def find_model(folder: Path) -> pathlib.Path:
    """Folder of a model that may be named without its path.

    Args:
        folder: A path, or `<name>` or `<name>/<integer>` of a model in
            `saved_models/` of the current folder or in `shipped_models()`.

    Returns:
        The first of these folders that exists, else `folder`.

    Example:

    >>> find_model("vae_mnist/1") == find_model("saved_models/vae_mnist/1")
    True
    """
    folder = expand_user(folder)
    if folder.is_dir() or folder.is_absolute():
        return folder
    name = pathlib.Path(str(folder).removeprefix("saved_models/"))
    for parent in (pathlib.Path("saved_models"), shipped_models()):
        if (parent / name).is_dir():
            return parent / name
    return folder


def find_version(folder: Path) -> pathlib.Path:
    """Folder of the latest version of an exported model.

    Args:
        folder: Folder of a version, `saved_models/<name>/<integer>`, or of a
            model, `saved_models/<name>`, see `find_model`.

    Returns:
        Folder of a version: `folder` itself, or the largest integer in the
        folder of a model.

    Example:

    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for version in ("9", "10"):
    ...     (folder / version).mkdir()
    >>> find_version(folder).name, find_version(folder / "9").name
    ('10', '9')
    """
    folder = find_model(folder)
    if not folder.is_dir() or (folder / "saved_model.pb").exists():
        return folder
    versions = [path for path in folder.iterdir() if path.name.isdecimal()]
    return max(versions, key=lambda path: int(path.name), default=folder)


def load_saved_model(folder: Path) -> Any:
    """Loads a SavedModel, with one-line errors.

    Args:
        folder: Folder of a version or of a model, see `find_version`.

    Returns:
        Object with the endpoints as methods, see `tf.saved_model.load`.

    Raises:
        ValueError: If there is no SavedModel, or it is damaged.

    Example:

    >>> import tempfile
    >>> import tensorflow as tf
    >>> folder, module = tempfile.mkdtemp(), tf.Module()
    >>> module.double = tf.function(
    ...     lambda x: 2 * x, input_signature=[tf.TensorSpec([])])
    >>> tf.saved_model.save(module, folder)
    >>> float(load_saved_model(folder).double(21.0))
    42.0
    """
    import tensorflow as tf  # `find_version` does not need it

    folder = find_version(folder)
    if not (folder / "saved_model.pb").is_file():
        raise ValueError(
            f"No SavedModel in {folder}: choose a folder saved_models/<name>, "
            "or one of its versions, saved_models/<name>/<integer>"
        )
    try:
        if (folder / "fingerprint.pb").exists():
            # Loading would only print a traceback if it is damaged.
            tf.saved_model.experimental.read_fingerprint(str(folder))
        return tf.saved_model.load(str(folder))
    except (
        # TensorFlow raises these for truncated, changed or missing files.
        OSError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        RuntimeError,
        tf.errors.OpError,
    ) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"The SavedModel in {folder} is damaged: {reason}"
        ) from None
