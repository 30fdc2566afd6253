"""Inference of the types of a table's columns."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlunits.columns.column_values import (
    BOOLEANS,
    COLUMN_TYPES,
    GROUP_SEPARATORS,
    category_texts,
    is_elapsed,
    is_number_type,
    is_numeric,
    strip_missing,
)
from dlunits.columns.identifiers import IdentifierRecognition
from dlunits.columns.numeric_timestamps import NumericTimestampRecognition
from dlunits.columns.sentinel_values import SentinelRecognition
from dlunits.columns.table_chunks import (
    ChunkedTable,
    InvalidCells,
    Table,
    TableChunk,
    check_columns,
    invalid_rows,
    read_column,
    table_chunk,
)
from dlunits.columns.timestamp_parsing import DATE

# Start of a text that may be a number, and a number with a currency sign or a
# unit.
NUMBER = r"^[-+]?[$€£¥]?\s*([.,]?\d|[iI]nf)"
UNIT = (
    rf"^[-+]?(?P<sign>[$€£¥])?\s*[.,]?\d[\d.,{GROUP_SEPARATORS}]*"
    r"(?:[eE][-+]?\d+)?\s*(?P<unit>[^\d\s.,;:'()/+\-][^\d\s]{0,9})?$"
)
MAX_INVALID = 0.05  # share of the values of a column that are of another type
MAX_COUNTED_ROWS = 200_000  # first rows, whose distinct texts are counted
MAX_CATEGORIES = 20  # allowed in a table of any length


def infer_column_types(
    table: ChunkedTable | Table,
    overrides: Mapping[str, str] | None = None,
    label_column: str | None = None,
    *,
    decimal: str = ".",
    ignore_identifiers: bool = True,
    timestamp_column: str | None = None,
) -> tuple[dict[str, str], dict[str, str]]:
    """Infers the type of each column from all of its values.

    - `number`: at least 95 % of the values that are not missing are numbers.
      Numbers that stand for something else, such as postal codes, need an
      override.
    - `number [UNIT]`: the same with one unit, percent or currency sign.
    - `number except -999`: the same as `number`, with a sentinel: a number
      that stands for a missing value. See `SentinelRecognition`.
    - `boolean`: the type of the data frame or of Parquet, or both of true and
      false, yes and no, t and f, or y and n, in upper or lower case.
    - `timestamp`: at least 95 % are dates and times that `parse_timestamps`
      reads; `timestamp_day_first` if a date such as 31/1/2024 occurs. If both
      orders are possible, the month is first.
    - `timestamp_ms`, `timestamp_digits` and the like: numbers that are
      timestamps, see `NumericTimestampRecognition`.
    - `category`: other text. Text in a Parquet file is never a number.
    - `ignored`: columns without a value; text that is different in more than
      half of the rows, such as names and remarks; row numbers and other
      identifiers, see `IdentifierRecognition`; lists; the label.

    The other values of a column of numbers or timestamps are invalid, see
    `read_columns`.

    A constant column keeps its type, as a different value in new data is a
    sign of an anomaly. A data frame of strings has the same types as the CSV
    file with the same cells.

    Args:
        table: `ChunkedTable` such as `TableFile`, or a table in memory, see
            `table_chunk`.
        overrides: Dict from column name to type.
        label_column: Name of the column that marks anomalies. `None` if there
            is none.
        decimal: Decimal separator of numbers in strings, for a table in
            memory: `"."` or `","`.
        ignore_identifiers: Whether row numbers and other identifiers are
            ignored. If not, they are numbers.
        timestamp_column: Name of a column that is known to hold times. It is
            not treated as an identifier.

    Returns:
        `(column_types, reasons)`: dict from every column to its type, in the
        order of the table; dict from each ignored column to the reason, such
        as `"holds no value"`.

    Raises:
        ValueError: If `overrides` or `label_column` name a column that does
            not exist, a number is infinite, a value is not of the type that
            `overrides` declares, or all columns are ignored. The message is
            one line.

    Example:

    >>> table = {"speed": ["1.5", "NA"], "on": ["yes", "no"]}
    >>> infer_column_types(table)
    ({'speed': 'number', 'on': 'boolean'}, {})
    """
    overrides = dict(overrides or {})
    names: Iterable[str]
    chunks: Iterable[TableChunk]
    if isinstance(table, ChunkedTable):
        names, source = table.columns, table.source
        chunks = table.chunks()
    else:
        chunk = table_chunk(table, decimal=decimal)
        names, source = chunk.table.column_names, chunk.source
        chunks = [chunk]
    check_overrides(names, overrides, label_column, source)
    columns = {
        name: ColumnTypeInference(
            name,
            overrides.get(name),
            ignore_identifiers,
            name == timestamp_column,
        )
        for name in names
        if name != label_column and overrides.get(name) != "ignored"
    }
    for chunk in chunks:
        for name, column in zip(
            chunk.table.column_names, chunk.table.columns, strict=True
        ):
            if name in columns:
                columns[name].update(chunk, column)
    column_types, reasons = {}, {}
    for name in names:
        if name in columns:
            column_types[name], reason = columns[name].result()
        else:
            column_types[name] = "ignored"
            reason = "is the label" if name == label_column else "as requested"
        if reason:
            reasons[name] = reason
    if len(reasons) == len(column_types):
        first = next(iter(reasons))
        raise ValueError(
            f"{source}: all columns are ignored; for example, {first!r} "
            f"because it {reasons[first]}. Declare the type of at least one "
            "column."
        )
    return column_types, reasons


def check_overrides(
    names: Iterable[str],
    overrides: Mapping[str, str],
    label_column: str | None,
    source: str,
) -> None:
    check_columns(names, overrides, source)
    if label_column is not None:
        check_columns(names, [label_column], source)
    check_column_types(overrides)


def check_column_types(column_types: Mapping[str, str]) -> None:
    """Checks that every type is a column type.

    Args:
        column_types: Dict from column name to type.

    Raises:
        ValueError: If a type is neither one of `COLUMN_TYPES` nor a type of
            numbers with a unit or a sentinel value.

    Example:

    >>> check_column_types({"speed": "number [km/h]"})
    >>> check_column_types({"speed": "float"})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: The type of column 'speed' must be one of number, boolean, ...
    """
    for name, column_type in column_types.items():
        if column_type not in COLUMN_TYPES and not is_number_type(column_type):
            raise ValueError(
                f"The type of column {name!r} must be one of "
                f"{', '.join(COLUMN_TYPES)}. Received: {column_type!r}"
            )


def parse_column_types(options: Iterable[str]) -> dict[str, str]:
    """Parses column types from texts such as `"speed=number"`.

    Args:
        options: Texts `NAME=TYPE`. The name may contain `=`.

    Returns:
        Dict from column name to column type.

    Raises:
        ValueError: If a text has no `=`.

    Example:

    >>> parse_column_types(["speed=number", "a=b=category"])
    {'speed': 'number', 'a=b': 'category'}
    """
    column_types = {}
    for option in options:
        name, equals, column_type = option.rpartition("=")
        if not equals:
            raise ValueError(
                "The type of a column must be given as NAME=TYPE. Received: "
                f"{option!r}"
            )
        column_types[name] = column_type
    return column_types


class ColumnTypeInference:
    """Inference of the type of one column from chunks of its values.

    Args:
        name: Name of the column.
        override: Type that the caller declares. `None` infers it.
        ignore_identifiers: Whether a column of identifiers is ignored.
        is_time: Whether the column is known to hold times.
    """

    def __init__(
        self,
        name: str,
        override: str | None = None,
        ignore_identifiers: bool = True,
        is_time: bool = False,
    ) -> None:
        self.name = name
        self.override = override
        # Number of values of another type, by type that is still possible.
        self.invalid: Counter[str] | None = None
        self.num_values = 0
        # Why the column is ignored, if it is.
        self.reason: str | None = "holds no value"
        self.ignore_identifiers = ignore_identifiers and not is_time
        self.timestamps = NumericTimestampRecognition(name, is_time)
        self.sentinel = SentinelRecognition()
        self.identifiers = IdentifierRecognition(name)
        self.texts = pa.array([], pa.string())  # different ones
        self.text_rows = 0  # rows in which they were counted

    def update(self, chunk: TableChunk, column: pa.ChunkedArray) -> None:
        """Reads the values of a chunk."""
        if self.override:
            cells = InvalidCells()
            read_column(chunk, self.name, column, self.override, cells)
            if cells.counts.total() > MAX_INVALID * len(column):
                read_column(chunk, self.name, column, self.override)
            return
        array = column.combine_chunks()
        declared = declared_type(array.type)
        if declared == "number":
            self.invalid = Counter({"number": 0})
            self.update_numbers(chunk, array, "number")
        elif declared == "text":
            self.update_texts(chunk, array)
        elif array.null_count < len(array):
            self.invalid = Counter({declared: 0})
            self.reason = "holds lists or structures, no values"

    def update_numbers(
        self, chunk: TableChunk, column: pa.Array, column_type: str
    ) -> None:
        numbers = read_column(
            chunk,
            self.name,
            pa.chunked_array([column]),
            column_type,
            InvalidCells(),
        )
        if not np.isnan(numbers).all():
            self.reason = None
        if column_type == "number":
            self.timestamps.update(numbers)
            self.sentinel.update(numbers)
            if self.ignore_identifiers:
                self.identifiers.update(numbers)

    def update_texts(self, chunk: TableChunk, column: pa.Array) -> None:
        texts = strip_missing(column).drop_null()
        if len(texts) == 0:
            return
        if self.invalid is None:
            candidates = possible_types(texts, not chunk.has_types)
            self.invalid = Counter(dict.fromkeys(candidates, 0))
        self.num_values += len(texts)
        for column_type in list(self.invalid):
            allowed = MAX_INVALID * (column_type != "boolean") * self.num_values
            rows = invalid_rows(texts, column_type, chunk.decimal)
            limit = int(allowed) + 1 - self.invalid[column_type]
            self.invalid[column_type] += len(
                list(itertools.islice(rows, limit))
            )
            if self.invalid[column_type] > allowed:
                del self.invalid[column_type]
            elif is_number_type(column_type):
                self.update_numbers(chunk, column, column_type)
        if "boolean" in self.invalid or (
            not self.invalid and self.text_rows < MAX_COUNTED_ROWS
        ):
            texts = category_texts(column).drop_null()
            self.text_rows += len(texts)
            self.texts = pc.unique(pa.concat_arrays([self.texts, texts]))

    def result(self) -> tuple[str, str | None]:
        """`(column_type, reason)`; reason is `None` if the column is used."""
        if self.override:
            return self.override, None
        if self.invalid is None or "ignored" in self.invalid:
            return "ignored", self.reason
        # The type with the fewest invalid values, the first one of several.
        possible = sorted(self.invalid, key=self.invalid.__getitem__)
        numbers = [each for each in possible if is_number_type(each)]
        if numbers:
            if self.reason or numbers[0] != "number":
                column_type, reason = numbers[0], self.reason
            else:
                column_type, reason = self.result_of_numbers()
            return ("ignored", reason) if reason else (column_type, None)
        pair = {text.lower() for text in self.texts[:100].to_pylist()}
        if "boolean" in possible and (not pair or pair in map(set, BOOLEANS)):
            return "boolean", None
        for column_type in possible:
            if column_type.startswith("timestamp"):
                return column_type, None
        if len(self.texts) > max(MAX_CATEGORIES, self.text_rows / 2):
            return "ignored", (
                f"has {len(self.texts):,} different texts in "
                f"{self.text_rows:,} rows"
            )
        return "category", None

    def result_of_numbers(self) -> tuple[str, str | None]:
        if column_type := self.timestamps.column_type:
            return column_type, None
        if reason := self.identifiers.reason:
            return "ignored", reason
        if (value := self.sentinel.value) is not None:
            return f"number except {value:g}", None
        return "number", None


def declared_type(data_type: pa.DataType) -> str:
    """Column type of a `pyarrow` type, or `"text"` if it is to be parsed."""
    types = pa.types
    if types.is_boolean(data_type):
        return "boolean"
    if is_numeric(data_type) or is_elapsed(data_type):
        return "number"
    if types.is_timestamp(data_type) or types.is_date(data_type):
        return "timestamp"
    return "ignored" if types.is_nested(data_type) else "text"


def possible_types(texts: pa.Array, may_be_number: bool) -> list[str]:
    """Types that a column may have, by the start of its values.

    >>> possible_types(pa.array(["5 kW", "1,500 kW"]), may_be_number=True)
    ['number', 'number [kW]']
    """

    def most_match(pattern: str) -> bool:
        matches = pc.sum(pc.match_substring_regex(texts, pattern)).as_py()
        return matches >= (1 - MAX_INVALID) * len(texts)

    possible = []
    if may_be_number and most_match(NUMBER):
        possible.append("number")
        units = Counter(
            part
            for match in pc.extract_regex(texts, UNIT).drop_null().to_pylist()
            for part in match.values()
            if part
        )
        possible += [f"number [{unit}]" for unit, _ in units.most_common(1)]
    if any(texts[0].as_py().lower() in pair for pair in BOOLEANS):
        possible.append("boolean")
    if most_match(DATE):
        possible += ["timestamp", "timestamp_day_first"]
    return possible
