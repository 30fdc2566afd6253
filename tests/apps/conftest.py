"""What the tests of several apps need to run them as processes."""

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
    """Runs an app to its end in a folder, in a process of its own."""
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

        def run(name, folder, *flags, told="", largest_file=None):
            app = str(project / "apps" / name)
            call = {
                "app": app,
                "folder": str(folder),
                "flags": flags,
                "largest_file": largest_file,
            }
            stdin, stdout, stderr = (
                pathlib.Path(f"{folder}.{name}")
                for name in ("stdin", "stdout", "stderr")
            )
            stdin.write_text(told)
            calls.stdin.write(json.dumps(call) + "\n")
            calls.stdin.flush()
            status = int(calls.stdout.readline())
            return subprocess.CompletedProcess(
                [app, *flags], status, stdout.read_text(), stderr.read_text()
            )

        yield run
        calls.stdin.close()


# TensorFlow's own: "I0000 00:00:... port.cc:153] ...", "2026-11-22 18:...: I".
LOG_LINE = re.compile(
    r"WARNING: All log|[IWE]\d{4} |\d{4}-\d\d-\d\d .*: [IWE] "
)


@pytest.fixture(scope="session")
def assert_refused():
    """Of a process: it failed, and said why in one line, a pattern.

    What starts as the app's own lines do is all that it said; what absl
    refuses it words its own way.
    """

    def assert_one_line(process, message, own):
        lines = [
            line
            for line in process.stderr.splitlines()
            if line.strip() and not LOG_LINE.match(line)
        ]
        assert process.returncode != 0
        assert "Traceback" not in process.stderr
        assert len([x for x in lines if re.search(message, x)]) == 1, lines
        if message.startswith(own):
            assert len(lines) == 1, lines
            assert process.stderr.rstrip().endswith(lines[0])

    return assert_one_line


@pytest.fixture(scope="session")
def contents():
    """All files below a folder, and what is in them."""

    def read(folder):
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in files}

    return read


@pytest.fixture(scope="session")
def checkpoint():
    """Reads a run's checkpoint: text without the time it took, and arrays."""

    def read(folder):
        with np.load(folder / "checkpoint.npz") as arrays:
            arrays = dict(arrays)
        text = json.loads(arrays.pop("text").item())
        text["state"].pop("seconds")
        return text, arrays

    return read
