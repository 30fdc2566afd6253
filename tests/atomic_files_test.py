"""Atomic writes: interrupted, killed, failing and concurrent ones."""

import os
import pathlib
import resource
import signal
import stat
import subprocess
import sys

import pytest

from dlunits.atomic_files import HOST, STALE_AFTER, atomic_write

# Runs the module alone: importing `dlunits` takes seconds.
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
    """Existing file before the write."""
    path = tmp_path / "a[1].txt"
    path.write_text("old")
    return path


def file_names(folder):
    return [path.name for path in folder.iterdir()]


def test_the_file_is_replaced_when_it_is_closed(old, tmp_path):
    with atomic_write(str(old)) as file:
        file.write(b"new")
        file.flush()
        assert old.read_text() == "old"
    assert old.read_text() == "new"
    assert file_names(tmp_path) == [old.name]


@pytest.mark.parametrize(
    "raised", [ValueError("bad"), KeyboardInterrupt(), SystemExit(3)]
)
def test_an_exception_leaves_only_the_old_file(old, tmp_path, raised):
    with pytest.raises(type(raised)) as caught, atomic_write(old) as file:
        file.write(b"new")
        raise raised
    assert caught.value is raised
    assert old.read_text() == "old"
    assert file_names(tmp_path) == [old.name]


def test_a_killed_process_leaves_the_old_file_and_a_temporary_one(old, project):
    process = subprocess.run([sys.executable, "-c", KILLED, old], cwd=project)
    assert process.returncode == -signal.SIGKILL
    assert old.read_text() == "old"
    [temporary] = old.parent.glob(".*")

    with atomic_write(old) as file:
        file.write(b"newer")
    assert not temporary.exists()
    assert old.read_text() == "newer"


@pytest.mark.parametrize(
    "writer", [f"{HOST}.{os.getppid()}", "another-computer.1"]
)
def test_temporary_files_of_running_processes_are_kept_for_a_day(old, writer):
    temporary = old.with_name(f".{old.name}.{writer}.unfinished")
    temporary.write_text("half")
    for age, expected in ((0, True), (2 * STALE_AFTER, False)):
        os.utime(temporary, (0, temporary.stat().st_mtime - age))
        with atomic_write(old) as file:
            file.write(b"new")
        assert temporary.exists() == expected


def test_a_replaced_file_keeps_its_permissions(old):
    old.chmod(0o600)
    with atomic_write(old) as file:
        file.write(b"new")
    assert stat.S_IMODE(old.stat().st_mode) == 0o600


def test_the_target_of_a_symbolic_link_is_replaced(old, tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder/link.txt"
    link.symlink_to("../" + old.name)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert old.read_text() == "new"
    assert file_names(link.parent) == [link.name]


def test_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(OSError, match="Not a regular file: could not write"),
        atomic_write(tmp_path / "pipe"),
    ):
        pass
    assert (tmp_path / "pipe").is_fifo()


def test_the_error_of_a_full_disk_names_the_file(old, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        message = r"File too large: could not write.*unchanged.*a\[1\]"
        with pytest.raises(OSError, match=message), atomic_write(old) as file:
            file.write(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert old.read_text() == "old"
    assert file_names(tmp_path) == [old.name]


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("gone/a.txt", FileNotFoundError),
        ("file/a.txt", NotADirectoryError),
        ("folder", IsADirectoryError),
    ],
)
def test_an_impossible_path_raises_its_own_error_class(tmp_path, place, error):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    message = f"could not write .*{place}"
    with (
        pytest.raises(error, match=message) as caught,
        atomic_write(tmp_path / place) as file,
    ):
        file.write(b"new")
    assert "\n" not in str(caught.value)
    assert sorted(file_names(tmp_path)) == ["file", "folder"]


def test_an_error_without_an_errno_keeps_its_message(old):
    message = "no such codec: could not write"
    with pytest.raises(OSError, match=message), atomic_write(old):
        raise OSError("no such codec")


def test_two_processes_can_write_at_the_same_time(old, project):
    """The other process starts and ends while this one writes."""
    other = KILLED.replace("    os.kill(os.getpid(), 9)\n", "")
    with atomic_write(old) as file:
        file.write(b"this ")
        subprocess.run([sys.executable, "-c", other, old], cwd=project)
        assert old.read_text() == "new"
        file.write(b"one")
    assert old.read_text() == "this one"
    assert file_names(old.parent) == [old.name]


def test_the_file_has_the_usual_permissions(tmp_path):
    pathlib.Path(tmp_path / "plain").touch()
    with atomic_write(tmp_path / "whole"):
        pass
    modes = [(tmp_path / name).stat().st_mode for name in ("plain", "whole")]
    assert modes[0] == modes[1]
