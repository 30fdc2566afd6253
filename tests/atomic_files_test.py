"""Files written whole: stopped, killed, refused, and side by side."""

import os
import pathlib
import resource
import signal
import subprocess
import sys

import pytest

from dlunits.atomic_files import DAY, atomic_write

# The module alone: what `dlunits` loads takes seconds.
KILLED = """
import os, runpy, sys

atomic_write = runpy.run_path("dlunits/atomic_files.py")["atomic_write"]
with atomic_write(sys.argv[1]) as file:
    file.write(b"new")
    file.flush()
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def old(tmp_path):
    """A file that was there before."""
    path = tmp_path / "a[1].txt"
    path.write_text("old")
    return path


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def test_takes_the_place_of_what_was_there_at_the_end(old, tmp_path):
    with atomic_write(str(old)) as file:
        file.write(b"new")
        file.flush()
        assert old.read_text() == "old"
    assert old.read_text() == "new"
    assert names_in(tmp_path) == [old.name]


@pytest.mark.parametrize(
    "raised", [ValueError("bad"), KeyboardInterrupt(), SystemExit(3)]
)
def test_whatever_is_raised_the_old_file_stays_alone(old, tmp_path, raised):
    with pytest.raises(type(raised)) as caught, atomic_write(old) as file:
        file.write(b"new")
        raise raised
    assert caught.value is raised
    assert old.read_text() == "old"
    assert names_in(tmp_path) == [old.name]


def test_killed_it_leaves_the_old_file_and_a_hidden_one(old, project):
    process = subprocess.run([sys.executable, "-c", KILLED, old], cwd=project)
    assert process.returncode == -signal.SIGKILL
    assert old.read_text() == "old"
    [left] = old.parent.glob(".*")

    with atomic_write(old) as file:  # may be another's that still writes
        file.write(b"newer")
    assert left.exists()
    os.utime(left, (0, left.stat().st_mtime - 2 * DAY))
    with atomic_write(old) as file:
        file.write(b"newest")
    assert old.read_text() == "newest"
    assert names_in(old.parent) == [old.name]


def test_a_full_disk_is_named_with_the_file(old, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        message = r"File too large: could not write.*untouched.*a\[1\]"
        with pytest.raises(OSError, match=message), atomic_write(old) as file:
            file.write(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert old.read_text() == "old"
    assert names_in(tmp_path) == [old.name]


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("gone/a.txt", FileNotFoundError),
        ("file/a.txt", NotADirectoryError),
        ("folder", IsADirectoryError),
    ],
)
def test_a_place_that_cannot_be_is_an_error_of_its_kind(tmp_path, place, kind):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    message = f"could not write .*{place}"
    with (
        pytest.raises(kind, match=message) as caught,
        atomic_write(tmp_path / place) as file,
    ):
        file.write(b"new")
    assert "\n" not in str(caught.value)
    assert sorted(names_in(tmp_path)) == ["file", "folder"]


def test_an_error_without_a_number_is_told_too(old):
    message = "no such codec: could not write"
    with pytest.raises(OSError, match=message), atomic_write(old):
        raise OSError("no such codec")


def test_two_that_write_at_once_do_not_mix(old, project):
    """The other process starts and ends while this one is at it."""
    other = KILLED.replace("    os.kill(os.getpid(), 9)\n", "")
    with atomic_write(old) as file:
        file.write(b"this ")
        subprocess.run([sys.executable, "-c", other, old], cwd=project)
        assert old.read_text() == "new"
        file.write(b"one")
    assert old.read_text() == "this one"
    assert names_in(old.parent) == [old.name]


def test_what_is_written_is_for_the_same_readers_as_any_file(tmp_path):
    pathlib.Path(tmp_path / "plain").touch()
    with atomic_write(tmp_path / "whole"):
        pass
    modes = [(tmp_path / name).stat().st_mode for name in ("plain", "whole")]
    assert modes[0] == modes[1]
