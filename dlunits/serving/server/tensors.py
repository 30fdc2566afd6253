"""Conversion of JSON values to arrays that match the signature of a model."""

import base64
import binascii
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.serving.server.errors import InvalidRequestError
from dlunits.typing import Array

MAX_DEPTH = 32  # axes of a tensor


def to_array(name: str, value: Any, dtype: tf.DType) -> Array:
    """Converts a value of JSON to an array.

    Numbers must be in the range of the data type; fractions are not rounded to
    integers. A string is a JSON string or `{"b64": "..."}`, the base64 encoding
    of bytes.

    Args:
        name: Name of the tensor, for the error message.
        value: Number, string, bool, dict with the key `b64`, or nested lists of
            them.
        dtype: Data type of the tensor.

    Returns:
        Array of that data type; strings are bytes in an array of objects.

    Raises:
        InvalidRequestError: If the value does not match the data type.

    Example:

    >>> to_array("x", [[1, 2.5]], tf.float32)
    array([[1. , 2.5]], dtype=float32)
    >>> to_array("x", [2.5], tf.int32)
    Traceback (most recent call last):
        ...
    dlunits.serving.server.errors.InvalidRequestError: 'x' must hold int32 ...
    """
    if dtype == tf.string:
        return to_bytes_array(name, value)
    try:
        found = np.asarray(value)
    except (ValueError, OverflowError, RecursionError):
        raise InvalidRequestError(
            f"{name!r} must be nested lists of equal lengths, at most "
            f"{MAX_DEPTH} deep"
        ) from None
    return cast(name, found, dtype)


def cast(name: str, found: Array, dtype: tf.DType) -> Array:
    """Casts an array of numbers to a data type, without loss.

    Args:
        name: Name of the tensor, for the error message.
        found: Array.
        dtype: Data type of the tensor, not `tf.string`.

    Returns:
        Array of that data type.

    Raises:
        InvalidRequestError: If a value does not match the data type.
    """
    expected = dtype.as_numpy_dtype
    allowed = {"b": "b", "i": "iu", "u": "iu"}.get(
        np.dtype(expected).kind, "iuf"
    )
    if found.size and found.dtype.kind not in allowed:
        kinds = {"b": "bool", "i": "int", "u": "int", "f": "float"}
        kind = kinds.get(found.dtype.kind, "text, null or mixed")
        raise InvalidRequestError(
            f"{name!r} must hold {dtype.name} values. Received: {kind} values"
        )
    with np.errstate(all="ignore"):
        values = found.astype(expected)
    if np.dtype(expected).kind in "iu":
        fits = np.array_equal(values, found)
    else:
        fits = np.isfinite(values).all() or np.array_equal(
            np.isinf(values), np.isinf(found)
        )
    if not fits:
        raise InvalidRequestError(
            f"{name!r} has a value out of the range of {dtype.name}"
        )
    return values


def to_bytes_array(name: str, value: Any) -> Array:
    """Converts nested lists of strings to an array of bytes, see `to_array`."""
    shape = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
        if len(shape) > MAX_DEPTH:
            raise InvalidRequestError(
                f"{name!r} must be at most {MAX_DEPTH} lists deep"
            )
    strings = [to_bytes(name, item) for item in flatten(name, value, shape)]
    array = np.empty(len(strings), object)
    array[:] = strings
    return array.reshape(shape)


def flatten(name: str, value: Any, shape: list[int]) -> Iterator[Any]:
    """Yields the items of nested lists, and checks their shape."""
    if not shape:
        yield value
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise InvalidRequestError(
            f"{name!r} must be nested lists of equal lengths"
        )
    for item in value:
        yield from flatten(name, item, shape[1:])


def to_bytes(name: str, value: Any) -> bytes:
    """Encodes a string as UTF-8, or decodes the base64 of `{"b64": ...}`."""
    if isinstance(value, dict) and list(value) == ["b64"]:
        return decode_base64(name, value["b64"])
    if not isinstance(value, str):
        raise InvalidRequestError(
            f'{name!r} must hold strings, or {{"b64": BASE64}}. Received: '
            f"{type(value).__name__}"
        )
    try:
        return value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise InvalidRequestError(f"{name!r} is not valid Unicode") from None


def decode_base64(name: str, text: Any) -> bytes:
    """Decodes base64, and rejects other characters.

    Args:
        name: Name of the tensor, for the error message.
        text: Text in base64.

    Returns:
        Bytes.

    Raises:
        InvalidRequestError: If the text is not base64.

    Example:

    >>> decode_base64("encoded", "QUI=")
    b'AB'
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"{name!r} is not valid base64: {error}"
        ) from None


def encode_strings(array: Array, *, binary: bool) -> Any:
    r"""Converts an array of strings to nested lists for JSON.

    Args:
        array: Array of bytes.
        binary: Whether all strings are written as `{"b64": ...}`. If not, only
            those that are not UTF-8.

    Returns:
        Nested lists.

    Example:

    >>> encode_strings(np.array([b"one", b"\xff"], object), binary=False)
    ['one', {'b64': '/w=='}]
    """

    def encode(value: bytes) -> Any:
        if not binary:
            try:
                return value.decode()
            except UnicodeDecodeError:
                pass
        return {"b64": base64.b64encode(value).decode()}

    return np.asarray(np.frompyfunc(encode, 1, 1)(array), object).tolist()


def check_inputs(
    arrays: Mapping[str, Array], specs: Mapping[str, tf.TensorSpec]
) -> None:
    """Checks names and shapes of the inputs of a signature.

    Args:
        arrays: Arrays by name.
        specs: `tf.TensorSpec` by name.

    Raises:
        InvalidRequestError: If a name is missing or unknown, or a shape does
            not match.

    Example:

    >>> specs = {"x": tf.TensorSpec([None, 2], tf.float32)}
    >>> check_inputs({"x": np.zeros((5, 2))}, specs)
    >>> check_inputs({"x": np.zeros((5, 3))}, specs)
    Traceback (most recent call last):
        ...
    dlunits.serving.server.errors.InvalidRequestError: 'x' must have the ...
    """
    if arrays.keys() != specs.keys():
        raise InvalidRequestError(
            f"Expected the inputs {sorted(specs)}. Received: {sorted(arrays)}"
        )
    for name, array in arrays.items():
        shape = specs[name].shape
        if shape.rank is None:
            continue
        lengths = itertools.zip_longest(shape.as_list(), array.shape)
        if shape.rank != array.ndim or any(
            expected not in (None, received) for expected, received in lengths
        ):
            raise InvalidRequestError(
                f"{name!r} must have the shape {format_shape(shape.as_list())},"
                f" where ? is any length. Received: "
                f"{format_shape(list(array.shape))}"
            )


def format_shape(shape: list[int | None] | None) -> str:
    """Formats a shape.

    >>> format_shape([None, 28]), format_shape([]), format_shape(None)
    ('(?, 28)', '()', 'any')
    """
    if shape is None:
        return "any"
    lengths = ["?" if length is None else str(length) for length in shape]
    return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"
