"""Values of one table column: missing values, numbers, booleans, texts.

Every reader of columns uses these definitions: CSV and Parquet files, data
frames and dicts, and, in TensorFlow, the endpoints of an exported model.
"""

import functools
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlunits.columns.numeric_timestamps import (
    DIGITS,
    NUMERIC_TIMESTAMPS,
    numeric_timestamps,
)
from dlunits.columns.sentinel_values import split_sentinel
from dlunits.columns.timestamp_parsing import parse_timestamps, to_seconds
from dlunits.typing import Array

COLUMN_TYPES = (
    "number",
    "boolean",
    "timestamp",
    "timestamp_day_first",
    *NUMERIC_TIMESTAMPS,
    "category",
    "ignored",
)

# Texts that stand for a missing value, without whitespace around them.
MISSING_VALUES = (
    "",
    "-",
    "?",
    "NA",
    "na",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "NaN",
    "nan",
    "NAN",
    "NaT",
    "null",
    "NULL",
    "Null",
    "None",
    "none",
    "NONE",
)

# Pairs of (true, false), in lower case. In a column that is declared as
# boolean, 1 and 0 are booleans as well.
BOOLEANS = (("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"))
TRUE = (*(true for true, _ in BOOLEANS), "1")
FALSE = (*(false for _, false in BOOLEANS), "0")

# A whole number that was written as a float, such as 7.0. `\1` is the text of
# the category. RE2 syntax, which pyarrow and TensorFlow both use.
WHOLE_NUMBER = r"^(-?[0-9]+)\.0+$"

# Unicode whitespace: the characters that `str.isspace` accepts.
WHITESPACE = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004"
    "\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


# Type of numbers that may be written with a unit or a currency sign.
UNIT_TYPE = re.compile(r"number \[(.+)\]")
# Thousands separators besides comma and period: apostrophes and spaces.
GROUP_SEPARATORS = "'\u2019 \xa0\u202f\u2009"


class ColumnTypeError(ValueError):
    """A value is not of the type of its column."""


