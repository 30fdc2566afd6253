"""Results of long runs, cached in JSON files."""

import hashlib
import json
import pathlib

from dlunits.atomic_files import atomic_write


def cached_json(path, compute):
    """Returns the content of a JSON file, which is computed if it is missing.

    Args:
        path: JSON file, in an existing folder.
        compute: Function without arguments that returns the content.
    """
    path = pathlib.Path(path)
    if not path.exists():
        text = json.dumps(compute())
        with atomic_write(path) as file:
            file.write(text.encode())
    return json.loads(path.read_text())


def recipe_hash(*constants):
    """Hash of the options of a run for a file name, eight letters."""
    return hashlib.sha256(repr(constants).encode()).hexdigest()[:8]
