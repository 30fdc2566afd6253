"""Model cards of exported models (Mitchell et al., 2019)."""

import datetime
import hashlib
import importlib.metadata
import json
import pathlib
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlunits.typing import Path

if TYPE_CHECKING:  # it loads TensorFlow, which reading a card does not need
    from dlunits.data.images.image_datasets import ImageDataset

REQUIRED_ENTRIES = {
    "data": "the training data and its source",
    "metrics": "dict of metrics, and the data they were measured on",
    "command": "the command line of the training run",
    "license": "the license of the model",
}
PACKAGES = ("dlunits", "keras", "tensorflow", "numpy")
CARD_NAME = "model_card.json"
MAX_CARD_SIZE = 16 * 2**20  # bytes


def image_model_card(
    data: "ImageDataset", metrics: dict[str, Any], command: str, **more: Any
) -> dict[str, Any]:
    """Entries of the model card of an image model.

    Args:
        data: `dlunits.data.images.image_datasets.ImageDataset` that the model
            was trained on.
        metrics: Dict of metrics on its test images.
        command: Text, the command line of the training run.
        **more: Additional entries of the card.

    Returns:
        Dict for the argument `card` of `dlunits.serving.export.export`.

    Example:

    >>> from dlunits.data.images.image_datasets import load
    >>> card = image_model_card(load("digits"), {"accuracy": 0.9}, "train")
    >>> card["metrics"]
    {'test_images': 300, 'accuracy': 0.9}
    """
    return {
        "data": data.source,
        "significant_bits": data.significant_bits,
        **more,
        "metrics": {"test_images": len(data.test[1]), **metrics},
        "command": command,
        "license": "Apache-2.0",
    }


def check_card(card: dict[str, Any]) -> None:
    """Checks the required entries of a model card.

    Args:
        card: Entries of the card.

    Raises:
        ValueError: If an entry is missing, or is not a JSON value.

    Example:

    >>> card = {"data": "MNIST", "metrics": {}, "command": "python train.py"}
    >>> check_card(card)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: The model card must have the entry 'license': the license of ...
    >>> check_card({**card, "license": "Apache-2.0"})
    """
    for key, meaning in REQUIRED_ENTRIES.items():
        if key not in card:
            raise ValueError(
                f"The model card must have the entry {key!r}: {meaning}. "
                f"Received: {sorted(card)}"
            )
    try:
        json.dumps(card, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The entries of a model card must be JSON values: strings, finite "
            f"numbers, lists, dicts. Received: {card} ({error})"
        ) from error


def read_card(folder: Path, entries: Mapping[str, type]) -> dict[str, Any]:
    """Reads the model card of an exported model, and checks its entries.

    Args:
        folder: Folder of the SavedModel.
        entries: Types of the entries that are needed, by their names.

    Returns:
        The card, a dict.

    Raises:
        ValueError: If there is no card, it is damaged, or an entry is missing
            or has another type.

    Example:

    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "model_card.json").write_text('{"num_rows": 3}')
    >>> read_card(folder, {"num_rows": int})
    {'num_rows': 3}
    """
    path = pathlib.Path(folder, CARD_NAME)
    try:
        if path.stat().st_size > MAX_CARD_SIZE:
            raise ValueError(f"it is larger than {MAX_CARD_SIZE} bytes")
        card = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card, dict):
            raise ValueError(f"expected a JSON object, received {type(card)}")
        check_entry_types(card, entries)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged, or not the model card of such a model: "
            f"{error}. Export the model again, or choose another folder"
        ) from None
    return card


def check_entry_types(
    card: Mapping[str, Any], entries: Mapping[str, type]
) -> None:
    """Checks that a dict has entries of certain types.

    Args:
        card: Dict read from JSON.
        entries: Types of the entries that are needed, by their names.

    Raises:
        ValueError: If an entry is missing or has another type.
    """
    for name, expected in entries.items():
        if not isinstance(card.get(name), expected):
            raise ValueError(
                f"the entry {name!r} must be of type {expected.__name__}"
            )


def complete_card(
    card: dict[str, Any],
    *,
    name: str,
    version: int,
    signatures: Any,
    parameters: int,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Adds name, version, size, signatures and software versions to a card.

    Args:
        card: Dict with `data`, `metrics`, `command`, `license`, and other
            entries.
        name: Name of the model.
        version: Integer.
        signatures: `signatures` of the loaded SavedModel.
        parameters: Integer, number of weights of the model.
        folder: `pathlib.Path` of the SavedModel.

    Returns:
        Dict for JSON. Sizes are in bytes; an unknown length in a shape is
        `None`.

    Reference: Mitchell et al., 2019, "Model Cards for Model Reporting",
    https://arxiv.org/abs/1810.03993
    """
    now = datetime.datetime.now(datetime.UTC)
    return {
        "name": name,
        "version": version,
        "created": now.isoformat(timespec="seconds"),
        **card,
        "parameters": parameters,
        "bytes": sum(
            path.stat().st_size for path in folder.rglob("*") if path.is_file()
        ),
        "sha256": file_checksums(folder),
        "signatures": {
            key: describe(signatures[key]) for key in sorted(signatures)
        },
        "versions": {
            "python": platform.python_version(),
            **{
                package: importlib.metadata.version(package)
                for package in PACKAGES
            },
        },
    }


def file_checksums(folder: pathlib.Path) -> dict[str, str]:
    """SHA-256 of the files of a SavedModel, without its model card.

    Files of other formats, in subfolders of `assets.extra`, are written later
    and have a separate card, see `dlunits.serving.formats`.

    Args:
        folder: Folder of the version.

    Returns:
        Dict from relative path to hexadecimal digits, for the entry `sha256` of
        the model card.

    Example:

    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "model_card.json").write_text("{}")
    >>> _ = (folder / "saved_model.pb").write_text("abc")
    >>> file_checksums(folder)["saved_model.pb"][:8]  # as of FIPS 180-2
    'ba7816bf'
    """
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name != CARD_NAME
        and path.parent.parent.name != "assets.extra"
    }


def describe(signature: Any) -> dict[str, Any]:
    """Shapes and data types of the inputs and outputs of a signature.

    Args:
        signature: Signature of a loaded SavedModel.

    Returns:
        Dict of JSON values.
    """
    _, inputs = signature.structured_input_signature
    return {
        "inputs": {key: shape_and_dtype(spec) for key, spec in inputs.items()},
        "outputs": {
            key: shape_and_dtype(spec)
            for key, spec in signature.structured_outputs.items()
        },
    }


def shape_and_dtype(spec: Any) -> dict[str, Any]:
    """Shape and data type of a `tf.TensorSpec` as JSON values.

    Args:
        spec: `tf.TensorSpec`.

    Returns:
        Dict; an unknown length is `None`.

    Example:

    >>> import tensorflow as tf
    >>> shape_and_dtype(tf.TensorSpec([None, 28, 28], tf.uint8))
    {'shape': [None, 28, 28], 'dtype': 'uint8'}
    """
    shape = None if spec.shape.rank is None else spec.shape.as_list()
    return {"shape": shape, "dtype": spec.dtype.name}
