"""Example requests to the endpoints of an exported model, as curl commands.

They are generated from the signatures of the model: every number is 1, and
unknown lengths are those of the warm-up requests, or 1.
"""

import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any

from dlunits.serving.model_card import read_card
from dlunits.serving.warmup import read_warmup_requests
from dlunits.typing import Path

# The longest list that is written out.
MAX_WRITTEN = 4
PHOTO = "photo.jpg"
# Base64 of a file, inside a command in single quotes.
PHOTO_BASE64 = f"""'"$(base64 < {PHOTO} | tr -d '\\n')"'"""
DATATYPES = {"string": "BYTES", "float32": "FP32", "float64": "FP64"}


def request_commands(version: Path, url: str) -> dict[str, str]:
    """Commands that call each endpoint of a model with curl.

    Args:
        version: Folder of an exported model, `saved_models/NAME/1`.
        url: URL of a server, `http://localhost:8080`.

    Returns:
        Dict from the name of an endpoint to a command for a shell. Image files
        are read from `photo.jpg`.

    Raises:
        ValueError: If the folder has no model card.
    """
    version = pathlib.Path(version)
    card = read_card(version, {"signatures": dict, "name": str})
    path = f"{url}/v1/models/{card['name']}:predict"
    commands = {}
    for name, inputs in example_inputs(version, card["signatures"]).items():
        body: dict[str, Any] = {"signature_name": name}
        if name == "serving_default":
            body = {}
        body["inputs"] = {key: nested(*item) for key, item in inputs.items()}
        commands[name] = curl(path, body)
    return commands


def open_inference_command(version: Path, url: str) -> str:
    """Command that calls `serving_default` with the Open Inference Protocol.

    Args:
        version: Folder of an exported model.
        url: URL of a server.

    Returns:
        Command for a shell.

    Raises:
        ValueError: If the folder has no model card.
    """
    version = pathlib.Path(version)
    card = read_card(version, {"signatures": dict, "name": str})
    inputs = example_inputs(version, card["signatures"])["serving_default"]
    dtypes = card["signatures"]["serving_default"]["inputs"]
    tensors = []
    for name, (value, shape) in inputs.items():
        dtype = dtypes[name]["dtype"]
        tensors.append(
            {
                "name": name,
                "shape": Expression(json.dumps(shape)),
                "datatype": DATATYPES.get(dtype, dtype.upper()),
                "data": nested(value, [math.prod(shape)]),
            }
        )
    path = f"{url}/v2/models/{card['name']}/infer"
    return curl(path, {"inputs": tensors})


def example_inputs(
    version: pathlib.Path, signatures: Mapping[str, Any]
) -> dict[str, dict[str, tuple[Any, list[int]]]]:
    """Value and shape of each input of each endpoint."""
    requests = dict(read_warmup_requests(version))
    shapes = {
        name: list(array.shape)
        for arrays in requests.values()
        for name, array in arrays.items()
    }
    files = {
        name
        for arrays in requests.values()
        for name, array in arrays.items()
        if array.dtype == object and array.ravel()[0].startswith(b"\x89PNG")
    }
    found = {}
    for endpoint, signature in sorted(signatures.items()):
        inputs = {}
        for name, spec in sorted(signature["inputs"].items()):
            shape = spec["shape"]
            if shape is None:
                shape = shapes[name]
            value: Any = 1.0 if spec["dtype"].startswith("float") else 1
            if name in files:
                value = {"b64": Expression(PHOTO_BASE64)}
            elif spec["dtype"] == "string":
                value = "a"
            inputs[name] = value, [length or 1 for length in shape]
        found[endpoint] = inputs
    return found


class Expression(str):
    """Python expression, which is written without quotes."""

    __slots__ = ()


def nested(value: Any, shape: list[int]) -> Any:
    """Nested lists of one value; long ones become a Python expression.

    >>> nested(1, [1, 2]), nested(1.0, [1, 28])
    ([[1, 1]], ['[1.0] * 28'])
    """
    result: Any = value
    for length in reversed(shape):
        if length <= MAX_WRITTEN and not isinstance(result, Expression):
            result = [result] * length
        elif length == 1:
            result = [result]
        else:
            result = Expression(f"[{to_text(result)}] * {length}")
    return result


def to_text(value: Any) -> str:
    """Formats a value as JSON, or as a Python expression if lists are long.

    >>> to_text({"x": [Expression("[1.0] * 28")], "y": "a"})
    '{"x": [[1.0] * 28], "y": "a"}'
    """
    if isinstance(value, Expression):
        return str.__str__(value)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {to_text(value[key])}" for key in value]
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_text, value)) + "]"
    return json.dumps(value)


def curl(url: str, body: Mapping[str, Any]) -> str:
    """Command that sends a JSON body in a POST request.

    Args:
        url: URL of the request.
        body: Dict of the body.

    Returns:
        Command for a shell.

    Example:

    >>> print(curl("http://localhost/a", {"inputs": [1]}))
    curl -s http://localhost/a -d '{"inputs": [1]}'
    """
    text = to_text(body)
    text = text.replace('"b64": ' + PHOTO_BASE64, f'"b64": "{PHOTO_BASE64}"')
    if " * " not in text:
        return f"curl -s {url} -d '{text}'"
    program = f"import json; print(json.dumps({text}))"
    return f"python3 -c '{program}' |\n    curl -s {url} -d @-"
