"""Columns of tables of any make, as numbers, timestamps and codes."""

import collections
import datetime
from collections.abc import Mapping

import numpy as np

from dlunits.layers.tabular.tabular_encoding import DAY, WEEK

MISSING = frozenset(("", "None", "nan", "<NA>", "NaT"))  # as text
MISSING_WORD = ""  # of a vocabulary, for all of them
KIND_OF_DTYPE = {
    "f": "number",
    "i": "number",
    "u": "number",
    "b": "boolean",
    "M": "timestamp",
}

MONDAY = 3 * DAY  # 1970 began on a Thursday
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def columns_of(table):
    """Columns of a table by name, as arrays or what NumPy takes for one.

    Args:
        table: Dict from name to column, table of pandas, pyarrow or polars, or
            array `(rows, columns)`, whose columns are called `column_1` ...

    Raises:
        ValueError: If it is none of these, or two columns have one name.

    >>> columns_of(np.array([[1, 2], [3, 4]]))
    {'column_1': array([1, 3]), 'column_2': array([2, 4])}
    """
    if isinstance(table, np.ndarray):
        if table.ndim != 2:
            raise ValueError(
                "An array must be of shape (rows, columns). Received: shape "
                f"{table.shape}"
            )
        return {f"column_{i}": each for i, each in enumerate(table.T, 1)}
    if isinstance(table, Mapping):
        names = list(table)
    else:
        names = getattr(table, "column_names", getattr(table, "columns", None))
    if names is None:
        raise ValueError(
            "A table must be a dict of arrays, an array of two axes, or a "
            f"table of pandas, pyarrow or polars. Received: {type(table)}"
        )
    repeated = [
        n for n, count in collections.Counter(names).items() if count > 1
    ]
    if repeated:
        raise ValueError(
            f"Columns must have different names. Received: {repeated[0]!r} "
            "twice or more"
        )
    return {str(name): as_column(name, table[name]) for name in names}


def as_column(name, values):
    """Any column as an array: others may find their rows by labels of theirs.

    Points in time of a known zone are taken as UTC.
    """
    if not isinstance(values, np.ndarray):
        kind = getattr(getattr(values, "dtype", None), "kind", None)
        if kind == "M":
            values = np.asarray(values, "datetime64[us]")
        else:
            to_numpy = getattr(values, "to_numpy", lambda: values)
            values = np.asarray(to_numpy())
        if values.dtype == object and kind == "b":  # pandas' NA is no number
            known = [None if text_of(v) in MISSING else v for v in values]
            values = np.array(known, object)
    if values.ndim != 1:
        raise ValueError(
            f"Column {name!r} must be of shape (rows,). Received: shape "
            f"{values.shape}"
        )
    return values


def kinds_of(table):
    """What a table's types say of its columns' kinds.

    Returns:
        Dict from name to `"number"`, `"boolean"`, `"timestamp"` or, for text
        and mixtures, `"category"`.

    >>> kinds_of({"speed": [1, None], "on": [True, False], "road": ["A", "B"]})
    {'speed': 'number', 'on': 'boolean', 'road': 'category'}
    """
    return {name: kind_of(column) for name, column in columns_of(table).items()}


def kind_of(column):
    if column.dtype.kind != "O":
        return KIND_OF_DTYPE.get(column.dtype.kind, "category")
    types = {type(v) for v in column.tolist() if text_of(v) not in MISSING}
    for types_of_kind, kind in (
        (bool, "boolean"),
        ((int, float), "number"),
        (datetime.date, "timestamp"),
    ):
        if types and all(issubclass(each, types_of_kind) for each in types):
            return kind
    return "category"


def as_numbers(name, column):
    """Column as float64, NaN where missing; nothing is infinite."""
    try:
        numbers = np.asarray(column, "float64")
    except (TypeError, ValueError):
        numbers = np.empty(len(column))
        for row, value in enumerate(column):
            text = text_of(value)
            try:
                numbers[row] = np.nan if text in MISSING else float(text)
            except ValueError:
                raise ValueError(
                    f"Column {name!r}, row {row}: expected a number, found "
                    f"{text[:50]!r}. Rows count from 0."
                ) from None
    infinite = np.isinf(numbers)
    if infinite.any():
        row = infinite.argmax()
        raise ValueError(
            f"Column {name!r}, row {row}: expected a finite number, found "
            f"{numbers[row]}. Rows count from 0."
        )
    return numbers


def as_timestamps(name, column):
    """Seconds of the week that begins on Monday, 0 h UTC, as float64.

    Numbers are seconds since 1970.

    >>> as_timestamps("time", np.array(["2024-01-02T01:00"], "datetime64[s]"))
    array([90000.])
    """
    if kind_of(column) == "timestamp":
        times = np.asarray(column, "datetime64[us]")
        seconds = np.where(np.isnat(times), np.nan, times.astype("int64") / 1e6)
    else:
        seconds = as_numbers(name, column)
    return (seconds + MONDAY) % WEEK


def vocabulary_of(name, column, most):
    """The most frequent texts, sorted, and a word for missing if some are.

    >>> vocabulary_of("road", np.array(["wet", None, "dry", "wet"]), most=1)
    ('', 'wet')
    """
    counts = collections.Counter()
    try:
        for value, count in collections.Counter(column.tolist()).items():
            counts[text_of(value)] += count
    except TypeError as error:
        raise ValueError(
            f"Column {name!r}: expected texts. Received: {error}"
        ) from None
    texts = sorted(
        counts.keys() - MISSING, key=lambda text: (-counts[text], text)
    )
    gaps = (MISSING_WORD,) if counts.keys() & MISSING else ()
    return (*gaps, *sorted(texts[:most]))


def as_codes(column, vocabulary):
    """Place of each text in the vocabulary, from 1 on; else 0.

    What is missing has the place of its word, if that is there.
    """
    codes = Codes(zip(vocabulary, range(1, 1 + len(vocabulary)), strict=True))
    codes = map(codes.__getitem__, column.tolist())
    return np.fromiter(codes, "int32", len(column))


class Codes(dict):
    """From text to code; of other values it takes the text.

    Four times as fast as `np.searchsorted` among sorted texts.

    Example:

    >>> codes = Codes({"": 1, "7": 2})
    >>> codes["7"], codes[7.0], codes[None], codes["8"]
    (2, 2, 1, 0)
    """

    def __missing__(self, value):
        text = text_of(value)
        return self.get(MISSING_WORD if text in MISSING else text, 0)


def text_of(value):
    """Text of any value; whole numbers without `.0`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
