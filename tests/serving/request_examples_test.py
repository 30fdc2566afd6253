"""Commands for the shipped model: shell syntax, and the bodies that they post.

`tests/apps/serve_test.py` sends them to a server.
"""

import json
import subprocess

import numpy as np
import pytest

from dlunits.serving.request_examples import (
    open_inference_command,
    request_commands,
)

URL = "http://localhost:9"


@pytest.fixture
def body_of(tmp_path):
    """Function that returns the body that a command would post."""
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8 no photo")
    program = tmp_path / "curl"
    program.write_text('#!/bin/sh\n[ "$4" = @- ] && cat || printf %s "$4"\n')
    program.chmod(0o700)

    def run(command):
        found = subprocess.run(
            ["sh", "-c", f"PATH={tmp_path}:$PATH\n{command}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(found.stdout)

    return run


@pytest.fixture
def shipped(project):
    return project / "saved_models/lenet_mnist/1"


def test_every_endpoint_has_a_command(shipped, body_of):
    commands = request_commands(shipped, URL)
    card = json.loads((shipped / "model_card.json").read_text())
    assert list(commands) == sorted(card["signatures"])
    for name, command in commands.items():
        assert f"{URL}/v1/models/lenet_mnist:predict" in command
        body = body_of(command)
        assert body.get("signature_name", "serving_default") == name
    default = body_of(commands["serving_default"])["inputs"]
    # The rank is unknown: the shape is that of the warm-up request.
    np.testing.assert_array_equal(default["images"], np.ones((1, 28, 28, 1)))
    found = body_of(commands["recognize"])["inputs"]["encoded"]
    assert found == [{"b64": "/9ggbm8gcGhvdG8="}]  # of the file


def test_the_open_inference_protocol_has_a_command(shipped, body_of):
    command = open_inference_command(shipped, URL)
    assert f"{URL}/v2/models/lenet_mnist/infer" in command
    [tensor] = body_of(command)["inputs"]
    assert tensor["data"] == [1.0] * 784
    assert (tensor["shape"], tensor["datatype"]) == ([1, 28, 28, 1], "FP32")
