"""Paths that users give."""

import pathlib

from dlunits.typing import Path


def expand_user(path: Path) -> pathlib.Path:
    """Replaces `~` and `~user` at the start of a path by the home directory.

    Args:
        path: Path.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: If the home directory is not known: there is no such user,
            or, in some containers, none with the id of the process.

    Example:

    >>> str(expand_user("runs/a~b"))
    'runs/a~b'
    >>> expand_user("~nobody_of_this_name/runs")
    Traceback (most recent call last):
        ...
    ValueError: The home directory of '~nobody_of_this_name' is not known: ...
    """
    path = pathlib.Path(path)
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(
            f"The home directory of {path.parts[0]!r} is not known: give the "
            "path without '~'"
        ) from None
