"""Columns of a table as arrays that a model takes, by their kinds."""

import difflib
import functools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlunits.data.series.timestamp_parsing import seconds, seconds_since_1970

MISSING = (
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
    "null",
    "NULL",
    "Null",
    "None",
    "none",
    "NONE",
)

BOOLEANS = (("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"))
EXPECTED = {
    "number": "a number",
    "boolean": "true or false",
    "timestamp": "a date or a time",
    "timestamp_day_first": "a date or a time with the day first",
    "category": "text",
}

TRUE = (*(true for true, _ in BOOLEANS), "1")
FALSE = (*(false for _, false in BOOLEANS), "0")


def columns_as_arrays(chunk, kinds):
    """Takes the columns of a chunk as NumPy arrays.

    | kind                   | array   | a missing value |
    |------------------------|---------|-----------------|
    | `number`               | float64 | NaN |
    | `boolean`              | float64, 1 for true | NaN |
    | `timestamp`            | float64, seconds since 1970 UTC | NaN |
    | `timestamp_day_first`  | the same, `1/2/2024` is in February | NaN |
    | `category`             | object, of strings | `""` |
    | `ignored`              | none, the column is left out | |

    Missing is what is null or one of `MISSING`. Spaces around a value do not
    count. A category may be any text, also one that no training row has.

    Args:
        chunk: `dlunits.data.tables.table_files.Chunk`.
        kinds: Dict from the name of a column to its kind, see
            `infer_column_types`. Columns that are not in it are left out.

    Returns:
        Dict from the name of a column to its array `(rows,)`, ordered as
        `kinds`.

    Raises:
        ValueError: If a column is not there, or a value is not of its kind,
            or infinite: one line that names file, line and column.

    Example:

    >>> from dlunits.data.tables.table_files import Chunk
    >>> chunk = Chunk(pa.table({"a": ["1e3", "NA"], "b": ["yes", "No"]}))
    >>> columns_as_arrays(chunk, {"b": "boolean", "a": "number"})
    {'b': array([1., 0.]), 'a': array([1000.,   nan])}
    """
    used = [name for name, kind in kinds.items() if kind != "ignored"]
    place = chunk.file.path if chunk.file else "The table"
    check_columns(chunk.table.column_names, used, place)
    columns = dict(
        zip(chunk.table.column_names, chunk.table.columns, strict=True)
    )
    return {
        name: checked_array(chunk, name, columns[name], kinds[name])
        for name in used
    }


def checked_array(chunk, name, column, kind):
    try:
        array = as_array(column, kind, chunk.decimal)
    except (pa.ArrowException, NotOfKindError) as error:
        row = first_bad_row(column, kind, chunk.decimal)
        expected = EXPECTED[kind]
        cause = error
    else:
        if array.dtype != float or not np.isinf(array).any():
            return array
        row = np.isinf(array).argmax().item()
        expected, cause = "a finite number", None
    value = column[row].as_py()
    remedy = (
        "Correct it, leave the cell empty if the value is missing, or declare "
        "the column to be of another kind"
    )
    if kind == "number" and isinstance(value, str) and "," in value:
        remedy += "; if commas are decimal signs in this file, give decimal=','"
    raise ValueError(
        f"{chunk.place(row, name)}: expected {expected}, found "
        f"{shown(value)}. {remedy}."
    ) from cause


def shown(value):
    """A value on one line that is not long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}... ({len(text)} long)"


def first_bad_row(column, kind, decimal):
    """Row of the first value that is not of the kind, by halving."""
    low, high = 0, len(column)  # rows before low are good, one before high not
    while high - low > 1:
        middle = (low + high) // 2
        try:
            as_array(column.slice(low, middle - low), kind, decimal)
            low = middle
        except (pa.ArrowException, NotOfKindError):
            high = middle
    return low


class NotOfKindError(ValueError):
    """A column holds what is not of its kind."""


def as_array(column, kind, decimal="."):
    """One `pyarrow` column as an array, infinite numbers included.

    Raises:
        pyarrow.ArrowException, NotOfKindError: If a value is not of the kind.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if kind == "category":
        return as_categories(column)
    if kind == "number":
        values = as_numbers(column, decimal)
    elif kind == "boolean":
        values = as_booleans(column)
    else:
        values = as_timestamps(column, kind == "timestamp_day_first")
    return values.to_numpy(zero_copy_only=False)


