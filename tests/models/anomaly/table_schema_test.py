"""Schema of a training table, and inputs from other tables."""

import json

import keras
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from dlunits.models import AnomalyDetector, TableSchema
from dlunits.models.anomaly.table_schema import category_ids, vocabulary

MONDAY = 4 * 86400  # 1970-01-05, in seconds since 1970
TABLE = {
    "road": ["wet", "dry", "wet", ""],
    "speed": [1.5, np.nan, 3.0, 1e300],
    "time": [MONDAY + 60.0, MONDAY, np.nan, MONDAY - 60.0],
    "wet": [True, False, False, True],
    "note": ["a", "b", "c", "d"],
}
TYPES = {
    "road": "category",
    "speed": "number",
    "time": "timestamp_day_first",
    "wet": "boolean",
    "note": "ignored",
}


def fitted():
    return TableSchema.from_table(TABLE, TYPES)


def columns(rows, name):
    """Strategy of the type of a column, and its values."""
    texts = st.sampled_from(["", "a", "b", f"only in {name}"])
    numbers = st.floats(allow_infinity=False)
    seconds = st.floats(-1e10, 1e10) | st.just(np.nan)
    return st.one_of(
        st.tuples(
            st.just(column_type), st.lists(values, min_size=rows, max_size=rows)
        )
        for column_type, values in (
            ("number", numbers),
            ("boolean", st.booleans()),
            ("timestamp", seconds),
            ("category", texts),
        )
    )


@st.composite
def tables(draw):
    """Table and column types."""
    names = draw(
        st.lists(st.text(max_size=3), min_size=1, max_size=6, unique=True)
    )
    rows = draw(st.integers(1, 5))
    drawn = {name: draw(columns(rows, name)) for name in names}
    table = {name: values for name, (_, values) in drawn.items()}
    return table, {
        name: column_type for name, (column_type, _) in drawn.items()
    }


def test_inputs_are_the_columns_in_the_layers_units():
    table_schema = fitted()
    assert table_schema.columns == ("wet", "speed", "time", "road")
    assert table_schema.vocabularies == {"road": ("", "dry", "wet")}
    assert table_schema.missing_indicators == ("speed",)
    inputs = table_schema.inputs(TABLE)
    most = np.finfo("float32").max
    np.testing.assert_array_equal(
        inputs["numbers"], [[1, 1.5], [0, np.nan], [0, 3], [1, most]]
    )
    np.testing.assert_array_equal(
        inputs["timestamps"], [[60], [0], [np.nan], [7 * 86400 - 60]]
    )
    assert inputs["category_ids"].tolist() == [[3], [2], [3], [1]]
    types = {key: array.dtype for key, array in inputs.items()}
    assert types == {"numbers": "f4", "timestamps": "f4", "category_ids": "i4"}


@settings(max_examples=200, deadline=None)
@given(tables(), st.randoms())
def test_the_order_of_columns_does_not_matter(drawn, random):
    table, types = drawn
    names = list(table)
    random.shuffle(names)
    shuffled = {"further": [0] * 99} | {name: table[name] for name in names}
    first = TableSchema.from_table(table, types)
    second = TableSchema.from_table(
        shuffled, {name: types[name] for name in names}
    )
    assert first == second and first.columns == second.columns
    inputs, others = first.inputs(table), second.inputs(shuffled)
    assert inputs.keys() == others.keys()
    for key, array in inputs.items():
        assert len(array) == len(next(iter(table.values())))
        np.testing.assert_array_equal(array, others[key])
        assert not np.isinf(array).any()


def test_the_layer_encodes_the_inputs():
    table_schema = fitted()
    layer = table_schema.encoding(name="table")
    inputs = table_schema.inputs(TABLE)
    layer.adapt(inputs)
    features = ops.convert_to_numpy(layer(inputs))
    # Two numbers, one indicator, four waves, "dry", "wet", missing and unknown.
    assert features.shape == (4, 2 + 1 + 4 + 4) and layer.name == "table"
    assert np.isfinite(features).all()
    assert layer.column_of_feature == (0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)
    assert features[1, 1] == 0  # speed, with a missing indicator
    other = table_schema.inputs({**TABLE, "wet": [1, 0, 0, np.nan]})
    assert ops.convert_to_numpy(layer(other))[3, 0] == 10  # without indicator


