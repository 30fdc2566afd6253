"""Atomic file writes: a file is replaced as a whole or not at all."""

import contextlib
import errno
import glob
import os
import pathlib
import time
from collections.abc import Iterator
from typing import IO

# Seconds after which a temporary file is removed. A day.
STALE_AFTER = 24 * 60 * 60


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Opens a temporary file that atomically replaces `path` when closed.

    The data is written to a hidden temporary file in the same folder and
    synced to the disk. The file is then renamed, and the folder is synced. At
    any time, even after `kill -9` or a power failure, `path` is the old file
    or the complete new one. If an exception is raised, `path` is unchanged
    and the temporary file is removed. A temporary file that a killed process
    left is removed by the next write to `path` that is a day later.

    Args:
        path: Path of the file. Its folder must exist.

    Yields:
        A file open for writing bytes.

    Raises:
        OSError: If the file cannot be written, for example because the disk
            is full.

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
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        _remove_stale_files(path)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OSError(
            error.errno or errno.EIO,
            f"{error.strerror or error}: could not write this file, and left "
            "the old one unchanged; free disk space or choose another path",
            str(path),
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _remove_stale_files(path: pathlib.Path) -> None:
    """Removes temporary files of killed processes."""
    pattern = f".{glob.escape(path.name)}.*.unfinished"
    for temporary in path.parent.glob(pattern):
        # Another process may remove it first.
        with contextlib.suppress(FileNotFoundError):
            if temporary.stat().st_mtime < time.time() - STALE_AFTER:
                temporary.unlink()


def _sync_folder(folder: pathlib.Path) -> None:
    """Syncs a folder, so that a rename in it survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
