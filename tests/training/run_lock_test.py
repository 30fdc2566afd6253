"""Locks of run directories, between processes."""

import os
import re
import signal
import subprocess
import sys

import pytest

from dlunits.training.run_lock import lock_run

# Runs only this module: importing `dlunits` takes seconds.
OTHER = """
import pathlib, runpy, sys

lock_run = runpy.run_path("dlunits/training/run_lock.py")["lock_run"]
try:
    lock = lock_run(pathlib.Path(sys.argv[1]))
    print("locked", flush=True)
    input()
except OSError as error:
    print(error)
"""


@pytest.fixture
def other(project, tmp_path):
    """Starts another process that locks the folder."""

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", OTHER, tmp_path],
            cwd=project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    return start


def test_a_folder_in_use_is_refused_with_the_other_process(other, tmp_path):
    lock = lock_run(tmp_path)
    with other() as process:
        message, _ = process.communicate()
    assert re.search(
        rf"in use by another run, process {os.getpid()}, since 20\d\d-", message
    )
    del lock
    with other() as process:
        assert process.communicate("\n")[0] == "locked\n"


def test_the_lock_of_a_killed_process_is_free(other, tmp_path):
    with other() as process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(OSError, match=f"process {process.pid}, since"):
            lock_run(tmp_path)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert lock_run(tmp_path).is_locked


def test_one_process_can_lock_a_folder_twice(tmp_path):
    first, second = lock_run(tmp_path), lock_run(tmp_path)
    assert first.is_locked and second.is_locked
