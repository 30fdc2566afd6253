"""Fixtures that run the apps as processes."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture(scope="session")
def offline(tmp_path_factory):
    """An environment with neither prepared data nor a network."""
    home = tmp_path_factory.mktemp("home")
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}"
    proxies = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.lower() != "no_proxy" and not name.startswith("KERAS_")
    }
    return {
        **kept,
        **dict.fromkeys(proxies, closed),
        "HOME": str(home),
        "TFDS_DATA_DIR": str(home),
    }


@pytest.fixture(scope="session")
def run_app(project, offline):
    """Runs an app in a folder, in its own process.

    It runs to its end, or with `kill_when`, the pattern of a file in the
    folder, until there is such a file: then it is killed with -9.
    """
    with subprocess.Popen(
        [sys.executable, pathlib.Path(__file__).with_name("forked_calls.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **offline,
            "TF_CPP_MIN_LOG_LEVEL": "2",  # as the apps have it
            "TF_ENABLE_ONEDNN_OPTS": "1",
        },
    ) as calls:

        def run(
            name, folder, *flags, stdin="", max_file_size=None, kill_when=None
        ):
            app = str(project / "apps" / name)
            call = {
                "app": app,
                "folder": str(folder),
                "flags": flags,
                "max_file_size": max_file_size,
                "kill_when": kill_when,
            }
            streams = {
                name: pathlib.Path(f"{folder}.{name}")
                for name in ("stdin", "stdout", "stderr")
            }
            streams["stdin"].write_text(stdin)
            calls.stdin.write(json.dumps(call) + "\n")
            calls.stdin.flush()
            status = int(calls.stdout.readline())
            return subprocess.CompletedProcess(
                [app, *flags],
                status,
                streams["stdout"].read_text(),
                streams["stderr"].read_text(),
            )

        yield run
        calls.stdin.close()


# TensorFlow logs "I0000 00:00:... port.cc:153] ..." and "2026-11-22 18:...: I".
LOG_LINE = re.compile(
    r"WARNING: All log|[IWE]\d{4} |\d{4}-\d\d-\d\d .*: [IWE] "
)


@pytest.fixture(scope="session")
def assert_refused():
    """Asserts that a process failed with one line on stderr.

    `message` is the pattern of that line, the only one on stderr except log
    lines of TensorFlow. `own` is the name of the app, `"lenet_mnist.py: "`.
    """

    def assert_one_line(process, message, own):
        lines = [
            line
            for line in process.stderr.splitlines()
            if line.strip() and not LOG_LINE.match(line)
        ]
        assert process.returncode != 0
        assert "Traceback" not in process.stderr
        assert len(lines) == 1, lines
        assert lines[0].startswith(own)
        assert re.search(message, lines[0]), lines
        assert process.stderr.rstrip().endswith(lines[0])

    return assert_one_line


@pytest.fixture(scope="session")
def contents():
    """Reads all files below a folder into a dict of bytes by path.

    The files of the lock of a run directory are left out.
    """

    def read(folder):
        return {
            path: path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(".run.")
        }

    return read


@pytest.fixture(scope="session")
def checkpoint():
    """Reads a checkpoint: its text without the elapsed time, and its arrays."""

    def read(folder):
        with np.load(folder / "checkpoint.npz") as arrays:
            arrays = dict(arrays)
        text = json.loads(arrays.pop("text").item())
        text["state"].pop("seconds")
        return text, arrays

    return read