def as_numbers(column, decimal):
    if is_numeric(column.type):
        return pc.cast(column, pa.float64(), safe=False)
    if decimal == ".":
        try:
            return pc.cast(as_text(column), pa.float64())
        except pa.ArrowInvalid:  # missing values, or spaces
            return pc.cast(cleaned(column), pa.float64())
    text = cleaned(column)
    if pc.any(pc.match_substring(text, ".")).as_py():
        raise NotOfKindError("The file has decimal commas")
    return pc.cast(pc.replace_substring(text, ",", "."), pa.float64())


def is_numeric(kind):
    tests = ("integer", "floating", "decimal", "boolean", "null")
    return any(getattr(pa.types, f"is_{test}")(kind) for test in tests)


def as_booleans(column):
    if pa.types.is_boolean(column.type) or pa.types.is_null(column.type):
        return pc.cast(column, pa.float64())
    text = pc.utf8_lower(cleaned(column))
    values = pc.if_else(
        among(text, TRUE),
        1.0,
        pc.if_else(among(text, FALSE), 0.0, pa.scalar(None, pa.float64())),
    )
    if values.null_count > text.null_count:
        raise NotOfKindError("Neither true nor false")
    return values


def as_timestamps(column, day_first):
    kind = column.type
    if pa.types.is_timestamp(kind):
        target = pa.timestamp("us", kind.tz)
        return seconds(pc.cast(column, target, safe=False))
    if pa.types.is_date(kind) or pa.types.is_null(kind):
        return seconds(pc.cast(column, pa.timestamp("us")))
    return seconds_since_1970(cleaned(column), day_first)


def as_categories(column):
    text = pc.fill_null(cleaned(column), "")
    encoded = pc.dictionary_encode(text)
    values = np.array(encoded.dictionary.to_pylist(), object)
    return values[encoded.indices.to_numpy()]


def as_text(column):
    """Column of strings; whole numbers without `.0`."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_nested(column.type):
        raise NotOfKindError("Lists and structures are no values")
    return pc.cast(column, pa.string())


def cleaned(column):
    """Text without spaces around; null where the value is missing."""
    text = pc.utf8_trim_whitespace(as_text(column))
    return pc.if_else(among(text, MISSING), pa.scalar(None, text.type), text)


def among(text, words):
    return pc.is_in(text, options=lookup(words))


@functools.cache
def lookup(words):
    return pc.SetLookupOptions(pa.array(words, pa.string()))


def check_columns(found, wanted, place="The table"):
    """Refuses a table that lacks columns; further ones and order are free.

    Args:
        found: Names of the columns that the table has.
        wanted: Names of those that are needed.
        place: What the message begins with, the file's name for example.

    Raises:
        ValueError: If one is missing: one line, with the name most like it.

    Example:

    >>> check_columns(["time", "Speed"], ["Speed", "time"])
    >>> check_columns(["time", "Speed"], ["speed"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: The table: column 'speed' is missing. Did you mean 'Speed'? ...
    """
    there = set(found)
    missing = [name for name in wanted if name not in there]
    if not missing:
        return
    first = missing[0]
    plain = {"".join(name.split()).lower(): name for name in found}
    like = difflib.get_close_matches(
        "".join(first.split()).lower(), plain, n=1, cutoff=0.7
    )
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    guess = f" Did you mean {plain[like[0]]!r}?" if like else ""
    raise ValueError(
        f"{place}: column {first!r}{more} is missing.{guess} Add the column, "
        "or name it as in the training file; the order does not matter."
    )
