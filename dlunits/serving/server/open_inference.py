"""Open Inference Protocol (V2 of KServe): requests and responses.

The protocol has no signatures; the request parameter `signature_name` selects
one. A tensor in JSON has its values in `data`. In the binary extension, the
values follow the JSON: the header `Inference-Header-Content-Length` is the
length of the JSON, and the parameter `binary_data_size` of a tensor the length
of its values, both in bytes. Strings in JSON are text, or base64 if the
parameter `content_type` of the tensor is `base64`.

Reference: https://github.com/kserve/open-inference-protocol
"""

import base64
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.serving.server.errors import InvalidRequestError
from dlunits.serving.server.predict_api import DEFAULT_SIGNATURE
from dlunits.serving.server.tensors import (
    MAX_DEPTH,
    cast,
    decode_base64,
    to_array,
)
from dlunits.typing import Array

DATATYPES = {
    tf.bool: "BOOL",
    tf.uint8: "UINT8",
    tf.uint16: "UINT16",
    tf.uint32: "UINT32",
    tf.uint64: "UINT64",
    tf.int8: "INT8",
    tf.int16: "INT16",
    tf.int32: "INT32",
    tf.int64: "INT64",
    tf.float16: "FP16",
    tf.float32: "FP32",
    tf.float64: "FP64",
    tf.string: "BYTES",
}


def tensor_metadata(specs: Mapping[str, tf.TensorSpec]) -> list[dict[str, Any]]:
    """Metadata of the inputs or outputs of a signature.

    Args:
        specs: `tf.TensorSpec` by name.

    Returns:
        List of dicts for JSON. An unknown length is -1, and the shape of a
        tensor of unknown rank is `[-1]`.

    Example:

    >>> tensor_metadata({"x": tf.TensorSpec([None, 2], tf.float32)})
    [{'name': 'x', 'datatype': 'FP32', 'shape': [-1, 2]}]
    """
    return [
        {
            "name": name,
            "datatype": DATATYPES[spec.dtype],
            "shape": [-1]
            if spec.shape.rank is None
            else [-1 if size is None else size for size in spec.shape],
        }
        for name, spec in specs.items()
    ]


def read_signature_name(request: Any) -> str:
    """Name of the signature that a request calls.

    Args:
        request: Parsed JSON.

    Returns:
        The parameter `signature_name`, or `serving_default`.

    Raises:
        InvalidRequestError: If the JSON is not a request.
    """
    if not isinstance(request, dict) or not isinstance(
        request.get("inputs"), list
    ):
        raise InvalidRequestError(
            'The body must be a JSON object with the list "inputs"'
        )
    name = parameters_of(request).get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(name, str):
        raise InvalidRequestError("'signature_name' must be a string")
    return name


