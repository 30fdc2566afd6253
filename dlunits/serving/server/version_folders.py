"""Folders of models and versions: `models_dir/NAME/INTEGER/saved_model.pb`."""

import os
import pathlib
import time
from typing import TypeAlias

# Names, sizes and times of change of the files of a version.
Fingerprint: TypeAlias = tuple[tuple[str, int, int, int], ...]


def find_versions(
    models_dir: pathlib.Path,
) -> dict[str, dict[int, pathlib.Path]]:
    """Finds the folders of all versions, including incomplete ones.

    Args:
        models_dir: Folder with one subfolder per model. Models whose name
            begins with a dot, and versions whose name is not an integer, are
            ignored.

    Returns:
        Dict from the name of a model to a dict from version to folder.

    Raises:
        OSError: If the folder cannot be read.

    Example:

    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("model/2", "model/10", "model/02", "model/.export.3"):
    ...     (folder / name).mkdir(parents=True)
    >>> sorted(find_versions(folder)["model"])
    [2, 10]
    """
    found = {}
    for model in sorted(models_dir.iterdir()):
        if model.name.startswith(".") or not model.is_dir():
            continue
        try:
            versions = {
                int(path.name): path
                for path in model.iterdir()
                if is_version(path.name) and path.is_dir()
            }
        except FileNotFoundError:  # removed in the meantime
            continue
        if versions:
            found[model.name] = versions
    return found


def is_version(name: str) -> bool:
    """Whether a name is a positive integer without leading zeros.

    >>> [is_version(name) for name in ("7", "07", "-7", "7.0", "")]
    [True, False, False, False, False]
    """
    return name.isascii() and name.isdecimal() and not name.startswith("0")


def fingerprint(folder: pathlib.Path) -> Fingerprint:
    """Fingerprint of a version: names, sizes and times of its files.

    It changes when a file is written, replaced or removed.

    Args:
        folder: Folder of the version.

    Returns:
        Sorted tuple of `(name, bytes, time of change, time of modification)`,
        with times in nanoseconds. Empty if there is no such folder.
    """
    files = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = pathlib.Path(parent, name)
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            files.append(
                (
                    str(path.relative_to(folder)),
                    status.st_size,
                    status.st_ctime_ns,
                    status.st_mtime_ns,
                )
            )
    return tuple(sorted(files))


def seconds_unchanged(files: Fingerprint) -> float:
    """Seconds since the last change of a file, by the system clock."""
    newest = max((max(times) for _, _, *times in files), default=0)
    return time.time() - newest / 1e9
