"""Columns as arrays, and errors for values of another type."""

import datetime
import time

import numpy as np
import pyarrow as pa
import pytest

from dlunits.columns import (
    MISSING_VALUES,
    InvalidCells,
    TableChunk,
    check_columns,
    column_array,
    read_columns,
)
from dlunits.data.tables.table_files import open_table


def array_of(values, column_type):
    table = pa.table({"a": values})
    return read_columns(TableChunk(table), {"a": column_type})["a"]


def chunk_of(path, text):
    path.write_text(text)
    (chunk,) = open_table(path).chunks()
    return chunk


@pytest.mark.parametrize(
    ("values", "column_type", "expected"),
    [
        (
            ["1", " -2.5 ", "+3", "1e3", "007", ".5", "NA"],
            "number",
            [1, -2.5, 3, 1000, 7, 0.5, np.nan],
        ),
        ([1, None, 3], "number", [1, np.nan, 3]),
        ([1.5, None, float("nan")], "number", [1.5, np.nan, np.nan]),
        ([True, None, False], "number", [1, np.nan, 0]),
        ([None, None], "number", [np.nan, np.nan]),
        (
            ["yes", "NO", " t ", "False", "1", "0", "-"],
            "boolean",
            [1, 0, 1, 0, 1, 0, np.nan],
        ),
        ([True, None, False], "boolean", [1, np.nan, 0]),
        ([1, 0, None], "boolean", [1, 0, np.nan]),
        (
            ["1970-01-02", " 1/2/1970 ", "?"],
            "timestamp",
            [86_400, 86_400, np.nan],
        ),
        (["1/2/1970"], "timestamp_day_first", [31 * 86_400]),
        ([datetime.date(1970, 1, 2), None], "timestamp", [86_400, np.nan]),
        ([datetime.datetime(1970, 1, 1, 0, 0, 1, 500_000)], "timestamp", [1.5]),
    ],
)
def test_values_become_floats_and_missing_ones_nan(
    values, column_type, expected
):
    array = array_of(values, column_type)
    assert array.dtype == "float64"
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("column_type", ["number", "boolean", "timestamp"])
def test_every_text_for_missing_is_missing(column_type):
    assert np.isnan(array_of(list(MISSING_VALUES), column_type)).all()


def test_categories_become_strings_and_missing_ones_empty():
    words = pa.array(["x", " y ", None, "NA", "x"])
    for column in (words, words.dictionary_encode()):
        array = array_of(column, "category")
        assert array.dtype == object
        assert array.tolist() == ["x", "y", "", "", "x"]


def test_codes_are_the_same_category_as_text_and_as_numbers():
    for values in (["1", "2", ""], [1, 2, None], [1.0, 2.0, None]):
        assert array_of(values, "category").tolist() == ["1", "2", ""]


def test_decimal_commas_are_read_where_the_file_has_them(tmp_path):
    chunk = chunk_of(tmp_path / "new.csv", "a;b\n1,5;2\n-,25;NA\n")
    arrays = read_columns(chunk, {"a": "number", "b": "number"})
    assert arrays["a"].tolist() == [1.5, -0.25]


def test_a_point_is_an_error_where_commas_are_decimal_separators(tmp_path):
    chunk = chunk_of(tmp_path / "new.csv", "a;b\n1,5;2\n2,5;1.23\n")
    with pytest.raises(ValueError, match=r"line 3, column 'b'.* '1\.23'"):
        read_columns(chunk, {"b": "number"})


@pytest.mark.parametrize(
    ("texts", "column_type", "decimal", "numbers"),
    [
        (["1,500", "-12,345,678.5"], "number", ".", [1500, -12345678.5]),
        (["1.500", "-12.345.678,5"], "number", ",", [1500, -12345678.5]),
        (["1 000", "1\u202f000", "1'000"], "number", ".", [1000] * 3),
        (["57%", "5.5 %", "7"], "number [%]", ".", [57, 5.5, 7]),
        (["1.250,5 kW", "-2kW"], "number [kW]", ",", [1250.5, -2]),
        (["$1,500", "-$ 2", "3 $"], "number [$]", ".", [1500, -2, 3]),
        (["20 m/s²"], "number [m/s²]", ".", [20]),
        (["1e3 V"], "number [V]", ".", [1000]),
    ],
)
def test_thousands_units_and_currencies(texts, column_type, decimal, numbers):
    array = column_array(pa.array(texts), column_type, decimal)
    assert array.tolist() == numbers


@pytest.mark.parametrize(
    ("text", "column_type"),
    [
        *(("1,5", "number"), ("1,50,000", "number"), ("1234,567", "number")),
        *(("5 MW", "number [kW]"), ("kW", "number [kW]"), ("5 %", "number")),
    ],
)
def test_other_units_and_groups_are_not_numbers(text, column_type):
    with pytest.raises((pa.ArrowInvalid, ValueError)):
        column_array(pa.array([text]), column_type)


