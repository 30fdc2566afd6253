"""Timestamps that are numbers."""

import datetime

import numpy as np
import pytest

from dlunits.columns import infer_column_types, read_columns, table_chunk
from dlunits.columns.numeric_timestamps import (
    NumericTimestampRecognition,
    digits_to_seconds,
    numeric_timestamps,
)

NOON = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC).timestamp()
STEPS = np.arange(30) * 3600.0


def type_of(numbers, name, is_time=False):
    column = NumericTimestampRecognition(name, is_time)
    for part in np.array_split(np.asarray(numbers, "float64"), 3):
        column.update(part)
    return column.column_type


@pytest.mark.parametrize(
    ("column_type", "number"),
    [
        ("timestamp_s", NOON),
        ("timestamp_ms", NOON * 1e3),
        ("timestamp_us", NOON * 1e6),
        ("timestamp_ns", NOON * 1e9),
        ("timestamp_excel", 45351.5),  # what Excel shows for 2024-02-29 12:00
        ("timestamp_digits", 2024022912),
        ("timestamp_digits", 202402291200),
        ("timestamp_digits", 20240229120000),
    ],
)
def test_numbers_are_the_seconds_of_their_unit(column_type, number):
    numbers = np.array([number, np.nan])
    np.testing.assert_array_equal(
        numeric_timestamps(numbers, column_type), [NOON, np.nan]
    )
    chunk = table_chunk({"t": [f"{number:.0f}" if number % 1 == 0 else number]})
    assert read_columns(chunk, {"t": column_type})["t"] == [NOON]


@pytest.mark.parametrize(
    "number",
    [
        *(20240230, 20241301, 20240100, 2024013124, 202401311260, 2024),
        *(1.5, 20240131.5, 18991231, 21000101, -20240131, 0, 1e300),
    ],
)
def test_other_digits_are_not_a_date(number):
    assert np.isnan(digits_to_seconds(np.array([number]))).all()


def test_a_day_before_1970_is_negative():
    assert digits_to_seconds(np.array([19691231.0])).tolist() == [-86400.0]


@pytest.mark.parametrize(
    ("numbers", "name", "column_type"),
    [
        (NOON + STEPS, "time", "timestamp_s"),
        ((NOON + STEPS) * 1e3, "event_timestamp", "timestamp_ms"),
        ((NOON + STEPS) * 1e6, "ts", "timestamp_us"),
        ((NOON + STEPS) * 1e9, "eventDate", "timestamp_ns"),
        (45000 + STEPS / 86400, "Date", "timestamp_excel"),
        (20240101 + np.arange(30), "x", "timestamp_digits"),
        (202401010000 + np.arange(30), "x", "timestamp_digits"),
        ([20240101, 20240102], "date", "timestamp_digits"),
    ],
)
def test_timestamps_are_recognized(numbers, name, column_type):
    assert type_of([*numbers, np.nan], name) == column_type


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        (NOON + STEPS, "population"),
        (NOON + STEPS, "response_time_ns"),
        (STEPS, "time"),  # seconds since the start
        (45000 + STEPS, "time"),  # more of them
        (45000 + STEPS, "price"),
        ([20240101, 20240102], "x"),  # too few
        ([20240101] * 30, "x"),  # constant
        (20240101 + np.arange(40), "date"),  # 32 January and so on
        ([np.nan] * 9, "time"),
    ],
)
def test_other_numbers_are_not_timestamps(numbers, name):
    assert type_of(numbers, name) is None


def test_a_column_that_is_known_to_hold_times_needs_no_name():
    assert type_of(NOON + STEPS, "x", is_time=True) == "timestamp_s"
    assert type_of(STEPS, "x", is_time=True) is None
    table = {"x": (NOON + STEPS) * 1e3, "n": np.arange(30), "y": STEPS % 7}
    types, reasons = infer_column_types(table, timestamp_column="x")
    assert (types["x"], types["n"]) == ("timestamp_ms", "ignored")
    types, reasons = infer_column_types(table, timestamp_column="n")
    assert (types["x"], types["n"]) == ("ignored", "number")
    assert reasons["x"].startswith("is an identifier")


def test_numbers_that_are_not_of_the_declared_type_are_rejected():
    table = {"t": ["20240131", "20240132"]}
    with pytest.raises(
        ValueError, match=r"row 1 .* a date as digits.*, found '20240132'"
    ):
        read_columns(table_chunk(table), {"t": "timestamp_digits"})
