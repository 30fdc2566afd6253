"""Dates and times against Python's datetime."""

import datetime

import pyarrow as pa
import pytest

from dlunits.columns import parse_timestamps


def seconds_of(*texts, **options):
    return parse_timestamps(pa.array(texts), **options).to_pylist()


def expected(*parts, **options):
    zone = datetime.UTC
    return datetime.datetime(*parts, tzinfo=zone, **options).timestamp()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("2024-01-31", (2024, 1, 31)),
        ("2024-01-31 14:05", (2024, 1, 31, 14, 5)),
        ("2024-01-31T14:05:59", (2024, 1, 31, 14, 5, 59)),
        ("2024-01-31T14:05:59.25", (2024, 1, 31, 14, 5, 59, 250_000)),
        ("2024-01-31 14:05:59,250", (2024, 1, 31, 14, 5, 59, 250_000)),
        ("2024-01-31 14:05:59.123456789", (2024, 1, 31, 14, 5, 59, 123_456)),
        ("2024-01-31T14:05:59Z", (2024, 1, 31, 14, 5, 59)),
        ("2024-01-31 14:05:59 UTC", (2024, 1, 31, 14, 5, 59)),
        ("2024-01-31T14:05:59+01:00", (2024, 1, 31, 13, 5, 59)),
        ("2024-01-31 14:05:59 -0500", (2024, 1, 31, 19, 5, 59)),
        ("2024/1/3 4:05", (2024, 1, 3, 4, 5)),
        ("31.1.2024", (2024, 1, 31)),
        ("1949-01", (1949, 1, 1)),
        ("1949/1", (1949, 1, 1)),
        ("31.1.24", (2024, 1, 31)),
        ("1/31/68 14:05", (2068, 1, 31, 14, 5)),
        ("1/31/69", (1969, 1, 31)),
        ("12-31-99", (1999, 12, 31)),
        ("01 31 2018 00:00", (2018, 1, 31)),
        ("01-Apr-2023", (2023, 4, 1)),
        ("1 April 2023 2:05 PM", (2023, 4, 1, 14, 5)),
        ("30-SEP-99", (1999, 9, 30)),
        ("Sept. 30, 2023", (2023, 9, 30)),
        ("April 1 2023 14:05", (2023, 4, 1, 14, 5)),
        ("Sat, 1 Apr 2023 14:05:00 +0200", (2023, 4, 1, 12, 5)),
        ("Saturday 1 April 2023", (2023, 4, 1)),
        ("2023-12-31 24:00", (2024, 1, 1)),
        ("31.12.2023 24:00:00", (2024, 1, 1)),
        ("31.01.2024 14:05:59", (2024, 1, 31, 14, 5, 59)),
        ("1/31/2024 2:05 PM", (2024, 1, 31, 14, 5)),
        ("01/31/2024 12:05:59 am", (2024, 1, 31, 0, 5, 59)),
        ("1/31/2024 12:05 p.m.", (2024, 1, 31, 12, 5)),
        ("1/31/2024 11:05 AM", (2024, 1, 31, 11, 5)),
        ("1677-01-01", (1677, 1, 1)),
        ("9999-12-31 23:59", (9999, 12, 31, 23, 59)),
    ],
)
def test_common_formats_are_parsed(text, parts):
    assert seconds_of(text) == pytest.approx([expected(*parts)], abs=1e-6)


def test_the_day_is_first_with_day_first():
    assert seconds_of("2/1/2024 9:00", day_first=True) == [
        expected(2024, 1, 2, 9)
    ]
    assert seconds_of("2/1/2024 9:00") == [expected(2024, 2, 1, 9)]


def test_formats_may_be_mixed_and_null_stays_null():
    assert seconds_of("2024-01-31", None, "31.1.2024 1:00", "1/31/2024") == [
        expected(2024, 1, 31),
        None,
        expected(2024, 1, 31, 1),
        expected(2024, 1, 31),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "12:00",
        "2024",
        "2024-02-30",
        "31/1/2024",
        "1.5",
        "1.2.3.4",
        "maybe 1",
        "",
    ],
)
def test_other_texts_are_rejected(text):
    with pytest.raises(pa.ArrowInvalid):
        seconds_of("2024-01-31", text)
