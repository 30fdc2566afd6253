"""Results of long runs, kept in files so that none is run twice."""

import hashlib
import json
import pathlib

from dlunits.atomic_files import atomic_write


def kept(path, measure):
    """What `measure` returns, for JSON, or what the file at `path` holds."""
    path = pathlib.Path(path)
    if not path.exists():
        text = json.dumps(measure())
        with atomic_write(path) as file:
            file.write(text.encode())
    return json.loads(path.read_text())


def recipe_hash(*constants):
    """Eight letters for a file's name that are others for another recipe."""
    return hashlib.sha256(repr(constants).encode()).hexdigest()[:8]