def column_array(
    column: pa.Array | pa.ChunkedArray, column_type: str, decimal: str = "."
) -> Array:
    """Converts a column to a NumPy array by its type.

    | type                   | array                         | missing value |
    |------------------------|-------------------------------|---------------|
    | `number`               | float64                       | NaN |
    | `number [kW]`          | the same, from `30 kW` or `30` | NaN |
    | `number except -999`   | the same                      | NaN, or -999  |
    | `boolean`              | float64, 1 for true           | NaN |
    | `timestamp`            | float64, seconds since 1970 UTC | NaN |
    | `timestamp_day_first`  | the same, `1/2/2024` is in February | NaN |
    | `NUMERIC_TIMESTAMPS`   | the same, see `numeric_timestamps` | NaN |
    | `category`             | object, of strings            | `""` |

    A value is missing if it is null, NaN, or a text of `MISSING_VALUES`.
    Whitespace around a text is removed. Numbers in a timestamp column are
    seconds since 1970 UTC. Durations, and times of day in a typed table, are
    converted to seconds. Numbers may have thousands separators: `1'500`,
    `1 500`, and `1,500`, or `1.500` if the comma is the decimal separator.

    Args:
        column: Column of a `pyarrow.Table`.
        column_type: One of `COLUMN_TYPES` except `"ignored"`, or
            `"number [UNIT]"` for numbers with that unit or without one.
            `" except NUMBER"` may be appended to both types of numbers.
        decimal: Decimal separator of numbers that are texts, `"."` or `","`.

    Returns:
        Array `(rows,)`. Infinite numbers are kept.

    Raises:
        ColumnTypeError, pyarrow.ArrowException: If a value is not of the
            type.

    Example:

    >>> column_array(pa.array(["1,5", " NA ", "2"]), "number", decimal=",")
    array([1.5, nan, 2. ])
    >>> column_array(pa.array(["57 %", "1,250%"]), "number [%]")
    array([  57., 1250.])
    >>> column_array(pa.array([7.0, None]), "category").tolist()
    ['7', '']
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if column_type == "category":
        encoded = pc.dictionary_encode(pc.fill_null(category_texts(column), ""))
        values = np.array(encoded.dictionary.to_pylist(), object)
        return values[encoded.indices.to_numpy()]
    if is_number_type(column_type):
        numbers = read_numbers(column, decimal, unit_of(column_type))
        _, sentinel = split_sentinel(column_type)
        if sentinel is not None:
            array = numbers.to_numpy(zero_copy_only=False)
            return np.where(array == sentinel, np.nan, array)
    elif column_type in NUMERIC_TIMESTAMPS:
        return read_numeric_timestamps(column, column_type, decimal)
    elif column_type == "boolean":
        numbers = read_booleans(column)
    else:
        numbers = read_timestamps(column, column_type == "timestamp_day_first")
    return numbers.to_numpy(zero_copy_only=False)


def category_texts(column: pa.Array) -> pa.Array:
    """Converts a column to the texts of its categories.

    Zero decimals are removed from whole numbers, so that 7, 7.0 and "7" are the
    same category.

    Args:
        column: `pyarrow.Array` of texts, numbers or booleans.

    Returns:
        `pyarrow` array of strings, null where the value is missing.

    Raises:
        ColumnTypeError: If the column holds lists or structures.

    Example:

    >>> category_texts(pa.array([" dry", "7.0", "null"])).to_pylist()
    ['dry', '7', None]
    """
    texts = strip_missing(column)
    return pc.replace_substring_regex(texts, WHOLE_NUMBER, r"\1")


def is_number_type(column_type: str) -> bool:
    """Whether a column type is `"number"`, with or without unit and sentinel.

    Args:
        column_type: Type of a column.

    Returns:
        Boolean.

    Example:

    >>> is_number_type("number [kW] except -999"), is_number_type("category")
    (True, False)
    """
    column_type, _ = split_sentinel(column_type)
    return column_type == "number" or bool(unit_of(column_type))


def unit_of(column_type: str) -> str:
    """Unit of a column type.

    Args:
        column_type: Type of a column.

    Returns:
        The unit, `""` without one.

    Example:

    >>> unit_of("number [kW]")
    'kW'
    """
    match = UNIT_TYPE.fullmatch(split_sentinel(column_type)[0])
    return match[1] if match else ""


def read_numbers(column: pa.Array, decimal: str, unit: str = "") -> pa.Array:
    if is_elapsed(column.type):
        return elapsed_seconds(column)
    if is_numeric(column.type):
        return pc.cast(column, pa.float64(), safe=False)
    if decimal == "." and not unit:
        try:
            return pc.cast(as_text(column), pa.float64())
        except pa.ArrowInvalid:  # missing values, whitespace or separators
            pass
    text = strip_missing(column)
    if unit:
        text = remove_unit(text, unit)
    text = remove_group_separators(text, decimal)
    if decimal == ",":
        if pc.any(pc.match_substring(text, ".")).as_py():
            raise ColumnTypeError("A decimal point where commas are expected")
        text = pc.replace_substring(text, ",", ".")
    return pc.cast(text, pa.float64())


def remove_unit(text: pa.Array, unit: str) -> pa.Array:
    """Removes a unit after numbers, or a currency sign before them."""
    unit = re.escape(unit)
    return pc.replace_substring_regex(
        text, rf"^([-+]?){unit}\s*|\s*{unit}$", r"\1"
    )


def remove_group_separators(text: pa.Array, decimal: str) -> pa.Array:
    """Removes thousands separators.

    >>> texts = pa.array(["1,234,567.8", "1 000", "1,5"])
    >>> remove_group_separators(texts, ".").to_pylist()
    ['1234567.8', '1000', '1,5']
    """
    separators = GROUP_SEPARATORS + (",", ".")[decimal == ","]
    grouped = pc.match_substring_regex(
        text,
        rf"^[-+]?\d{{1,3}}([{separators}]\d{{3}})+(\{decimal}\d*)?$",
    )
    if not pc.any(grouped).as_py():
        return text
    plain = pc.replace_substring_regex(text, f"[{separators}]", "")
    return pc.if_else(grouped, plain, text)


def is_numeric(data_type: pa.DataType) -> bool:
    """Whether values of a `pyarrow` type are numbers without parsing.

    Args:
        data_type: Type of a `pyarrow` array.

    Returns:
        Boolean. Booleans and a column of nulls are numbers.

    Example:

    >>> is_numeric(pa.int32()), is_numeric(pa.string())
    (True, False)
    """
    tests = ("integer", "floating", "decimal", "boolean", "null")
    return any(getattr(pa.types, f"is_{test}")(data_type) for test in tests)


def is_elapsed(data_type: pa.DataType) -> bool:
    """Whether values of a `pyarrow` type are durations or times of day.

    Args:
        data_type: Type of a `pyarrow` array.

    Returns:
        Boolean.

    Example:

    >>> is_elapsed(pa.duration("ms")), is_elapsed(pa.timestamp("ms"))
    (True, False)
    """
    return pa.types.is_duration(data_type) or pa.types.is_time(data_type)


def elapsed_seconds(column: pa.Array) -> pa.Array:
    """Converts durations and times of day of any unit to seconds.

    >>> elapsed_seconds(pa.array([1500], pa.duration("ms"))).to_pylist()
    [1.5]
    """
    units = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
    whole = pa.int32() if column.type.bit_width == 32 else pa.int64()
    numbers = pc.cast(pc.cast(column, whole), pa.float64(), safe=False)
    return pc.divide(numbers, units[column.type.unit])


def read_booleans(column: pa.Array) -> pa.Array:
    if pa.types.is_boolean(column.type) or pa.types.is_null(column.type):
        return pc.cast(column, pa.float64())
    text = pc.utf8_lower(strip_missing(column))
    values = pc.if_else(
        is_in(text, TRUE),
        1.0,
        pc.if_else(is_in(text, FALSE), 0.0, pa.scalar(None, pa.float64())),
    )
    if values.null_count > text.null_count:
        raise ColumnTypeError("Neither true nor false")
    return values


def read_timestamps(column: pa.Array, day_first: bool) -> pa.Array:
    data_type = column.type
    if pa.types.is_timestamp(data_type):
        target = pa.timestamp("us", data_type.tz)
        return to_seconds(pc.cast(column, target, safe=False))
    if pa.types.is_date(data_type):
        return to_seconds(pc.cast(column, pa.timestamp("us")))
    if is_numeric(data_type) and not pa.types.is_boolean(data_type):
        return pc.cast(column, pa.float64(), safe=False)
    return parse_timestamps(strip_missing(column), day_first)


def read_numeric_timestamps(
    column: pa.Array, column_type: str, decimal: str
) -> Array:
    numbers = read_numbers(column, decimal).to_numpy(zero_copy_only=False)
    seconds = numeric_timestamps(numbers, column_type)
    if column_type == DIGITS and (np.isnan(seconds) & ~np.isnan(numbers)).any():
        raise ColumnTypeError("Digits that are not a date")
    return seconds


def as_text(column: pa.Array) -> pa.Array:
    """Casts a column to strings.

    Args:
        column: `pyarrow` array.

    Returns:
        `pyarrow` array of strings.

    Raises:
        ColumnTypeError: If the column holds lists or structures.

    Example:

    >>> as_text(pa.array([1, None])).to_pylist()
    ['1', None]
    """
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_nested(column.type):
        raise ColumnTypeError("Lists and structures are not supported")
    return pc.cast(column, pa.string())


def strip_missing(column: pa.Array) -> pa.Array:
    """Casts a column to strings and strips whitespace; null where missing.

    Args:
        column: `pyarrow` array.

    Returns:
        `pyarrow` array of strings; texts of `MISSING_VALUES` are null.

    Raises:
        ColumnTypeError: If the column holds lists or structures.

    Example:

    >>> strip_missing(pa.array([" dry ", "NA"])).to_pylist()
    ['dry', None]
    """
    text = pc.utf8_trim_whitespace(as_text(column))
    missing = is_in(text, MISSING_VALUES)
    return pc.if_else(missing, pa.scalar(None, text.type), text)


def is_in(text: pa.Array, words: tuple[str, ...]) -> pa.Array:
    """Whether each text is one of some words; the lookup is cached."""
    return pc.is_in(text, options=lookup_options(words))


@functools.cache
def lookup_options(words: tuple[str, ...]) -> pc.SetLookupOptions:
    return pc.SetLookupOptions(pa.array(words, pa.string()))


def quoted_value(value: Any) -> str:
    """Representation of a value for an error message, shortened if long.

    Args:
        value: Any value.

    Returns:
        `repr(value)`, or its first 50 characters and its length if it has more
        than 60 characters.

    Example:

    >>> quoted_value("x" * 1000)[-16:]
    '1002 characters)'
    """
    text = repr(value)
    if len(text) <= 60:
        return text
    return f"{text[:50]}... ({len(text)} characters)"