def test_invalid_cells_are_missing_and_listed_with_their_lines(tmp_path):
    lines = [f"{i},yes" for i in range(100)]
    lines[3], lines[50], lines[97] = "ERR,yes", "inf,maybe", "-,no"
    chunk = chunk_of(tmp_path / "new.csv", "a,b\n" + "\n".join(lines))
    cells = InvalidCells()
    arrays = read_columns(chunk, {"a": "number", "b": "boolean"}, cells)
    assert np.flatnonzero(np.isnan(arrays["a"])).tolist() == [3, 50, 97]
    assert np.flatnonzero(np.isnan(arrays["b"])).tolist() == [50]
    assert cells.counts == {"a": 2, "b": 1}
    assert cells.rows == {3, 50}
    first, second = cells.messages
    assert "2 in column 'a': expected a number, found 'ERR' (" in first
    assert "new.csv, line 5), 'inf' (" in first
    assert "1 in column 'b'" in second
    assert "new.csv, line 52)" in second


def test_arrays_have_the_order_of_the_types_without_ignored_columns():
    chunk = TableChunk(
        pa.table({"a": ["1"], "b": ["2"], "c": ["3"], "d": ["x"]})
    )
    types = {"c": "number", "b": "ignored", "a": "category"}
    assert list(read_columns(chunk, types)) == ["c", "a"]


@pytest.mark.parametrize(
    ("bad", "column_type", "expected"),
    [
        ("abc", "number", "a number"),
        ("1 00", "number", "a number"),
        ("inf", "number", "a finite number"),
        ("-Infinity", "number", "a finite number"),
        ("1e999", "number", "a finite number"),
        ("maybe", "boolean", "true or false"),
        ("31/1/2024", "timestamp", "a date or a time"),
    ],
)
@pytest.mark.parametrize("row", [0, 1, 499, 999])
def test_the_first_bad_value_is_named_with_file_line_and_column(
    tmp_path, bad, column_type, expected, row
):
    good = {"number": "1", "boolean": "no", "timestamp": "2024-01-01"}[
        column_type
    ]
    rows = [f'"two\nlines";{good}'] * 1000
    rows[row] = f"x;{bad}"
    rows[-1] = f"x;{bad}"
    chunk = chunk_of(tmp_path / "new.csv", "a;b\n" + "\n".join(rows))
    line = 2 + 2 * row
    with pytest.raises(
        ValueError,
        match=f"new.csv, line {line}, column 'b': expected {expected}, "
        f"found '{bad}'. Correct",
    ) as error:
        read_columns(chunk, {"b": column_type})
    assert "\n" not in str(error.value)


def test_an_unexpected_decimal_comma_is_named_with_the_remedy():
    with pytest.raises(ValueError, match=r"found '1,5'.*give decimal=','"):
        array_of(["1", "1,5"], "number")


def test_a_row_in_memory_is_named_by_its_number():
    table = pa.table({"a": [1.0, float("inf")]})
    with pytest.raises(
        ValueError, match=r"^The table, row 11 .*, column 'a': .* found inf"
    ):
        read_columns(TableChunk(table, first_row=10), {"a": "number"})


def test_a_list_is_not_a_value():
    with pytest.raises(ValueError, match=r"expected text, found \[1\]"):
        array_of([[1], [2]], "category")


def test_a_long_text_is_shortened_in_the_message():
    with pytest.raises(ValueError, match=r"x\.\.\. \(1002 characters\)"):
        array_of(["x" * 1000], "number")


def test_missing_columns_are_named_and_other_columns_are_allowed_in_any_order():
    check_columns(["b", "c", "a"], ["a", "b"])
    with pytest.raises(
        ValueError,
        match=r"^new.csv: column 'Flow rate' \(and 1 more\) is missing. "
        r"Did you mean 'flowrate'\?",
    ):
        check_columns(["flowrate"], ["Flow rate", "z"], "new.csv")
    with pytest.raises(ValueError, match=r"'z' is missing\. Add the column"):
        check_columns(["a"], ["z"])


def test_ten_thousand_columns_take_seconds_at_most():
    names = [f"column {i}" for i in range(10_000)]
    chunk = TableChunk(pa.table({name: ["1.5", "NA"] for name in names}))
    start = time.process_time()
    arrays = read_columns(chunk, dict.fromkeys(names, "number"))
    with pytest.raises(ValueError, match="'Column 10000'"):
        check_columns(names, ["Column 10000"])
    assert time.process_time() - start < 10  # quadratic: minutes
    assert len(arrays) == 10_000