def test_new_rows_are_read_as_the_training_rows():
    row = {"speed": [7], "road": ["icy"], "wet": [0], "time": [MONDAY]}
    inputs = fitted().inputs(row)
    assert inputs["numbers"].tolist() == [[0, 7]]
    assert inputs["category_ids"].tolist() == [[0]]
    assert inputs["timestamps"].tolist() == [[0]]


@pytest.mark.parametrize("missing", [[], ["NA"]])
def test_rare_values_share_an_id_and_new_ones_are_unknown(missing):
    # 60 codes: those below 10 occur twice, the others three times.
    codes = [f"{i:02}" for i in range(60)]
    table = {"road": codes * 2 + codes[10:] + missing}
    schema = TableSchema.from_table(table, {"road": "category"})
    frequent = ["", *codes[10:]] if missing else codes[10:]
    assert schema.vocabularies["road"] == (*frequent, *codes[:10])
    new = {"road": ["10", "59", "00", "09", "60"]}
    first = 1 + len(missing)
    assert schema.inputs(new)["category_ids"].ravel().tolist() == [
        *(first, first + 49),  # 50 frequent codes
        *(first + 50, first + 50),
        0,
    ]
    assert schema.category_labels("road")[-2:] == ["59", "a rare value"]
    layer = schema.encoding()
    layer.adapt(schema.inputs(table))
    unknown = ops.convert_to_numpy(layer(schema.inputs(new)))[:, 0]
    assert unknown.tolist() == [0, 0, 0, 0, 10]


def test_a_new_value_is_anomalous_among_many_known_ones():
    generator = np.random.default_rng(0)

    def rows(codes):
        return {"code": codes, "x": generator.normal(size=len(codes))}

    known = [f"code {i}" for i in range(200)]
    detector = AnomalyDetector().fit(rows(known * 3))
    p = detector.p_value(rows(known + [f"new {i}" for i in range(20)]))
    assert (p[200:] <= 0.01).all()
    assert (p[:200] <= 0.05).mean() < 0.1


def test_new_values_are_no_anomaly_where_many_rows_have_a_value_of_their_own():
    codes = [f"{i:02}" for i in range(50)] * 2
    for single, known in ((10, True), (20, False)):  # 9 % and 17 % of the rows
        rare = [f"only {i}" for i in range(single)]
        schema = TableSchema.from_table(
            {"code": codes + rare}, {"code": "category"}
        )
        assert (rare[0] in schema.vocabularies["code"]) == known
        layer = schema.encoding()
        layer.adapt(schema.inputs({"code": codes + rare}))
        new = layer(schema.inputs({"code": ["never seen"]}))
        assert (ops.convert_to_numpy(new)[0, 0] == 10) == known


@pytest.mark.parametrize(
    ("texts", "max_categories", "expected"),
    [
        ([*"cccaabbbd"], 2, ("b", "c", "a")),
        ([*"cccaabbb"], 2, ("b", "c", "a")),
        ([*"cccaabbbd"], 3, ("a", "b", "c")),  # 1 of 9 rows is more than 10 %
        ([*"cccaabbbbd"], 3, ("a", "b", "c", "d")),
        ([*"cccaabbbd"], 9, ("a", "b", "c", "d")),
        ([*"cccaabbbd", None], 2, ("", "b", "c", "a", "d")),
        ([None, None], 9, ("",)),
    ],
)
def test_a_vocabulary_begins_with_the_most_frequent_texts(
    texts, max_categories, expected
):
    array = pa.array(texts, pa.string())
    assert vocabulary(array, max_categories) == expected


def test_category_ids_are_positions_in_the_vocabulary():
    texts = pa.array(["b", "z", None], pa.string())
    assert category_ids(texts, ("", "b")).tolist() == [2, 0, 1]
    # If no training value is missing, a missing value is an unknown value.
    assert category_ids(texts, ("b",)).tolist() == [1, 0, 0]
    assert category_ids(texts, ()).tolist() == [0, 0, 0]


