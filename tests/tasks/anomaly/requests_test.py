"""Columns as named tensors, against the same columns in Python."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from dlunits.columns import category_texts
from dlunits.columns.table_chunks import arrow_array
from dlunits.models import TableSchema
from dlunits.models.anomaly import table_schema
from dlunits.tasks.anomaly.requests import (
    argument_names,
    category_ids,
    column_specs,
    model_inputs,
)

TABLE = {
    "speed": np.array([1.5, np.nan, -3e5]),
    "time": np.array([1_704_067_260.0, -1.0, np.nan]),
    "road": np.array(["wet", "", "Glätte"], object),
    "power": np.array([1.5, -999, -9999.9]),
}
KINDS = {
    "speed": "number",
    "time": "timestamp",
    "road": "category",
    "power": "number except -999",
}


@pytest.fixture(scope="module")
def known():
    return TableSchema.from_table(TABLE, KINDS)


def test_inputs_are_those_of_the_table(known):
    tensors = [
        tf.constant(TABLE[name], spec.dtype)
        for name, spec in zip(known.columns, column_specs(known), strict=True)
    ]
    found, expected = model_inputs(known, tensors), known.inputs(TABLE)
    assert list(found) == list(expected)
    for key in expected:
        np.testing.assert_array_equal(found[key], expected[key])


MANY = tuple(f"{i:02}" for i in range(60))


@pytest.mark.parametrize(
    "vocabulary",
    [(), ("",), ("dry",), ("", "dry"), MANY, ("", *MANY), ("dry\0", "dry")],
)
def test_texts_have_the_category_ids_of_python(vocabulary):
    texts = np.array(["dry", "", "nan", "None", "icy", "7", *MANY], object)
    expected = table_schema.category_ids(
        category_texts(arrow_array(texts)), vocabulary
    )
    np.testing.assert_array_equal(
        category_ids(tf.constant(texts), vocabulary), expected
    )


def test_times_keep_their_minute(known):
    assert (
        dict(zip(known.columns, column_specs(known), strict=True))["time"].dtype
        == tf.float64
    )  # 1,704,067,260 in single precision is 32 s off


@given(st.lists(st.text(), unique=True, max_size=8))
def test_arguments_are_what_tensorflow_takes(columns):
    names = list(argument_names(columns).values())
    assert len({name.lower() for name in names}) == len(columns)
    for name in names:
        assert name.isascii() and name.isidentifier() and name != "self"


@pytest.mark.parametrize(
    "columns",
    [["a", "A", "a_1"], ["x:0", "b c", "b_c"], ["self", "1"], ["ü", "u"]],
)
def test_a_signature_has_these_arguments(columns, tmp_path):
    names = list(argument_names(columns).values())
    function = tf.function(lambda *tensors: {"sum": tf.add_n(tensors)})
    module = tf.Module()
    signature = function.get_concrete_function(
        *(tf.TensorSpec([None], tf.float32, name) for name in names)
    )
    tf.saved_model.save(module, tmp_path, signatures={"add": signature})
    add = tf.saved_model.load(tmp_path).signatures["add"]
    answer = add(**{name: tf.ones(2) for name in names})
    np.testing.assert_array_equal(answer["sum"], [len(names)] * 2)
