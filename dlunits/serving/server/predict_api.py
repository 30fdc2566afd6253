"""Predict requests of the REST API of TensorFlow Serving (V1 of KServe).

Reference: https://www.tensorflow.org/tfx/serving/api_rest
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.serving.server.errors import InvalidRequestError
from dlunits.serving.server.tensors import encode_strings, to_array
from dlunits.typing import Array

DEFAULT_SIGNATURE = "serving_default"


def read_signature_name(body: Any) -> str:
    """Name of the signature that a request calls.

    Args:
        body: Parsed JSON.

    Returns:
        The entry `signature_name`, or `serving_default`.

    Raises:
        InvalidRequestError: If the JSON is not a request.

    Example:

    >>> read_signature_name({"instances": [1, 2]})
    'serving_default'
    """
    if not isinstance(body, dict):
        raise InvalidRequestError(
            'The body must be a JSON object: {"instances": ...} or '
            '{"inputs": ...}'
        )
    unknown = body.keys() - {"signature_name", "instances", "inputs"}
    if unknown or ("instances" in body) == ("inputs" in body):
        raise InvalidRequestError(
            "The body must have either 'instances' or 'inputs', and may have "
            f"'signature_name'. Received: {sorted(body)}"
        )
    name = body.get("signature_name") or DEFAULT_SIGNATURE
    if not isinstance(name, str):
        raise InvalidRequestError("'signature_name' must be a string")
    return name


def read_inputs(
    body: Mapping[str, Any], specs: Mapping[str, tf.TensorSpec]
) -> dict[str, Array]:
    """Inputs of a request, by name.

    `instances` is a list of examples, each a dict from the name of an input to
    its value, or the value itself if there is one input. `inputs` is a dict
    from name to the values of all examples, or the values of the only input.

    Args:
        body: Parsed JSON that `read_signature_name` accepts.
        specs: `tf.TensorSpec` of the inputs by name.

    Returns:
        Dict from name to array; shapes are not checked.

    Raises:
        InvalidRequestError: If a value has another type.

    Example:

    >>> specs = {"a": tf.TensorSpec([None]), "b": tf.TensorSpec([None])}
    >>> body = {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}
    >>> read_inputs(body, specs)["b"].tolist()
    [2.0, 4.0]
    """
    if "inputs" in body:
        values = body["inputs"]
        if not is_object(values):
            values = {only_name(specs): values}
    else:
        values = columns_of(body["instances"], specs)
    if values.keys() != specs.keys():
        raise InvalidRequestError(
            f"Expected the inputs {sorted(specs)}. Received: {sorted(values)}"
        )
    return {
        name: to_array(name, value, specs[name].dtype)
        for name, value in values.items()
    }


def columns_of(
    instances: Any, specs: Mapping[str, tf.TensorSpec]
) -> dict[str, list]:
    """Converts a list of examples to lists of values by name of the input."""
    if not isinstance(instances, list) or not instances:
        raise InvalidRequestError(
            "'instances' must be a list of at least one example"
        )
    if not is_object(instances[0]):
        return {only_name(specs): instances}
    for instance in instances:
        if not is_object(instance) or instance.keys() != specs.keys():
            raise InvalidRequestError(
                f"Each of 'instances' must have the inputs {sorted(specs)}"
            )
    return {name: [each[name] for each in instances] for name in specs}


def is_object(value: Any) -> bool:
    """Whether a value is a JSON object, and not a base64 string."""
    return isinstance(value, dict) and list(value) != ["b64"]


def only_name(specs: Mapping[str, tf.TensorSpec]) -> str:
    """Name of the only input."""
    if len(specs) != 1:
        raise InvalidRequestError(
            "Values must have the names of the inputs if there are several: "
            f"{sorted(specs)}"
        )
    return next(iter(specs))


def answer(
    body: Mapping[str, Any], outputs: Mapping[str, Array]
) -> dict[str, Any]:
    """Body of the response, in the format of the request.

    The response to `instances` has `predictions`, a list of the outputs of each
    example. The response to `inputs` has `outputs`, a dict from name to values.
    If there is one output, its name is omitted. Strings are written as base64
    if the name of the output ends in `_bytes`.

    Args:
        body: Parsed JSON of the request.
        outputs: Arrays by name.

    Returns:
        Dict for JSON, with NumPy arrays.

    Raises:
        InvalidRequestError: If the request has `instances`, and an output does
            not have one value for each of them.

    Example:

    >>> outputs = {"sum": np.array([3, 7]), "even": np.array([False, False])}
    >>> answer({"instances": [[1, 2], [3, 4]]}, outputs)["predictions"][1]
    {'sum': 7, 'even': False}
    """
    values = {name: as_json(name, array) for name, array in outputs.items()}
    if "inputs" in body:
        [*only] = values.values()
        return {"outputs": only[0] if len(only) == 1 else values}
    count = len(body["instances"])
    for name, array in outputs.items():
        if array.ndim == 0 or len(array) != count:
            raise InvalidRequestError(
                f"The output {name!r} is not one value for each of "
                f"{count} instances: use 'inputs'"
            )
    if len(values) == 1:
        return {"predictions": next(iter(values.values()))}
    lists = [
        value.tolist()
        if isinstance(value, np.ndarray) and value.ndim == 1
        else value
        for value in values.values()
    ]
    return {
        "predictions": [
            dict(zip(values, row, strict=True))
            for row in zip(*lists, strict=True)
        ]
    }


def as_json(name: str, array: Array) -> Any:
    """Converts an array to a value for JSON."""
    if array.dtype != object:
        return np.ascontiguousarray(array) if array.ndim else array.item()
    return encode_strings(array, binary=name.endswith("_bytes"))


def has_special_values(outputs: Mapping[str, Array]) -> bool:
    """Whether an output contains NaN or infinity, which JSON does not have.

    Args:
        outputs: Arrays by name.

    Returns:
        Boolean.
    """
    return any(
        array.dtype.kind == "f" and not math.isfinite(array.sum())
        for array in outputs.values()
    )
