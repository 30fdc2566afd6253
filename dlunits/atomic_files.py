"""Atomic file writes: a file is replaced as a whole or not at all."""

import contextlib
import errno
import glob
import os
import pathlib
import platform
import stat
import time
from collections.abc import Iterator
from typing import IO

# Name of this computer in names of temporary files.
HOST = platform.node().replace(".", "-") or "localhost"

# Seconds after which the temporary file of another computer is removed: a day.
STALE_AFTER = 24 * 60 * 60


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens a temporary file that atomically replaces `path` when closed.

    The data is written to a hidden temporary file in the same folder and
    synced to the disk. The file is then renamed, and the folder is synced. At
    any time, even after `kill -9` or a power failure, `path` is the old file
    or the complete new one. If an exception is raised, `path` is unchanged
    and the temporary file is removed. The temporary file of a killed process is
    removed by the next write to `path`.

    A replaced file keeps its permissions. If `path` is a symbolic link, its
    target is replaced.

    Args:
        path: Path of the file. Its folder must exist.

    Yields:
        File that is open for writing bytes.

    Raises:
        OSError: If the file cannot be written, such as on a full disk, or if
            `path` is a folder or a device.

    Reference: SQLite, "Atomic Commit In SQLite",
    https://www.sqlite.org/atomiccommit.html, on why the folder is synced.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "answer.txt")
    ...     with atomic_write(path) as file:
    ...         _ = file.write(b"42")
    ...         print(path.exists())
    ...     print(path.read_text())
    False
    42
    """
    path = pathlib.Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{HOST}.{os.getpid()}.unfinished")
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise OSError(errno.EINVAL, "Not a regular file")
        _remove_stale_files(path)
        with temporary.open("wb") as file:
            if path.exists():
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OSError(
            error.errno or errno.EIO,
            f"{error.strerror or error}: could not write this file, the old "
            "one is unchanged; free disk space or choose another path",
            str(path),
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _remove_stale_files(path: pathlib.Path) -> None:
    """Removes temporary files of killed processes."""
    for temporary in path.parent.glob(
        f".{glob.escape(path.name)}.*.unfinished"
    ):
        # Another process may remove it first.
        with contextlib.suppress(FileNotFoundError):
            if is_abandoned(temporary):
                temporary.unlink()


def is_abandoned(path: pathlib.Path) -> bool:
    """Whether the process that writes a temporary file or folder has ended.

    Args:
        path: Path whose name contains `.HOST.PID.`, the name of the computer
            and the id of the process.

    Returns:
        Whether that process is not running, or the path is older than a day.
    """
    *_, host, process, _ = path.name.rsplit(".", 3)
    if host == HOST and process.isdecimal():
        try:
            os.kill(int(process), 0)  # signal 0 only checks for existence
        except ProcessLookupError:
            return True
        except OSError:  # the process exists, and belongs to another user
            pass
    return path.stat().st_mtime < time.time() - STALE_AFTER


def _sync_folder(folder: pathlib.Path) -> None:
    """Syncs a folder, so that a rename in it survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
