"""What the tests of several apps need to run them as processes."""

import json
import os
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
    """Runs an app to its end in a folder; options as of subprocess.run."""

    def run(name, folder, *flags, **options):
        return subprocess.run(
            [sys.executable, project / "apps" / name, *flags],
            cwd=folder,
            env=offline,
            capture_output=True,
            text=True,
            timeout=900,
            **options,
        )

    return run


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
