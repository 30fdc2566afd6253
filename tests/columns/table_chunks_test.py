"""Tables of any source as chunks of rows, and their columns as arrays."""

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest

from dlunits.columns import infer_column_types, read_columns, table_chunk
from dlunits.columns.table_chunks import arrow_array

NOON = datetime.datetime(2024, 1, 2, 12)
NOON_SECONDS = 1_704_196_800.0  # 19,724 days of 86,400 s, and 12 h
COLUMNS = {
    "number": [1, None],
    "fraction": [1.5, None],
    "boolean": [True, None],
    "timestamp": [NOON, None],
    "category": ["A", None],
}
TYPES = {
    "number": "number",
    "fraction": "number",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "category": "category",
}


def pandas_frame(columns):
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    return pandas.DataFrame(columns)


def polars_frame(columns):
    polars = pytest.importorskip("polars", reason="polars is optional")
    return polars.DataFrame(columns)


SOURCES = pytest.mark.parametrize(
    "source", [dict, pa.table, pandas_frame, polars_frame]
)


def read(values, column_type, **options):
    chunk = table_chunk({"a": values}, **options)
    return read_columns(chunk, {"a": column_type})["a"]


@SOURCES
def test_tables_of_every_source_have_the_same_types_and_values(source):
    table = source(COLUMNS)
    assert infer_column_types(table) == (TYPES, {})
    columns = read_columns(table_chunk(table), TYPES)
    for name, value in (
        ("number", 1),
        ("fraction", 1.5),
        ("boolean", 1),
        ("timestamp", NOON_SECONDS),
    ):
        np.testing.assert_array_equal(columns[name], [value, np.nan])
    assert columns["category"].tolist() == ["A", ""]


class Labeled:
    """A column whose rows have labels, as after sorting or dropping rows."""

    def __init__(self, values, labels):
        self.values = np.asarray(values)
        self.of_label = dict(zip(labels, values, strict=True))

    def __len__(self):
        return len(self.values)

    def __getitem__(self, label):
        return self.of_label[label]

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def test_polars_columns_of_objects_are_read():
    polars = pytest.importorskip("polars", reason="polars is optional")
    column = polars.Series(["dry", None, "wet"], dtype=polars.Object)
    assert arrow_array(column).to_pylist() == ["dry", None, "wet"]


def test_rows_are_found_by_position_whatever_their_labels():
    table = {
        "number": Labeled([1.5, 2.5], [7, 3]),
        "boolean": Labeled([True, False], [7, 3]),
        "timestamp": Labeled(np.array([NOON, NOON], "datetime64[s]"), [7, 3]),
    }
    assert infer_column_types(table)[0] == {name: name for name in table}
    columns = read_columns(table_chunk(table), {"number": "number"})
    assert columns["number"].tolist() == [1.5, 2.5]


def test_pandas_columns_with_missing_values_are_read():
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    table = {
        "boolean": pandas.Series([True, None, False], dtype="boolean"),
        "number": pandas.Series([1, None, 2], dtype="Int64"),
        "timestamp": pandas.Series([NOON, None, NOON]).dt.tz_localize("UTC"),
    }
    types = {name: name for name in table}
    assert infer_column_types(table)[0] == types
    columns = read_columns(table_chunk(table), types)
    np.testing.assert_array_equal(columns["boolean"], [1, np.nan, 0])
    np.testing.assert_array_equal(columns["number"], [1, np.nan, 2])
    np.testing.assert_array_equal(
        columns["timestamp"], [NOON_SECONDS, np.nan, NOON_SECONDS]
    )


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_of_every_unit_are_seconds(unit):
    values = pa.array([1000, None], pa.duration("ms")).cast(pa.duration(unit))
    table = pa.table({"a": values, "b": [1.5, 2.5]})
    assert infer_column_types(table)[0]["a"] == "number"
    np.testing.assert_array_equal(read(values, "number"), [1, np.nan])
    days = np.array([1, 2], "m8[D]")
    assert read(days, "number").tolist() == [86400, 172800]


def test_times_of_day_are_seconds_since_midnight():
    times = [datetime.time(0, 1), datetime.time(12)]
    for data_type in (pa.time32("s"), pa.time32("ms"), pa.time64("us")):
        values = pa.array(times, data_type)
        assert infer_column_types(pa.table({"a": values}))[0]["a"] == "number"
        assert read(values, "number").tolist() == [60, 43200]


def test_decimals_are_numbers():
    values = [decimal.Decimal("1.5"), None, decimal.Decimal("2.5")]
    assert infer_column_types({"a": values})[0]["a"] == "number"
    np.testing.assert_array_equal(read(values, "number"), [1.5, np.nan, 2.5])


def test_periods_are_timestamps_and_intervals_are_ignored():
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    frame = pandas.DataFrame(
        {
            "month": pandas.period_range("1970-01", periods=20, freq="M"),
            "span": pandas.interval_range(0, 20),
        }
    )
    types, reasons = infer_column_types(frame)
    assert types == {"month": "timestamp", "span": "ignored"}
    assert reasons["span"].startswith("holds lists or structures")
    months = read_columns(table_chunk(frame), {"month": "timestamp"})["month"]
    assert months[:2].tolist() == [0, 31 * 86400]


class Lazy:
    """Like a lazy frame of polars, which has names but no columns."""

    columns = ("a",)

    def collect(self):
        return pa.table({"a": [1.5, 2.5]})


@pytest.mark.parametrize(
    "table", [Lazy(), pa.record_batch({"a": [1.5, 2.5]})], ids=["lazy", "batch"]
)
def test_lazy_frames_and_record_batches_are_tables(table):
    assert infer_column_types(table) == ({"a": "number"}, {})
    assert table_chunk(table).table.to_pydict() == {"a": [1.5, 2.5]}


