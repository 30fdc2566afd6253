"""The Open Inference Protocol in JSON and with the binary extension."""

import numpy as np
import pytest
import tensorflow as tf

from dlunits.serving.server.errors import InvalidRequestError
from dlunits.serving.server.open_inference import (
    DATATYPES,
    answer,
    from_binary,
    read_inputs,
    read_signature_name,
    tensor_metadata,
    to_binary,
)

SPECS = {
    "x": tf.TensorSpec([None, 2], tf.float32),
    "s": tf.TensorSpec([None], tf.string),
}
X = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
S = {"name": "s", "shape": [1], "datatype": "BYTES", "data": ["é"]}


def changed(tensor, **changes):
    return {**tensor, **changes}


def test_data_may_be_flat_or_nested():
    for data in ([1, 2], [[1, 2]]):
        body = {"inputs": [changed(X, data=data), S]}
        found = read_inputs(body, SPECS)
        assert found["x"].tolist() == [[1, 2]]
        assert found["s"].tolist() == ["é".encode()]


def test_strings_may_be_base64():
    tensor = changed(S, data=["/w=="], parameters={"content_type": "base64"})
    found = read_inputs({"inputs": [tensor]}, {"s": SPECS["s"]})
    assert found["s"].tolist() == [b"\xff"]


@pytest.mark.parametrize("dtype", DATATYPES)
def test_binary_tensors_are_read_as_they_were_written(dtype):
    if dtype == tf.string:
        array = np.array([b"", b"\xff\x00", b"abc"], object)
    else:
        array = np.array([0, 1, 1], dtype.as_numpy_dtype)
    data = to_binary(array)
    tensor = {
        "name": "x",
        "shape": [3],
        "datatype": DATATYPES[dtype],
        "parameters": {"binary_data_size": len(data)},
    }
    specs = {"x": tf.TensorSpec([None], dtype)}
    found = read_inputs({"inputs": [tensor]}, specs, data)["x"]
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
    response, binary = answer(
        {"parameters": {"binary_data_output": True}},
        {"y": array},
        model="m",
        version=1,
    )
    assert binary == data
    assert response["outputs"] == [{**tensor, "name": "y"}]


def test_two_floats_are_eight_little_endian_bytes():
    array = from_binary("x", b"\0\0\x80\x3f\0\0\0\x40", tf.float32)
    assert array.tolist() == [1, 2]  # 0x3f800000, 0x40000000


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (5, "JSON object"),
        (changed(X, name="z"), "Expected the inputs"),
        (changed(X, name=["x"]), "Expected the inputs"),
        (changed(X, datatype="FP64"), "datatype FP32"),
        (changed(X, shape=[2, 2]), "product"),
        (changed(X, shape=[-1, -2]), "product"),
        (changed(X, shape=[True, 2]), "product"),
        (changed(X, shape=None), "product"),
        (changed(X, shape=[1] * 99), "product"),
        (changed(X, data=None), "must hold float32"),
        (changed(X, parameters=[1]), "'parameters'"),
        ({k: X[k] for k in ("name", "shape", "datatype")}, "binary_data_size"),
        (changed(S, data="a", parameters={"content_type": "base64"}), "list"),
        (changed(S, data=[5], parameters={"content_type": "base64"}), "base64"),
    ],
)
def test_tensors_that_are_not_what_they_state_are_refused(tensor, reason):
    with pytest.raises(InvalidRequestError, match=reason):
        read_inputs({"inputs": [tensor]}, SPECS)


@pytest.mark.parametrize("size", [-1, 9, True, "8", None, 7])
def test_wrong_sizes_of_binary_data_are_refused(size):
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32"}
    body = {"inputs": [{**tensor, "parameters": {"binary_data_size": size}}]}
    with pytest.raises(InvalidRequestError):
        read_inputs(body, SPECS, bytes(8))


def test_bytes_that_belong_to_no_input_are_refused():
    with pytest.raises(InvalidRequestError, match="belong to no input"):
        read_inputs({"inputs": [X]}, SPECS, b"more")
    with pytest.raises(InvalidRequestError, match="within a string"):
        from_binary("s", b"\x05\0\0\0abc", tf.string)
    with pytest.raises(InvalidRequestError, match="within a string"):
        from_binary("s", b"\x05", tf.string)


@pytest.mark.parametrize("body", [[], {}, {"inputs": {}}, "x"])
def test_other_bodies_are_refused(body):
    with pytest.raises(InvalidRequestError):
        read_signature_name(body)


def test_a_parameter_selects_the_signature():
    body = {"inputs": [], "parameters": {"signature_name": "a"}}
    assert read_signature_name(body) == "a"
    assert read_signature_name({"inputs": []}) == "serving_default"


def test_outputs_can_be_selected():
    outputs = {"a": np.array([1.0]), "b": np.array([b"\xff"], object)}
    body = {"id": "7", "outputs": [{"name": "b"}]}
    response, binary = answer(body, outputs, model="m", version=12)
    assert (response["id"], response["model_version"], binary) == (
        "7",
        "12",
        b"",
    )
    [tensor] = response["outputs"]
    assert tensor["data"] == ["/w=="]
    assert tensor["parameters"] == {"content_type": "base64"}
    for wrong in ("c", 5, ["a"]):
        with pytest.raises(InvalidRequestError, match="Expected outputs"):
            answer({"outputs": [{"name": wrong}]}, outputs, model="", version=1)


def test_unknown_lengths_are_minus_one():
    found = tensor_metadata({**SPECS, "any": tf.TensorSpec(None, tf.bool)})
    assert [item["shape"] for item in found] == [[-1, 2], [-1], [-1]]
    assert [item["datatype"] for item in found] == ["FP32", "BYTES", "BOOL"]