def test_numbers_and_texts_of_numbers_are_the_same_category():
    schema = TableSchema({"code": "category"}, {"code": ("", "10", "7")}, ())
    codes = ["10", 7, 7.0, "7.0", " 7", "e", None, np.nan, "NA", "null"]
    expected = [2, 3, 3, 3, 3, 0, 1, 1, 1, 1]
    ids = schema.inputs({"code": codes})["category_ids"]
    assert ids.ravel().tolist() == expected
    for code, id_ in zip(codes, expected, strict=True):
        assert schema.inputs({"code": [code]})["category_ids"] == id_


def test_a_list_is_no_category():
    with pytest.raises(ValueError, match=r"'road': expected text, found \['a'"):
        TableSchema.from_table(
            {"road": [["a"], None], "speed": [1, 2]},
            {"road": "category", "speed": "number"},
        )


def test_arrays_are_tables_without_names():
    array = np.random.default_rng(0).normal(size=(5, 12))
    table_schema = TableSchema.from_table(array)
    np.testing.assert_array_equal(
        table_schema.inputs(array)["numbers"], array.astype("float32")
    )
    np.testing.assert_array_equal(
        table_schema.inputs(array.tolist())["numbers"], array.astype("float32")
    )
    for width in (11, 13):
        for rows in (np.zeros((5, width)), [[0.0] * width]):
            with pytest.raises(
                ValueError, match=f"12 columns.*Received: {width}$"
            ):
                table_schema.inputs(rows)


def test_identifiers_are_left_out_of_named_columns_with_a_warning():
    rows = np.stack([np.arange(20), np.arange(20) % 3], axis=1)
    assert set(TableSchema.from_table(rows).column_types.values()) == {"number"}
    with pytest.warns(UserWarning, match=r"'n' is ignored: it counts the rows"):
        schema = TableSchema.from_table({"n": rows[:, 0], "x": rows[:, 1]})
    assert schema.columns == ("x",)


def test_config_goes_through_json_and_keras():
    table_schema = fitted()
    text = json.dumps(table_schema.get_config(), sort_keys=True)
    assert TableSchema.from_config(json.loads(text)) == table_schema
    config = keras.saving.serialize_keras_object(table_schema)
    config = json.loads(json.dumps(config))
    assert keras.saving.deserialize_keras_object(config) == table_schema


def test_a_missing_column_is_named_with_a_similar_one():
    table = dict(TABLE)
    table["Speed"] = table.pop("speed")
    with pytest.raises(ValueError, match=r"'speed' is missing.*mean 'Speed'\?"):
        fitted().inputs(table)
    with pytest.raises(ValueError, match=r"'speed' is missing\. Add the"):
        table = {"note": [1], "wet": [1], "time": [1], "road": ["dry"]}
        fitted().inputs(table)


def test_text_and_infinity_are_named_by_column_and_row():
    with pytest.raises(ValueError, match=r"row 2 .*'speed': .*'fast'"):
        fitted().inputs({**TABLE, "speed": [1, 2, "fast", 4]})
    with pytest.raises(ValueError, match=r"row 1 .*'time': .*finite"):
        fitted().inputs({**TABLE, "time": [1, np.inf, 3, 4]})


def test_refuses_columns_of_unequal_length():
    with pytest.raises(ValueError, match=r"4 rows in 'wet', 3 in 'speed'"):
        fitted().inputs({**TABLE, "speed": [1, 2, 3]})


@pytest.mark.parametrize("table", [{"a": []}, np.zeros((0, 2))])
def test_refuses_tables_without_a_row(table):
    with pytest.raises(ValueError, match="has no row"):
        TableSchema.from_table(table)


@pytest.mark.parametrize("types", [{}, {"road": "ignored"}])
def test_refuses_tables_without_a_column_to_use(types):
    with pytest.raises(
        ValueError, match=r"from 1 to 5,000.*Received: 0\. Decl"
    ):
        TableSchema.from_table(TABLE, types)


def test_refuses_too_many_columns():
    with pytest.raises(ValueError, match=r"to 5,000 columns.*Received: 5,001"):
        TableSchema.from_table(np.zeros((1, 5001)))


def test_refuses_unknown_column_types():
    with pytest.raises(ValueError, match=r"'road' must be one of.*'text'"):
        TableSchema.from_table(TABLE, {"road": "text"})
