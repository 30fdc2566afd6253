"""Timestamps that are written as numbers."""

from collections.abc import Mapping

import numpy as np

from dlunits.columns.column_names import name_words
from dlunits.typing import Array

# Seconds of the unit in which each type counts from 1970-01-01 00:00 UTC.
EPOCH_UNITS = {
    "timestamp_s": 1.0,
    "timestamp_ms": 1e-3,
    "timestamp_us": 1e-6,
    "timestamp_ns": 1e-9,
}
EXCEL, DIGITS = "timestamp_excel", "timestamp_digits"
NUMERIC_TIMESTAMPS = (*EPOCH_UNITS, EXCEL, DIGITS)

EXCEL_EPOCH = -25_569  # days from 1970 to 1899-12-30, day 0 of Excel's serials
DAY = 86_400.0
# Beginnings of 2000 and 2100, in seconds since 1970. Epochs are inferred if all
# numbers are between them.
FIRST, LAST = 946_684_800.0, 4_102_444_800.0
FIRST_DIGITS = 19_000_101  # the earliest date as digits
MIN_DIGITS = 10  # rows of dates as digits, in a column with any name

TIME_WORDS = {"date", "datetime", "timestamp", "epoch"}
TIME_NAMES = {"time", "ts"}


def numeric_timestamps(numbers: Array, column_type: str) -> Array:
    """Converts numbers to seconds since 1970-01-01 00:00 UTC.

    | type               | number                                       |
    |--------------------|----------------------------------------------|
    | `timestamp_s`      | seconds since 1970 UTC                       |
    | `timestamp_ms`     | milliseconds since 1970 UTC                  |
    | `timestamp_us`     | microseconds since 1970 UTC                  |
    | `timestamp_ns`     | nanoseconds since 1970 UTC                   |
    | `timestamp_excel`  | days since 1899-12-30, as Excel stores dates |
    | `timestamp_digits` | 20240131, 2024013114, 202401311405 or        |
    |                    | 20240131140559                               |

    Args:
        numbers: Float64 `(rows,)`, NaN where missing.
        column_type: One of `NUMERIC_TIMESTAMPS`.

    Returns:
        Float64 `(rows,)`, NaN where missing or where digits are not a date.

    Example:

    Noon of 2 January 1970 in three ways, and a date that does not exist,
    30 February:

    >>> numeric_timestamps(np.array([129_600_000.0]), "timestamp_ms")
    array([129600.])
    >>> numeric_timestamps(np.array([25_570.5]), "timestamp_excel")
    array([129600.])
    >>> numeric_timestamps(
    ...     np.array([1970010212.0, 20240230.0]), "timestamp_digits"
    ... )
    array([129600.,     nan])
    """
    if column_type == EXCEL:
        return np.round((numbers + EXCEL_EPOCH) * DAY, 3)
    if column_type == DIGITS:
        return digits_to_seconds(numbers)
    return numbers * EPOCH_UNITS[column_type]


def unconverted(column_types: Mapping[str, str]) -> dict[str, str]:
    """Column types that read numeric timestamps as plain numbers.

    They are for columns that a `TableSchema` converts: a second conversion
    would be wrong.

    Args:
        column_types: Dict from column name to type.

    Returns:
        The dict with `"number"` in place of the types of `NUMERIC_TIMESTAMPS`.

    Example:

    >>> unconverted({"t": "timestamp_ms", "x": "number"})
    {'t': 'number', 'x': 'number'}
    """
    return {
        name: "number" if column_type in NUMERIC_TIMESTAMPS else column_type
        for name, column_type in column_types.items()
    }


def digits_to_seconds(numbers: Array) -> Array:
    """Parses dates of 8, 10, 12 or 14 digits to seconds; NaN if invalid."""
    seconds = np.full(len(numbers), np.nan)
    for length in (8, 10, 12, 14):
        rows = np.flatnonzero(
            (numbers >= 10 ** (length - 1))
            & (numbers < 10**length)
            & (numbers == np.floor(numbers))
        )
        digits = numbers[rows].astype("int64") * 10 ** (14 - length)
        parts = [digits // 10**place % 100 for place in (8, 6, 4, 2, 0)]
        month, day, hour, minute, second = parts
        year = digits // 10**10
        known = (month >= 1) & (month <= 12) & (year >= 1900) & (year < 2100)
        months = np.where(known, 12 * (year - 1970) + month - 1, 0)
        first = months.astype("M8[M]").astype("M8[D]")
        date = first + (day - 1)
        valid = known & (day >= 1) & (date.astype("M8[M]") == first)
        valid &= (hour < 24) & (minute < 60) & (second < 60)
        found = date.astype("int64") * DAY + 3600 * hour + 60 * minute + second
        seconds[rows] = np.where(valid, found, np.nan)
    return seconds


class NumericTimestampRecognition:
    """Recognizes timestamps among the columns of numbers.

    A column has the name of a time if the name is `time` or `ts`, or a word of
    it is `date`, `datetime`, `timestamp` or `epoch`.

    - Whole numbers that are all dates as digits, such as 202401311405, are
      `timestamp_digits` if there are at least 10, or the column has the name
      of a time.
    - Numbers that are all from 2000 to 2099 in seconds, milliseconds,
      microseconds or nanoseconds since 1970 are timestamps if the column has
      the name of a time.
    - Numbers that are all from 2000 to 2099 as serial dates of Excel are
      timestamps if a word of the name is `date` or `datetime`.

    Args:
        name: Name of the column.
        is_time: Whether the column is known to hold times. Its name is then
            ignored.

    Example:

    >>> column = NumericTimestampRecognition("time")
    >>> column.update(np.array([1_704_067_200_000.0, np.nan]))
    >>> column.column_type
    'timestamp_ms'
    """

    def __init__(self, name: str, is_time: bool = False) -> None:
        words = name_words(name)
        self.is_date = not {"date", "datetime"}.isdisjoint(words)
        self.is_time = (
            is_time
            or not TIME_WORDS.isdisjoint(words)
            or (len(words) == 1 and words[0] in TIME_NAMES)
        )
        self.lowest, self.highest = np.inf, -np.inf
        self.num_values = 0
        self.are_digits = True

    def update(self, numbers: Array) -> None:
        """Reads the numbers of further rows, NaN where missing."""
        numbers = numbers[~np.isnan(numbers)]
        if len(numbers) == 0:
            return
        self.num_values += len(numbers)
        self.lowest = min(self.lowest, float(numbers.min()))
        self.highest = max(self.highest, float(numbers.max()))
        self.are_digits = self.are_digits and (
            self.lowest >= FIRST_DIGITS
            and not np.isnan(digits_to_seconds(numbers)).any()
        )

    @property
    def column_type(self) -> str | None:
        """Type of the timestamps, `None` if the numbers are not timestamps."""
        if not self.num_values:
            return None
        if self.are_digits and (
            self.is_time
            or (self.num_values >= MIN_DIGITS and self.lowest < self.highest)
        ):
            return DIGITS
        ends = np.array([self.lowest, self.highest])
        for column_type in NUMERIC_TIMESTAMPS[:-1]:
            named = self.is_date if column_type == EXCEL else self.is_time
            first, last = numeric_timestamps(ends, column_type)
            if named and FIRST <= first <= last < LAST:
                return column_type
        return None
