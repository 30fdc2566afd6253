"""Cards of models in other formats: their functions and their SavedModel."""

import hashlib
import json
import pathlib
from collections.abc import Iterable
from typing import Any

from dlunits.serving.model_card import check_entry_types
from dlunits.typing import Path

CARD = "export_card.json"


def fingerprint(version: Path) -> str:
    """SHA-256 of the graph and the weights of a SavedModel.

    Args:
        version: Folder of the SavedModel.

    Returns:
        64 hexadecimal digits.

    Example:

    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "saved_model.pb").write_text("abc")
    >>> fingerprint(folder)[:8]  # as of FIPS 180-2
    'ba7816bf'
    """
    version = pathlib.Path(version)
    digest = hashlib.sha256()
    for path in (
        version / "saved_model.pb",
        *sorted(version.glob("variables/*")),
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def find_export(
    version: Path, model_format: str, names: Iterable[str]
) -> pathlib.Path | None:
    """Finds the files of another format inside the folder of a SavedModel.

    Args:
        version: Folder of the SavedModel. The files are in
            `assets.extra/FORMAT`, which servers do not read.
        model_format: `"onnx"`, `"litert"` or `"openvino"`.
        names: Names of the functions that are needed.

    Returns:
        Folder. `None` if there is none, a function is missing, or the files
        were converted from another graph or other weights.

    Example:

    >>> find_export("saved_models/no_such_model/1", "onnx", []) is None
    True
    """
    folder = pathlib.Path(version, "assets.extra", model_format)
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        check_entry_types(card, {"fingerprint": str, "functions": dict})
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    complete = set(names) <= card["functions"].keys()
    if complete and card["fingerprint"] == fingerprint(version):
        return folder
    return None


def write_card(folder: pathlib.Path, card: dict[str, Any]) -> None:
    """Writes the card of an export.

    Args:
        folder: Folder of the files.
        card: Dict of JSON values.
    """
    text = json.dumps(card, indent=2, allow_nan=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")
