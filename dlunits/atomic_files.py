"""Files that are there whole or not at all, whatever stops the writer."""

import contextlib
import errno
import glob
import os
import pathlib
import time

DAY = 24 * 60 * 60  # seconds


@contextlib.contextmanager
def atomic_write(path):
    """Opens a file beside `path` that takes its place once it is whole.

    What is written goes under a hidden name of this process, is synced to the
    disk and renamed, and then the folder is synced. So at every moment, after
    `kill -9` or a power cut too, `path` is the old file or the new one, never
    a part of one. If anything is raised meanwhile, `path` stays as it was and
    the unfinished file is removed. One that a killed process left is removed
    by the next that writes to `path` a day later.

    Args:
        path: Where the file goes, in a folder that exists.

    Yields:
        A file open for writing bytes.

    Raises:
        OSError: If the file cannot be written, to a full disk for example.

    Reference: SQLite, "Atomic Commit In SQLite",
    https://www.sqlite.org/atomiccommit.html, for why the folder is synced too.

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
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        _remove_what_was_left(path)
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise OSError(
            error.errno or errno.EIO,
            f"{error.strerror or error}: could not write this file, what was "
            "there before is untouched; make room or choose another place",
            str(path),
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def _remove_what_was_left(path):
    """By processes that were killed; a living one is not that slow."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.unfinished"):
        with contextlib.suppress(FileNotFoundError):  # another was faster
            if left.stat().st_mtime < time.time() - DAY:
                left.unlink()


def _sync(folder):
    """Makes a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
