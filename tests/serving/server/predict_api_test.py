"""The JSON of TensorFlow Serving: rows and columns, in and out."""

import numpy as np
import pytest
import tensorflow as tf

from dlunits.serving.server.errors import InvalidRequestError
from dlunits.serving.server.predict_api import (
    answer,
    has_special_values,
    read_inputs,
    read_signature_name,
)

# The example of https://www.tensorflow.org/tfx/serving/api_rest
SPECS = {
    "tag": tf.TensorSpec([None], tf.string),
    "signal": tf.TensorSpec([None, 5], tf.int32),
    "sensor": tf.TensorSpec([None, 2, 2], tf.int32),
}
ROWS = [
    {"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]},
    {"tag": "bar", "signal": [3, 4, 1, 2, 5], "sensor": [[4, 5], [6, 8]]},
]
COLUMNS = {
    "tag": ["foo", "bar"],
    "signal": [[1, 2, 3, 4, 5], [3, 4, 1, 2, 5]],
    "sensor": [[[1, 2], [3, 4]], [[4, 5], [6, 8]]],
}


def test_rows_and_columns_are_the_same_inputs():
    rows = read_inputs({"instances": ROWS}, SPECS)
    columns = read_inputs({"inputs": COLUMNS}, SPECS)
    assert rows["tag"].tolist() == [b"foo", b"bar"]
    for name in SPECS:
        np.testing.assert_array_equal(rows[name], columns[name])
        assert rows[name].shape == columns[name].shape


@pytest.mark.parametrize("value", [[1, 2], [{"x": 1}, {"x": 2}]])
def test_the_name_of_the_only_input_may_be_left_out(value):
    specs = {"x": tf.TensorSpec([None])}
    assert read_inputs({"instances": value}, specs)["x"].tolist() == [1, 2]
    assert read_inputs({"inputs": [1, 2]}, specs)["x"].tolist() == [1, 2]


def test_base64_is_not_a_row():
    specs = {"x": tf.TensorSpec([None], tf.string)}
    body = {"instances": [{"b64": "QQ=="}, {"b64": "Qg=="}]}
    assert read_inputs(body, specs)["x"].tolist() == [b"A", b"B"]
    body = {"instances": [{"x": {"b64": "QQ=="}}]}
    assert read_inputs(body, specs)["x"].tolist() == [b"A"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {},
        {"instances": [1], "inputs": [1]},
        {"instances": [1], "more": 1},
        {"inputs": [1], "signature_name": ["a"]},
    ],
)
def test_other_bodies_are_refused(body):
    with pytest.raises(InvalidRequestError):
        read_signature_name(body)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": []},
        {"instances": {"x": [1]}},
        {"instances": [{"tag": "a"}]},
        {"instances": [ROWS[0], 5]},
        {"instances": [1, 2]},
        {"inputs": [1]},
        {"inputs": {"tag": ["a"]}},
        {"inputs": {**COLUMNS, "more": 1}},
    ],
)
def test_other_inputs_are_refused(body):
    with pytest.raises(InvalidRequestError):
        read_inputs(body, SPECS)


def test_the_signature_has_a_default():
    assert read_signature_name({"inputs": 1}) == "serving_default"
    assert read_signature_name({"inputs": 1, "signature_name": "a"}) == "a"


OUTPUTS = {
    "score": np.array([[0.5, 0.25], [1, 2]], "float32"),
    "name": np.array([b"a", b"\xff"], object),
}


def as_lists(value):
    if isinstance(value, dict):
        return {name: as_lists(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_lists(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def test_the_answer_to_rows_is_rows():
    found = as_lists(answer({"instances": [1, 2]}, OUTPUTS))
    assert found == {
        "predictions": [
            {"score": [0.5, 0.25], "name": "a"},
            {"score": [1, 2], "name": {"b64": "/w=="}},
        ]
    }
    one = {"score": OUTPUTS["score"]}
    found = as_lists(answer({"instances": [1, 2]}, one))
    assert found == {"predictions": [[0.5, 0.25], [1, 2]]}


def test_the_answer_to_columns_is_columns():
    found = as_lists(answer({"inputs": [1, 2]}, OUTPUTS))
    assert found["outputs"]["name"] == ["a", {"b64": "/w=="}]
    scalar = answer({"inputs": 1}, {"y": np.array(7)})
    assert as_lists(scalar) == {"outputs": 7}
    one = {"x_bytes": np.array(b"a", object)}
    assert answer({"inputs": 1}, one) == {"outputs": {"b64": "YQ=="}}


def test_an_output_that_is_not_of_the_rows_is_refused():
    for output in (np.zeros(3), np.array(1.0)):
        with pytest.raises(InvalidRequestError, match="use 'inputs'"):
            answer({"instances": [1, 2]}, {"y": output})


def test_special_values_are_found():
    assert has_special_values({"a": np.array([1, np.nan])})
    assert has_special_values({"a": np.array([-np.inf])})
    assert not has_special_values({"a": np.ones(3), "b": OUTPUTS["name"]})