def parameters_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Entry `parameters` of a request or tensor, a dict."""
    parameters = item.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InvalidRequestError("'parameters' must be a JSON object")
    return parameters


def read_inputs(
    request: Mapping[str, Any],
    specs: Mapping[str, tf.TensorSpec],
    binary: bytes = b"",
) -> dict[str, Array]:
    """Inputs of a request, by name.

    Args:
        request: Parsed JSON that `read_signature_name` accepts.
        specs: `tf.TensorSpec` of the inputs by name.
        binary: Bytes after the JSON in the body.

    Returns:
        Dict from name to array, with the shapes in the request.

    Raises:
        InvalidRequestError: If a tensor is not in `specs`, or its values do
            not match its data type and shape.

    Example:

    >>> tensor = {"name": "x", "shape": [2, 1], "datatype": "FP32"}
    >>> specs = {"x": tf.TensorSpec([None, 1], tf.float32)}
    >>> read_inputs({"inputs": [{**tensor, "data": [3, 4]}]}, specs)["x"]
    array([[3.],
           [4.]], dtype=float32)
    """
    arrays: dict[str, Array] = {}
    offset = 0
    for item in request["inputs"]:
        if not isinstance(item, dict):
            raise InvalidRequestError("Each of 'inputs' must be a JSON object")
        name = item.get("name")
        if not isinstance(name, str) or name not in specs or name in arrays:
            raise InvalidRequestError(
                f"Expected the inputs {sorted(specs)}, each once. Received: "
                f"{name!r:.80}"
            )
        dtype, parameters = specs[name].dtype, parameters_of(item)
        if item.get("datatype") != DATATYPES[dtype]:
            raise InvalidRequestError(
                f"{name!r} must have the datatype {DATATYPES[dtype]}. "
                f"Received: {item.get('datatype')!r:.80}"
            )
        if "data" in item:
            array = read_json_data(name, item["data"], dtype, parameters)
        else:
            size = parameters.get("binary_data_size")
            if (
                not isinstance(size, int)
                or not 0 <= size <= len(binary) - offset
            ):
                raise InvalidRequestError(
                    f"{name!r} must have 'data', or the parameter "
                    "'binary_data_size' of the bytes that follow the JSON"
                )
            array = from_binary(name, binary[offset : offset + size], dtype)
            offset += size
        arrays[name] = reshape(name, array, item.get("shape"))
    if offset != len(binary):
        raise InvalidRequestError(
            f"{len(binary) - offset} bytes after the JSON belong to no input"
        )
    return arrays


def read_json_data(
    name: str, data: Any, dtype: tf.DType, parameters: Mapping[str, Any]
) -> Array:
    """Values of a tensor in JSON, flat or nested."""
    if dtype != tf.string or parameters.get("content_type") != "base64":
        return to_array(name, data, dtype)
    if not isinstance(data, list):
        raise InvalidRequestError(f"{name!r} must be a list of base64 strings")
    array = np.empty(len(data), object)
    array[:] = [decode_base64(name, text) for text in data]
    return array


def from_binary(name: str, data: bytes, dtype: tf.DType) -> Array:
    r"""Decodes the binary values of a tensor.

    Numbers are little-endian. A string follows its length, a little-endian
    integer of 4 bytes.

    >>> from_binary("x", b"\x02\x00\x00\x00hi" + bytes(4), tf.string)
    array([b'hi', b''], dtype=object)
    """
    if dtype != tf.string:
        expected = np.dtype(dtype.as_numpy_dtype).newbyteorder("<")
        if len(data) % expected.itemsize:
            raise InvalidRequestError(
                f"{name!r} has {len(data)} bytes, which is not a multiple of "
                f"the size of a {dtype.name} value"
            )
        return cast(name, np.frombuffer(data, expected), dtype)
    strings, offset = [], 0
    while offset < len(data):
        end = offset + 4
        if end <= len(data):
            end += struct.unpack_from("<I", data, offset)[0]
        if end > len(data):
            raise InvalidRequestError(f"{name!r} ends within a string")
        strings.append(data[offset + 4 : end])
        offset = end
    array = np.empty(len(strings), object)
    array[:] = strings
    return array


def to_binary(array: Array) -> bytes:
    """Inverse of `from_binary`."""
    if array.dtype != object:
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    return b"".join(
        struct.pack("<I", len(value)) + value for value in array.ravel()
    )


def reshape(name: str, array: Array, shape: Any) -> Array:
    """Reshapes an array to the shape in a request; errors are of the client."""
    valid = (
        isinstance(shape, list)
        and len(shape) <= MAX_DEPTH
        and all(type(size) is int and size >= 0 for size in shape)
    )
    if not valid or math.prod(shape) != array.size:
        raise InvalidRequestError(
            f"'shape' of {name!r} must be a list of lengths whose product is "
            f"{array.size}, the number of values. Received: {shape!r:.80}"
        )
    return array.reshape(shape)


def answer(
    request: Mapping[str, Any],
    outputs: Mapping[str, Array],
    *,
    model: str,
    version: int,
) -> tuple[dict[str, Any], bytes]:
    """Response to a request.

    Args:
        request: Parsed JSON of the request. `outputs` selects outputs by name;
            the parameter `binary_data_output` of the request, or `binary_data`
            of an output, selects the binary extension.
        outputs: Arrays by name.
        model: Name of the model.
        version: Version of the model.

    Returns:
        `(response, binary)`: dict for JSON, with NumPy arrays, and the bytes
        that follow the JSON.

    Raises:
        InvalidRequestError: If there is no such output.

    Example:

    >>> response, _ = answer({}, {"y": np.ones((1, 2))}, model="m", version=3)
    >>> response["model_version"], response["outputs"][0]["shape"]
    ('3', [1, 2])
    """
    all_binary = parameters_of(request).get("binary_data_output", False)
    items = request.get("outputs") or [{"name": name} for name in outputs]
    tensors, binary = [], b""
    for item in items:
        name = item.get("name") if isinstance(item, dict) else item
        if not isinstance(name, str) or name not in outputs:
            raise InvalidRequestError(
                f"Expected outputs of {sorted(outputs)}. Received: {name!r:.80}"
            )
        array = outputs[name]
        tensor: dict[str, Any] = {
            "name": name,
            "shape": list(array.shape),
            "datatype": DATATYPES[
                tf.string if array.dtype == object else tf.as_dtype(array.dtype)
            ],
        }
        if parameters_of(item).get("binary_data", all_binary):
            data = to_binary(array)
            tensor["parameters"] = {"binary_data_size": len(data)}
            binary += data
        elif array.dtype != object:
            tensor["data"] = np.ascontiguousarray(array.ravel())
        else:
            tensor |= string_data(array)
        tensors.append(tensor)
    response = {
        "model_name": model,
        "model_version": str(version),
        "outputs": tensors,
    }
    if isinstance(request.get("id"), str):
        response["id"] = request["id"]
    return response, binary


def string_data(array: Array) -> dict[str, Any]:
    """Encodes strings for JSON: as text if all are UTF-8, else as base64."""
    values = array.ravel().tolist()
    try:
        return {"data": [value.decode() for value in values]}
    except UnicodeDecodeError:
        return {
            "parameters": {"content_type": "base64"},
            "data": [base64.b64encode(value).decode() for value in values],
        }
