"""Columns of tables of any make, and what is said of values that do not fit."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from dlunits.models import TableSchema
from dlunits.models.anomaly.column_values import (
    as_codes,
    as_numbers,
    as_timestamps,
    columns_of,
    kinds_of,
    vocabulary_of,
)
from dlunits.models.anomaly.value_formatting import explanation

NOON = datetime.datetime(2024, 1, 2, 12)  # a Tuesday
COLUMNS = {
    "number": [1, None],
    "fraction": [1.5, None],
    "boolean": [True, None],
    "timestamp": [NOON, None],
    "category": ["A", None],
}
KINDS = {
    "number": "number",
    "fraction": "number",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "category": "category",
}


def of_pandas(columns):
    pandas = pytest.importorskip("pandas", reason="An optional make of tables.")
    return pandas.DataFrame(columns)


MAKES = pytest.mark.parametrize("make", [dict, pa.table, of_pandas])


@MAKES
def test_tables_of_every_make_have_the_same_kinds_and_values(make):
    table = make(COLUMNS)
    assert kinds_of(table) == KINDS
    columns = columns_of(table)
    for name, value in (("number", 1), ("fraction", 1.5), ("boolean", 1)):
        numbers = as_numbers(name, columns[name])
        np.testing.assert_array_equal(numbers, [value, np.nan])
    timestamps = as_timestamps("timestamp", columns["timestamp"])
    np.testing.assert_array_equal(timestamps, [1.5 * 86400, np.nan])
    assert vocabulary_of("category", columns["category"], 9) == ("", "A")
    assert as_codes(columns["category"], ("", "A")).tolist() == [2, 1]


class Labeled:
    """A column whose rows have labels, as after sorting or dropping rows."""

    def __init__(self, values, labels):
        self.values = np.asarray(values)
        self.of_label = dict(zip(labels, values, strict=True))
        self.dtype = self.values.dtype

    def __len__(self):
        return len(self.values)

    def __getitem__(self, label):
        return self.of_label[label]

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def test_rows_are_found_by_their_place_whatever_their_labels():
    table = {
        "number": Labeled([1.5, 2.5], [7, 3]),
        "boolean": Labeled([True, False], [7, 3]),
        "timestamp": Labeled(np.array([NOON, NOON], "datetime64[s]"), [7, 3]),
    }
    columns = columns_of(table)
    assert all(type(column) is np.ndarray for column in columns.values())
    assert columns["number"][1] == 2.5
    assert kinds_of(table) == {name: name for name in table}


def test_a_frame_that_was_filtered_is_explained_row_by_row():
    frame = of_pandas({"speed": [9.0, 1.5, 2.5], "road": ["a", "dry", "icy"]})
    filtered = frame[frame["speed"] < 9]  # its rows are labeled 1 and 2
    known = TableSchema.learn(filtered)
    found = {"share": np.array([[0.9, 0.1], [0.2, 0.8]])}
    found |= {"numbers": np.ones((2, 1)), "codes": np.ones((2, 1))}
    told = explanation(known, filtered, found, top=1)
    assert told["seen"].tolist() == [["1.5"], ["icy"]]


def test_columns_of_pandas_that_may_lack_values_are_read():
    pandas = pytest.importorskip("pandas", reason="An optional make of tables.")
    table = {
        "on": pandas.Series([True, None, False], dtype="boolean"),
        "count": pandas.Series([1, None, 2], dtype="Int64"),
        "time": pandas.Series([NOON, None, NOON]).dt.tz_localize("UTC"),
    }
    assert list(kinds_of(table).values()) == ["boolean", "number", "timestamp"]
    columns = columns_of(table)
    on, count = (as_numbers(name, columns[name]) for name in ("on", "count"))
    np.testing.assert_array_equal(on, [1, np.nan, 0])
    np.testing.assert_array_equal(count, [1, np.nan, 2])
    timestamps = as_timestamps("time", columns["time"])
    np.testing.assert_array_equal(
        timestamps, [1.5 * 86400, np.nan, 1.5 * 86400]
    )


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_match_the_calendar(unit):
    times = [
        datetime.datetime(1969, 12, 31, 23, 59, 59),
        datetime.datetime(1970, 1, 1),
        datetime.datetime(2024, 2, 29, 1, 2, 3),
        datetime.datetime(2261, 5, 6, 7),
    ]
    expected = [
        t.weekday() * 86400 + t.hour * 3600 + t.minute * 60 + t.second
        for t in times
    ]
    array = np.array(times, f"datetime64[{unit}]")
    np.testing.assert_allclose(as_timestamps("t", array), expected)
    seconds = np.array(
        [t.replace(tzinfo=datetime.UTC).timestamp() for t in times]
    )
    np.testing.assert_allclose(as_timestamps("t", seconds), expected)


def test_moments_keep_fractions_of_a_second():
    seconds = np.array([1_704_067_200.25])  # Monday, 1 January 2024
    assert as_timestamps("t", seconds).tolist() == [0.25]


def test_text_that_is_a_number_is_read():
    column = np.array([" 1e3", "", None, "-2", "nan", 3, True], object)
    with pytest.raises(ValueError, match=r"'a', row 6: .* found 'True'"):
        as_numbers("a", column)
    np.testing.assert_array_equal(
        as_numbers("a", column[:6]), [1000, np.nan, np.nan, -2, np.nan, 3]
    )


@pytest.mark.parametrize("value", ["high", "1,5", [1.0], NOON])
def test_text_among_numbers_is_named_by_column_and_row(value):
    column = np.array([1, None, None, "x"], object)
    column[3] = value
    with pytest.raises(ValueError, match=r"^Column 'a', row 3: expected a num"):
        as_numbers("a", column)


@pytest.mark.parametrize("value", [np.inf, -np.inf, "inf"])
def test_infinite_numbers_are_named_by_column_and_row(value):
    column = np.array([1.0, np.nan, value])
    with pytest.raises(ValueError, match=r"^Column 'a', row 2: .*finite.*inf"):
        as_numbers("a", column)


def test_vocabulary_holds_the_most_frequent_texts():
    column = np.array([*"cccaabbbd", "", "", "", "", None, None], object)
    assert vocabulary_of("a", column[:9], 2) == ("b", "c")
    assert vocabulary_of("a", column[:9], 3) == ("a", "b", "c")
    assert vocabulary_of("a", column[:9], 9) == ("a", "b", "c", "d")


def test_what_is_missing_is_one_more_word_however_rare():
    column = np.array([*"cccaabbbd", "", np.nan, None], object)
    assert vocabulary_of("a", column, 2) == ("", "b", "c")
    assert vocabulary_of("a", column[9:], 9) == ("",)
    codes = as_codes(np.array(["b", "z", "", None, np.nan], object), ("", "b"))
    assert codes.tolist() == [2, 0, 1, 1, 1]
    # Where none was missing, it is as unknown as any new word.
    assert as_codes(np.array(["b", "z", None], object), ("b",)).tolist() == (
        [1, 0, 0]
    )


def test_codes_are_places_in_the_vocabulary():
    vocabulary = ("", "10", "7", "True", "é")
    column = np.array(["10", 7, 7.0, "e", "é", None, np.nan, True], object)
    expected = [2, 3, 3, 0, 5, 1, 1, 4]
    assert as_codes(column, vocabulary).tolist() == expected
    assert as_codes(np.array([7.0, np.nan]), vocabulary).tolist() == [3, 1]
    assert as_codes(np.array([10, 11]), vocabulary).tolist() == [2, 0]


def test_refuses_lists_for_texts():
    column = np.array([None, None], object)
    column[1] = ["a"]
    with pytest.raises(ValueError, match="'a': expected texts"):
        vocabulary_of("a", column, 9)


@pytest.mark.parametrize("table", [np.zeros(3), np.zeros((2, 3, 4))])
def test_refuses_arrays_that_are_no_tables(table):
    with pytest.raises(ValueError, match=r"\(rows, columns\)\. Received: sha"):
        columns_of(table)


@pytest.mark.parametrize("table", [None, 3, "a.csv"])
def test_refuses_what_has_no_columns(table):
    with pytest.raises(ValueError, match=r"must be a dict .*Received: <class"):
        columns_of(table)


def test_refuses_columns_of_two_axes():
    with pytest.raises(ValueError, match=r"'a' must be of shape \(rows,\)"):
        columns_of({"a": np.zeros((2, 1))})


def test_refuses_columns_of_one_name():
    columns = [pa.array([1]), pa.array([2])]
    with pytest.raises(ValueError, match=r"different names.*'a' twice"):
        columns_of(pa.table(columns, names=["a", "a"]))
