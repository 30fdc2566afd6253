"""File lock of a run directory, against simultaneous runs."""

import datetime
import os
import pathlib

import filelock


def lock_run(folder: pathlib.Path) -> filelock.BaseFileLock:
    """Locks a folder for the current process.

    The operating system releases the lock when the process ends, also after
    `kill -9`. Within one process a folder can be locked several times.

    Args:
        folder: Existing folder.

    Returns:
        The lock. It is released when there is no reference to it.

    Raises:
        OSError: If another process has locked the folder.

    Example:

    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> lock = lock_run(folder)
    >>> lock.is_locked
    True
    """
    lock = filelock.FileLock(
        folder / ".run.lock", thread_local=False, is_singleton=True
    )
    owner = folder / ".run.owner"
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        try:
            process = owner.read_text()
        except OSError:  # not written yet
            process = "another process"
        raise OSError(
            f"{folder} is in use by another run, {process}: wait until it "
            "ends, or choose another folder"
        ) from None
    started = datetime.datetime.now().isoformat(" ", "minutes")
    owner.write_text(f"process {os.getpid()}, since {started}")
    return lock