def test_a_reader_of_batches_is_rejected_as_it_can_be_read_only_once():
    reader = pa.table({"a": [1.5, 2.5]}).to_reader()
    with pytest.raises(ValueError, match="RecordBatchReader"):
        table_chunk(reader)


@pytest.mark.parametrize("unit", ["m", "s", "ms", "us", "ns"])
def test_timestamps_of_every_unit_are_seconds_since_1970(unit):
    times = [
        datetime.datetime(1969, 12, 31, 23, 59),
        datetime.datetime(1970, 1, 1),
        datetime.datetime(2024, 2, 29, 1, 2),
        datetime.datetime(2261, 5, 6, 7),
    ]
    expected = [t.replace(tzinfo=datetime.UTC).timestamp() for t in times]
    array = np.array(times, f"datetime64[{unit}]")
    np.testing.assert_allclose(read(array, "timestamp"), expected)


def test_numbers_in_a_timestamp_column_are_seconds_since_1970():
    seconds = np.array([NOON_SECONDS, 0.25, np.nan])
    np.testing.assert_array_equal(read(seconds, "timestamp"), seconds)
    np.testing.assert_array_equal(read([1, None], "timestamp"), [1, np.nan])


def test_text_that_is_a_number_is_read():
    column = np.array([" 1e3", "", None, "-2", "nan", 3, "NA"], object)
    np.testing.assert_array_equal(
        read(column, "number"), [1000, np.nan, np.nan, -2, np.nan, 3, np.nan]
    )


def test_numbers_among_texts_have_the_decimal_separator_of_the_table():
    column = [1.5, "2,5", None, "-", 7]
    np.testing.assert_array_equal(
        read(column, "number", decimal=","), [1.5, 2.5, np.nan, np.nan, 7]
    )


@pytest.mark.parametrize("value", ["high", "1,5", "true"])
def test_text_among_numbers_is_named_by_column_and_row(value):
    column = np.array([1, None, None, value], object)
    with pytest.raises(
        ValueError,
        match=r"^The table, row 3 \(counted from 0\), column 'a': expected a n",
    ):
        read(column, "number")


@pytest.mark.parametrize("value", [np.inf, -np.inf, "inf"])
def test_infinite_numbers_are_named_by_column_and_row(value):
    with pytest.raises(ValueError, match=r"row 2 .*'a': .*finite.*inf"):
        read([1.0, np.nan, value], "number")


def test_mixed_columns_become_text_as_in_a_file():
    assert arrow_array([7, 7.0, "x", None, True]).to_pylist() == (
        ["7", "7", "x", None, "true"]
    )
    assert read([7, 7.0, "7.0", "x", None], "category").tolist() == (
        ["7", "7", "7", "x", ""]
    )


def test_integers_beyond_64_bits_are_read():
    assert read([2**70, 1], "number").tolist() == [2.0**70, 1.0]


@pytest.mark.parametrize("table", [np.zeros(3), np.zeros((2, 3, 4))])
def test_arrays_with_other_than_two_axes_are_rejected(table):
    with pytest.raises(ValueError, match=r"\(rows, columns\)\. Received: sha"):
        table_chunk(table)


@pytest.mark.parametrize(
    "table",
    [
        [[1, None], [2.5, "A"]],
        ((1, None), (2.5, "A")),
        [np.array([1, None], object), [2.5, "A"]],
    ],
)
def test_rows_in_a_list_have_numbered_columns(table):
    columns = table_chunk(table).table.to_pydict()
    assert columns == {"column_1": [1, 2.5], "column_2": [None, "A"]}


def test_records_have_the_columns_of_all_of_them():
    records = [{"a": 1, "b": "A"}, {"c": True, "a": 2}]
    assert table_chunk(records).table.to_pydict() == {
        "a": [1, 2],
        "b": ["A", None],
        "c": [None, True],
    }


def test_a_dict_of_values_is_one_row():
    record = {"a": 1.5, "b": "dry", "c": None, "d": NOON, "e": np.int64(3)}
    assert table_chunk(record).table.to_pylist() == [record]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "no row"),
        ([[1, 2], [3]], "2 values in row 0, 1 in row 1"),
        ([1, 2], "<class 'int'> at index 0"),
        (["12", "34"], "<class 'str'> at index 0"),
        ([[1], {"a": 1}], "<class 'dict'> at index 1"),
        ([np.zeros((2, 2))], "<class 'numpy.ndarray'> at index 0"),
        ({"a": [1, 2], "b": 3}, r"'b' must be of shape \(rows,\)"),
    ],
)
def test_lists_that_are_not_a_table_are_rejected(table, message):
    with pytest.raises(ValueError, match=message):
        table_chunk(table)


@pytest.mark.parametrize("table", [None, 3, "a.csv"])
def test_objects_without_columns_are_rejected(table):
    with pytest.raises(ValueError, match=r"must be a dict .*Received: <class"):
        table_chunk(table)


def test_columns_with_two_axes_are_rejected():
    with pytest.raises(ValueError, match=r"'a' must be of shape \(rows,\)"):
        table_chunk({"a": np.zeros((2, 1))})


def test_repeated_column_names_are_rejected():
    columns = [pa.array([1]), pa.array([2])]
    with pytest.raises(ValueError, match=r"different names.*'a' twice"):
        table_chunk(pa.table(columns, names=["a", "a"]))


def test_columns_of_unequal_length_are_rejected_if_they_are_used():
    table = {"a": [1, 2], "b": [1], "c": [3, 4]}
    assert table_chunk(table, ["a", "c"]).table.num_rows == 2
    with pytest.raises(ValueError, match="2 rows in 'a', 1 in 'b'"):
        table_chunk(table)
