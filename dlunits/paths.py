"""Paths that users give: home directory, and check for regular files."""

import pathlib
import stat

from dlunits.typing import Path


def expand_user(path: Path) -> pathlib.Path:
    """Replaces `~` and `~user` at the start of a path by the home directory.

    Args:
        path: Path.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: If the home directory is not known, because there is no such
            user, or, in some containers, no user with the id of the process.

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


def check_regular(path: pathlib.Path) -> None:
    """Raises ValueError for pipes, sockets and devices.

    They cannot be read twice, and reading a pipe that no process writes to
    would never end. Folders and files that do not exist are not checked, as
    opening them raises an error.

    Args:
        path: Path of a file to read.

    Raises:
        ValueError: If it is a pipe, a socket or a device. The message does not
            contain the path.

    Example:

    >>> check_regular(pathlib.Path("/dev/null"))
    Traceback (most recent call last):
        ...
    ValueError: is a pipe or a device, which cannot be read twice: save ...
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError(
            "is a pipe or a device, which cannot be read twice: save its "
            "contents to a file"
        )
