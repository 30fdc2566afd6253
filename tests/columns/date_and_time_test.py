"""Timestamps whose date and time of day are in two columns."""

import datetime

import pyarrow as pa
import pytest

from dlunits.columns import parse_timestamps
from dlunits.columns.date_and_time import is_time_of_day, join_date_and_time

AT = 19_753 * 86_400.0  # 31 January 2024


@pytest.mark.parametrize(
    ("time", "hours"),
    [
        ("14:05", 14 + 5 / 60),
        ("9:05:30", 9 + 5 / 60 + 30 / 3600),
        ("18.00.00", 18),
        ("18h30", 18.5),
        ("2 PM", 14),
        ("2:30 pm", 14.5),
        ("0", 0),
        ("24", 24),
        (datetime.time(14, 30), 14.5),
    ],
)
@pytest.mark.parametrize(
    "date",
    [
        *("2024-01-31", "31.1.2024", "1/31/2024", "31-Jan-2024", "20240131"),
        datetime.date(2024, 1, 31),
        datetime.datetime(2024, 1, 31),
    ],
)
def test_dates_and_times_in_any_form_are_joined(date, time, hours):
    joined = join_date_and_time(pa.array([date]), pa.array([time]))
    (seconds,) = parse_timestamps(joined).to_pylist()
    assert seconds == pytest.approx(AT + 3600 * hours)


@pytest.mark.parametrize(("date", "time"), [("2024-01-31", ""), ("NA", "9:00")])
def test_a_date_without_time_or_a_time_without_date_is_not_parsed(date, time):
    joined = join_date_and_time(pa.array([date]), pa.array([time]))
    with pytest.raises(pa.ArrowInvalid):
        parse_timestamps(joined)


def test_numbers_are_hours_only_in_a_column_named_hour():
    numbers = pa.array(["0", "5", "23"])
    assert is_time_of_day("hr", numbers)
    assert is_time_of_day("TimeOfDay", numbers)
    assert not is_time_of_day("threshold", numbers)
    assert not is_time_of_day("hour", pa.array(["0", "25"]))
