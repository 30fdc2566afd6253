"""Inference of the types of a table's columns."""

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlunits.columns.column_values import (
    BOOLEANS,
    COLUMN_TYPES,
    ColumnTypeError,
    category_texts,
    column_array,
    is_numeric,
    strip_missing,
)
from dlunits.columns.table_chunks import (
    ChunkedTable,
    Table,
    TableChunk,
    check_columns,
    read_column,
    table_chunk,
)
from dlunits.typing import Array

ROW_NUMBERS = "counts the rows"  # reason for ignoring a column
DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}")
MAX_COUNTED_ROWS = 200_000  # rows in which different texts are counted
MAX_CATEGORIES = 20  # allowed in a table of any length
MIN_ROW_NUMBERS = 10  # fewer rows may be 1, 2, 3 ... by chance


def infer_column_types(
    table: ChunkedTable | Table,
    overrides: Mapping[str, str] | None = None,
    label_column: str | None = None,
    *,
    decimal: str = ".",
) -> tuple[dict[str, str], dict[str, str]]:
    """Infers the type of each column from all of its values.

    - `number`: every value that is not missing is a number. Numbers that
      stand for something else, such as postal codes, need an override.
    - `boolean`: the type of the data frame or of Parquet, or both of true and
      false, yes and no, t and f, or y and n, in upper or lower case.
    - `timestamp`: dates and times as
      `dlunits.columns.timestamp_parsing.parse_timestamps` reads them;
      `timestamp_day_first` if 31/1/2024 occurs. If both orders are possible,
      the month is first.
    - `category`: other text. Text in a Parquet file is never a number.
    - `ignored`: columns without a value; text that is different in more than
      half of the rows, such as names and remarks; row numbers, which increase
      by one from row to row; lists; the label.

    A column with one value keeps its type: another value is then a sign of an
    anomaly. A data frame of strings has the same types as the CSV file with
    the same cells.

    Args:
        table: `ChunkedTable` such as `dlunits.data.tables.table_files.
            TableFile`, or a table in memory, see `table_chunk`.
        overrides: Dict from column name to type.
        label_column: Name of the column that marks anomalies. `None` if there
            is none.
        decimal: Decimal sign of numbers that are strings, of a table in
            memory: `"."` or `","`.

    Returns:
        `(column_types, reasons)`: dict from every column to its type, in the
        order of the table; dict from each ignored column to the reason,
        `"holds no value"` for example.

    Raises:
        ValueError: If `overrides` or `label_column` name a column that does
            not exist, a number is infinite, a value is not of the type that
            `overrides` declares, or all columns are ignored. One line.

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
        name: ColumnTypeInference(name, overrides.get(name))
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
            f"{source}: all columns are ignored, {first!r}, for example, "
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
    """Checks that every type is one of `COLUMN_TYPES`."""
    for name, column_type in column_types.items():
        if column_type not in COLUMN_TYPES:
            raise ValueError(
                f"The type of column {name!r} must be one of "
                f"{', '.join(COLUMN_TYPES)}. Received: {column_type!r}"
            )


class ColumnTypeInference:
    """Types that a column may have after the chunks read so far.

    Args:
        name: Name of the column.
        override: Type that the caller declares, or `None`.
    """

    def __init__(self, name: str, override: str | None = None) -> None:
        self.name = name
        self.override = override
        self.possible: list[str] | None = None  # types, after a value
        # Why the column is ignored, if it is.
        self.reason: str | None = "holds no value"
        self.infinite: ValueError | None = None
        self.is_row_number = True  # increases by one from row to row
        self.last_number: Array | list[float] = []
        self.rows = 0
        self.texts = pa.array([], pa.string())  # different ones
        self.text_rows = 0  # rows in which they were counted

    def update(self, chunk: TableChunk, column: pa.ChunkedArray) -> None:
        """Reads the values of a chunk."""
        if self.override:
            read_column(chunk, self.name, column, self.override)
            return
        self.rows += len(column)
        array = column.combine_chunks()
        declared = declared_type(array.type)
        if declared == "number":
            self.possible = ["number"]
            self.update_numbers(chunk, array, column_array(array, "number"))
        elif declared == "text":
            self.update_texts(chunk, array)
        elif array.null_count < len(array):
            self.possible = [declared]
            self.reason = "holds lists or structures, no values"

    def update_numbers(
        self, chunk: TableChunk, column: pa.Array, numbers: Array
    ) -> None:
        if not np.isnan(numbers).all():
            self.reason = None
        if self.infinite is None and np.isinf(numbers).any():
            try:
                read_column(chunk, self.name, column, "number")
            except ValueError as error:
                self.infinite = error
        if self.is_row_number:
            steps = np.diff([*self.last_number, *numbers[:2]])
            self.is_row_number = bool(
                (steps == 1).all() and (np.diff(numbers) == 1).all()
            )
            self.last_number = numbers[-1:]

    def update_texts(self, chunk: TableChunk, column: pa.Array) -> None:
        if self.possible is None:
            texts = strip_missing(column).drop_null()
            if len(texts) == 0:
                return
            self.possible = possible_types(
                texts[0].as_py(), not chunk.has_types
            )
        for column_type in list(self.possible):
            try:
                array = column_array(column, column_type, chunk.decimal)
            except (pa.ArrowException, ColumnTypeError):
                self.possible.remove(column_type)
                continue
            if column_type == "number":
                self.update_numbers(chunk, column, array)
        if "boolean" in self.possible or (
            self.possible == [] and self.text_rows < MAX_COUNTED_ROWS
        ):
            texts = category_texts(column).drop_null()
            self.text_rows += len(texts)
            self.texts = pc.unique(pa.concat_arrays([self.texts, texts]))

    def result(self) -> tuple[str, str | None]:
        """`(column_type, reason)`; the reason is `None` if it is used."""
        if self.override:
            return self.override, None
        if self.possible is None or "ignored" in self.possible:
            return "ignored", self.reason
        if "number" in self.possible:
            if self.infinite:
                raise self.infinite
            if self.is_row_number and self.rows >= MIN_ROW_NUMBERS:
                return "ignored", ROW_NUMBERS
            if self.reason:
                return "ignored", self.reason
            return "number", None
        pair = {text.lower() for text in self.texts[:100].to_pylist()}
        if "boolean" in self.possible and (
            not pair or pair in map(set, BOOLEANS)
        ):
            return "boolean", None
        for column_type in ("timestamp", "timestamp_day_first"):
            if column_type in self.possible:
                return column_type, None
        if len(self.texts) > max(MAX_CATEGORIES, self.text_rows / 2):
            return "ignored", (
                f"has {len(self.texts):,} different texts in "
                f"{self.text_rows:,} rows"
            )
        return "category", None


def declared_type(data_type: pa.DataType) -> str:
    """Column type of a `pyarrow` type; `"text"` has to be parsed."""
    types = pa.types
    if types.is_boolean(data_type):
        return "boolean"
    if is_numeric(data_type):
        return "number"
    if types.is_timestamp(data_type) or types.is_date(data_type):
        return "timestamp"
    return "ignored" if types.is_nested(data_type) else "text"


def possible_types(text: str, may_be_number: bool) -> list[str]:
    """Types that a column with this first value may have."""
    possible = []
    try:
        float(text.replace(",", "."))
    except ValueError:
        pass
    else:
        possible += ["number"] * may_be_number
    if any(text.lower() in pair for pair in BOOLEANS):
        possible.append("boolean")
    if DATE.match(text):
        possible += ["timestamp", "timestamp_day_first"]
    return possible
