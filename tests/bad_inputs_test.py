"""Bad inputs of all apps: each run ends, with one line on stderr."""

import importlib
import signal
import subprocess
import sys

import pytest


@pytest.fixture
def find_faults(project, monkeypatch):
    """Imports the benchmark as a script, from its own folder."""
    monkeypatch.syspath_prepend(str(project / "benchmarks"))
    return importlib.import_module("bad_inputs").find_faults


def test_bad_inputs_end_in_one_line_and_lose_no_file(project):
    """Runs four cases of each kind. Training takes half of the time."""
    process = subprocess.run(
        [
            *(sys.executable, "benchmarks/bad_inputs.py"),
            *("--runs=44", "--seconds=45"),
        ],
        cwd=project,
        env={"PYTHONPATH": str(project), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr[-2000:]
    assert process.stdout.count("-> pass") == 3


@pytest.mark.parametrize(
    ("status", "stderr", "fault"),
    [
        (-signal.SIGALRM, "", "hang"),
        (-signal.SIGSEGV, "x", "exit status -11: x"),
        (1, "Traceback (most recent call last):\nKeyError: 1", "KeyError: 1"),
        (1, " \n", "no message"),
    ],
)
def test_a_crash_is_a_fault(find_faults, status, stderr, fault):
    [found] = find_faults(status, stderr, {}, {}, 0.1)
    assert fault in found


def test_lost_changed_and_temporary_files_are_faults(find_faults, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    half = tmp_path / ".c.host.7.unfinished"
    found = find_faults(0, "", {a: b"1", b: b"2"}, {b: b"3", half: b""}, 9.0)
    assert list(found) == [
        "memory: 9.0 GiB",
        "lost file: a",
        "changed file: b",
        f"left over: {half.name}",
    ]


def test_an_error_in_one_line_is_not_a_fault(find_faults):
    assert not list(find_faults(1, "app.py: no such file\n", {}, {}, 0.1))
    assert not list(find_faults(0, "", {}, {}, 0.1))
