"""Conversion of JSON values to arrays, and errors for invalid values."""

import numpy as np
import pytest
import tensorflow as tf

from dlunits.serving.server.errors import InvalidRequestError
from dlunits.serving.server.tensors import (
    check_inputs,
    encode_strings,
    to_array,
)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        ([[1, 2], [3, 4.5]], "float32", [[1, 2], [3, 4.5]]),
        (7, "int64", 7),
        ([255], "uint8", [255]),
        ([True, False], "bool", [True, False]),
        ([float("nan"), float("inf")], "float32", [np.nan, np.inf]),
        ([], "float32", []),
        (["é", {"b64": "AP8="}], "string", [b"\xc3\xa9", b"\x00\xff"]),
        ([["a"], ["b"]], "string", [[b"a"], [b"b"]]),
        ("one", "string", b"one"),
        ([], "string", []),
    ],
)
def test_values_become_arrays_of_the_dtype(value, dtype, expected):
    array = to_array("x", value, tf.as_dtype(dtype))
    assert tf.constant(array, dtype).dtype == dtype
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("value", "dtype", "reason"),
    [
        ([[1, 2], [3]], "float32", "equal lengths"),
        ([1, "2"], "float32", "must hold float32 values"),
        ([None], "float32", "must hold float32 values"),
        ({"a": 1}, "float32", "must hold float32 values"),
        ([True], "int32", "must hold int32 values"),
        ([True], "float32", "must hold float32 values"),
        ([1.0], "int32", "must hold int32 values"),
        ([1], "bool", "must hold bool values"),
        ([2**31], "int32", "out of the range of int32"),
        ([-1], "uint8", "out of the range of uint8"),
        ([2**70], "int64", "must hold int64 values"),
        ([1e39], "float32", "out of the range of float32"),
        ([1], "string", "must hold strings"),
        (["a", ["b"]], "string", "must hold strings"),
        ([["a"], "b"], "string", "equal lengths"),
        ([{"b64": "?"}], "string", "not valid base64"),
        ([{"b64": 5}], "string", "not valid base64"),
        (["\ud800"], "string", "not valid Unicode"),
    ],
)
def test_values_that_do_not_fit_are_refused(value, dtype, reason):
    with pytest.raises(InvalidRequestError, match=reason):
        to_array("x", value, tf.as_dtype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "string"])
def test_deep_lists_are_refused(dtype):
    value = "a" if dtype == "string" else 1
    for _ in range(900):
        value = [value]
    with pytest.raises(InvalidRequestError, match="deep"):
        to_array("x", value, tf.as_dtype(dtype))


def test_strings_that_are_not_text_are_encoded():
    array = np.array([[b"a"], [b"\xff"]], object)
    assert encode_strings(array, binary=False) == [["a"], [{"b64": "/w=="}]]
    assert encode_strings(array, binary=True)[0] == [{"b64": "YQ=="}]
    assert encode_strings(np.array(b"a", object), binary=False) == "a"


@pytest.mark.parametrize("shape", [(2,), (3, 4), (3, 2, 1)])
def test_shapes_are_checked(shape):
    specs = {"x": tf.TensorSpec([None, 2])}
    with pytest.raises(InvalidRequestError, match=r"shape \(\?, 2\)"):
        check_inputs({"x": np.zeros(shape)}, specs)
    check_inputs({"x": np.zeros((0, 2))}, specs)
    check_inputs({"x": np.zeros(shape)}, {"x": tf.TensorSpec(None)})


def test_names_are_checked():
    with pytest.raises(
        InvalidRequestError, match=r"\['x'\].*Received: \['y'\]"
    ):
        check_inputs({"y": np.zeros(1)}, {"x": tf.TensorSpec([None])})
