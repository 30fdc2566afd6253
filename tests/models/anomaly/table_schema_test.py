"""What is learnt of a table, and what of it a layer takes."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from dlunits.models import TableSchema

MONDAY = 4 * 86400  # 1970-01-05, in seconds since 1970
TABLE = {
    "road": ["wet", "dry", "wet", ""],
    "speed": [1.5, np.nan, 3.0, 1e300],
    "time": [MONDAY + 60.0, MONDAY, np.nan, MONDAY - 60.0],
    "wet": [True, False, False, True],
    "note": ["a", "b", "c", "d"],
}
KINDS = {
    "road": "category",
    "speed": "number",
    "time": "timestamp_day_first",
    "wet": "boolean",
    "note": "ignored",
}


def learnt():
    return TableSchema.learn(TABLE, KINDS)


def columns(rows, name):
    """Strategy of the kind of a column, and its values."""
    texts = st.sampled_from(["", "a", "b", f"only in {name}"])
    numbers = st.floats(allow_infinity=False)
    seconds = st.floats(-1e10, 1e10) | st.just(np.nan)
    return st.one_of(
        st.tuples(st.just(kind), st.lists(values, min_size=rows, max_size=rows))
        for kind, values in (
            ("number", numbers),
            ("boolean", st.booleans()),
            ("timestamp", seconds),
            ("category", texts),
        )
    )


@st.composite
def tables(draw):
    """Table and kinds."""
    names = draw(
        st.lists(st.text(max_size=3), min_size=1, max_size=6, unique=True)
    )
    rows = draw(st.integers(1, 5))
    drawn = {name: draw(columns(rows, name)) for name in names}
    table = {name: values for name, (_, values) in drawn.items()}
    return table, {name: kind for name, (kind, _) in drawn.items()}


def test_inputs_are_the_columns_in_the_layers_units():
    table_schema = learnt()
    assert table_schema.columns == ("wet", "speed", "time", "road")
    assert table_schema.vocabularies == {"road": ("", "dry", "wet")}
    assert table_schema.gaps == ("speed",)
    inputs = table_schema.inputs(TABLE)
    most = np.finfo("float32").max
    np.testing.assert_array_equal(
        inputs["numbers"], [[1, 1.5], [0, np.nan], [0, 3], [1, most]]
    )
    np.testing.assert_array_equal(
        inputs["timestamps"], [[60], [0], [np.nan], [7 * 86400 - 60]]
    )
    assert inputs["codes"].tolist() == [[3], [2], [3], [1]]
    types = {key: array.dtype for key, array in inputs.items()}
    assert types == {"numbers": "f4", "timestamps": "f4", "codes": "i4"}


@settings(max_examples=200, deadline=None)
@given(tables(), st.randoms())
def test_order_of_columns_changes_nothing_and_rows_stay(drawn, random):
    table, kinds = drawn
    names = list(table)
    random.shuffle(names)
    shuffled = {"further": [0] * 99} | {name: table[name] for name in names}
    first = TableSchema.learn(table, kinds)
    second = TableSchema.learn(shuffled, {name: kinds[name] for name in names})
    assert first == second and first.columns == second.columns
    inputs, others = first.inputs(table), second.inputs(shuffled)
    assert inputs.keys() == others.keys()
    for key, array in inputs.items():
        assert len(array) == len(next(iter(table.values())))
        np.testing.assert_array_equal(array, others[key])
        assert not np.isinf(array).any()


def test_the_layer_takes_the_inputs():
    table_schema = learnt()
    layer = table_schema.encoding(name="table")
    inputs = table_schema.inputs(TABLE)
    layer.adapt(inputs)
    features = ops.convert_to_numpy(layer(inputs))
    # Two numbers, one gap, four waves, "dry", "wet", missing and unknown.
    assert features.shape == (4, 2 + 1 + 4 + 4) and layer.name == "table"
    assert np.isfinite(features).all()
    assert layer.owners == (0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)
    assert features[1, 1] == 0  # speed, which may be missing
    other = table_schema.inputs({**TABLE, "wet": [1, 0, 0, np.nan]})
    assert ops.convert_to_numpy(layer(other))[3, 0] == 10  # which may not


def test_new_rows_are_read_as_the_known_ones_were():
    row = {"speed": [7], "road": ["icy"], "wet": [0], "time": [MONDAY]}
    inputs = learnt().inputs(row)
    assert inputs["numbers"].tolist() == [[0, 7]]
    assert inputs["codes"].tolist() == [[0]]
    assert inputs["timestamps"].tolist() == [[0]]


def test_rare_values_are_unknown():
    table = {"road": [f"{i:02}" for i in range(60)] + ["59"]}
    (vocabulary,) = TableSchema.learn(table).vocabularies.values()
    assert vocabulary == (*(f"{i:02}" for i in range(49)), "59")


def test_arrays_are_tables_without_names():
    array = np.random.default_rng(0).normal(size=(5, 12))
    table_schema = TableSchema.learn(array)
    np.testing.assert_array_equal(
        table_schema.inputs(array)["numbers"], array.astype("float32")
    )
    for width in (11, 13):
        with pytest.raises(
            ValueError, match=f"12 columns.*Received: shape .5, {width}."
        ):
            table_schema.inputs(np.zeros((5, width)))


def test_config_goes_through_json_and_keras():
    table_schema = learnt()
    text = json.dumps(table_schema.get_config(), sort_keys=True)
    assert TableSchema.from_config(json.loads(text)) == table_schema
    config = keras.saving.serialize_keras_object(table_schema)
    config = json.loads(json.dumps(config))
    assert keras.saving.deserialize_keras_object(config) == table_schema


def test_a_missing_column_is_named_with_one_like_it():
    table = dict(TABLE)
    table["Speed"] = table.pop("speed")
    with pytest.raises(ValueError, match=r"'speed' is missing.*mean 'Speed'\?"):
        learnt().inputs(table)
    with pytest.raises(ValueError, match=r"'speed' is missing\. Add the"):
        learnt().inputs({"note": [1], "wet": [1]})


def test_text_and_infinity_are_named_by_column_and_row():
    with pytest.raises(ValueError, match=r"'speed', row 2: .*'fast'"):
        learnt().inputs({**TABLE, "speed": [1, 2, "fast", 4]})
    with pytest.raises(ValueError, match=r"'time', row 1: .*finite"):
        learnt().inputs({**TABLE, "time": [1, np.inf, 3, 4]})


def test_refuses_columns_of_unequal_length():
    with pytest.raises(ValueError, match=r"4 rows in 'wet', 3 in 'speed'"):
        learnt().inputs({**TABLE, "speed": [1, 2, 3]})


@pytest.mark.parametrize("table", [{"a": []}, np.zeros((0, 2))])
def test_refuses_tables_without_a_row(table):
    with pytest.raises(ValueError, match="has no row"):
        TableSchema.learn(table)


@pytest.mark.parametrize("kinds", [{}, {"road": "ignored"}])
def test_refuses_tables_without_a_column_to_use(kinds):
    with pytest.raises(ValueError, match=r"from 1 to 5,000.*Received: 0\. Say"):
        TableSchema.learn(TABLE, kinds)


def test_refuses_more_columns_than_one_can_learn_from():
    with pytest.raises(ValueError, match=r"to 5,000 columns.*Received: 5,001"):
        TableSchema.learn(np.zeros((1, 5001)))


def test_refuses_kinds_that_there_are_not():
    with pytest.raises(ValueError, match=r"'road' must begin with.*'text'"):
        TableSchema.learn(TABLE, {"road": "text"})
