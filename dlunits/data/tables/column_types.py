"""What kind of values each column of a table holds."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlunits.data.tables.table_columns import (
    BOOLEANS,
    NotOfKindError,
    as_array,
    check_columns,
    checked_array,
    cleaned,
    is_numeric,
)
from dlunits.data.tables.table_files import Chunk, TableFile

KINDS = (
    "number",
    "boolean",
    "timestamp",
    "timestamp_day_first",
    "category",
    "ignored",
)

DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}")
COUNTED_ROWS = 200_000  # that different texts are counted in
FEW_VALUES = 20  # so many may be a category in however few rows
FEW_ROWS = 10  # so many may count 1, 2, 3 ... by chance


def infer_column_types(table, overrides=None, label_column=None):
    """Finds the kind of each column from all of its values.

    - `number`: every value that is not missing is one. Numbers that stand for
      something else, codes for example, are numbers too: override them.
    - `boolean`: Parquet's type, or both of true and false, yes and no, t and
      f, or y and n, in capitals or not.
    - `timestamp`: dates and times as
      `dlunits.data.series.timestamp_parsing.seconds_since_1970` reads them;
      `timestamp_day_first` if that needs 31/1/2024 to be in January. If
      neither order fails, the month is first.
    - `category`: other text. Text in Parquet is never a number.
    - `ignored`: without a value; text of which more than half of the rows
      have a value of their own, as names, numbers of orders and remarks; row
      numbers, that go up by one from row to row; lists; the label.

    Columns with one value only stay what they are: another value is then a
    sign of an anomaly.

    Args:
        table: `dlunits.data.tables.table_files.TableFile` or `pyarrow.Table` to
            train on.
        overrides: Dict from the name of a column to its kind.
        label_column: Name of the column that says what is an anomaly; it must
            not be learned from. `None` if there is none.

    Returns:
        `(kinds, reasons)`: dict from every column to its kind, in the table's
        order; dict from each ignored column to why, `"holds no value"`.

    Raises:
        ValueError: With one line, if `overrides` or `label_column` name what
            is not there, a number is infinite, a value is not of the kind
            that `overrides` says, or nothing is left to learn from.

    Example:

    >>> table = pa.table({"speed": ["1.5", "NA"], "on": ["yes", "no"]})
    >>> infer_column_types(table)
    ({'speed': 'number', 'on': 'boolean'}, {})
    """
    overrides = dict(overrides or {})
    of_file = isinstance(table, TableFile)
    place = table.path if of_file else "The table"
    names = table.columns if of_file else table.column_names
    check_overrides(names, overrides, label_column, place)
    columns = {
        name: Column(name, overrides.get(name))
        for name in names
        if name != label_column and overrides.get(name) != "ignored"
    }
    for chunk in table.chunks() if of_file else [Chunk(table)]:
        for name, column in zip(
            chunk.table.column_names, chunk.table.columns, strict=True
        ):
            if name in columns:
                columns[name].look_at(chunk, column)
    kinds, reasons = {}, {}
    for name in names:
        if name in columns:
            kinds[name], reason = columns[name].judged()
        else:
            kinds[name] = "ignored"
            reason = "is the label" if name == label_column else "as you said"
        if reason:
            reasons[name] = reason
    if len(reasons) == len(kinds):
        first = next(iter(reasons))
        raise ValueError(
            f"{place}: no column is left to learn from; {first!r}: "
            f"{reasons[first]}. Say of what kind a column is."
        )
    return kinds, reasons


def check_overrides(names, overrides, label_column, place):
    check_columns(names, overrides, place)
    if label_column is not None:
        check_columns(names, [label_column], place)
    for name, kind in overrides.items():
        if kind not in KINDS:
            raise ValueError(
                f"The kind of column {name!r} must be one of "
                f"{', '.join(KINDS)}. Received: {kind!r}"
            )


class Column:
    """What a column can still be after the chunks that were looked at."""

    def __init__(self, name, override):
        self.name = name
        self.override = override
        self.possible = None  # kinds, once a value was seen
        self.reason = "holds no value"  # why it would be ignored
        self.infinite = None  # the error
        self.counts_rows = True  # goes up by one from row to row
        self.last = []  # number
        self.rows = 0
        self.texts = pa.array([], pa.string())  # different ones
        self.text_rows = 0  # that they were found in

    def look_at(self, chunk, column):
        if self.override:
            checked_array(chunk, self.name, column, self.override)
            return
        self.rows += len(column)
        column = column.combine_chunks()
        kind = kind_of_type(column.type)
        if kind == "number":
            self.possible = ["number"]
            self.look_at_numbers(chunk, column, as_array(column, "number"))
        elif kind == "text":
            self.look_at_text(chunk, column)
        elif column.null_count < len(column):
            self.possible = [kind]
            self.reason = "holds lists or structures, no values"

    def look_at_numbers(self, chunk, column, array):
        if not np.isnan(array).all():
            self.reason = None
        if self.infinite is None and np.isinf(array).any():
            try:
                checked_array(chunk, self.name, column, "number")
            except ValueError as error:
                self.infinite = error
        if self.counts_rows:
            steps = np.diff([*self.last, *array[:2]])
            self.counts_rows = (steps == 1).all() and (
                np.diff(array) == 1
            ).all()
            self.last = array[-1:]

    def look_at_text(self, chunk, column):
        texts = None
        if self.possible is None:
            texts = cleaned(column).drop_null()
            if len(texts) == 0:
                return
            may_be_number = chunk.file is None or chunk.file.kind == "csv"
            self.possible = possible_kinds(texts[0].as_py(), may_be_number)
        for kind in list(self.possible):
            try:
                array = as_array(column, kind, chunk.decimal)
            except (pa.ArrowException, NotOfKindError):
                self.possible.remove(kind)
                continue
            if kind == "number":
                self.look_at_numbers(chunk, column, array)
        if "boolean" in self.possible or (
            self.possible == [] and self.text_rows < COUNTED_ROWS
        ):
            if texts is None:
                texts = cleaned(column).drop_null()
            self.text_rows += len(texts)
            texts = pc.unique(pc.cast(texts, pa.string()))
            self.texts = pc.unique(pa.concat_arrays([self.texts, texts]))

    def judged(self):
        """Kind, and why it is ignored if it is."""
        if self.override:
            return self.override, None
        if self.possible is None or "ignored" in self.possible:
            return "ignored", self.reason
        if "number" in self.possible:
            if self.infinite:
                raise self.infinite
            if self.counts_rows and self.rows >= FEW_ROWS:
                return "ignored", "counts the rows"
            if self.reason:
                return "ignored", self.reason
            return "number", None
        pair = {text.lower() for text in self.texts[:100].to_pylist()}
        if "boolean" in self.possible and (
            not pair or pair in map(set, BOOLEANS)
        ):
            return "boolean", None
        for kind in ("timestamp", "timestamp_day_first"):
            if kind in self.possible:
                return kind, None
        if len(self.texts) > max(FEW_VALUES, self.text_rows / 2):
            return "ignored", (
                f"has {len(self.texts):,} different texts in "
                f"{self.text_rows:,} rows"
            )
        return "category", None


def kind_of_type(kind):
    """What a type of Arrow says; `"text"` is still to be read."""
    types = pa.types
    if types.is_boolean(kind):
        return "boolean"
    if is_numeric(kind):
        return "number"
    if types.is_timestamp(kind) or types.is_date(kind):
        return "timestamp"
    return "ignored" if types.is_nested(kind) else "text"


def possible_kinds(value, may_be_number):
    """Kinds that the first value of a column leaves open."""
    kinds = []
    try:
        float(value.replace(",", "."))
    except ValueError:
        pass
    else:
        kinds += ["number"] * may_be_number
    if any(value.lower() in pair for pair in BOOLEANS):
        kinds.append("boolean")
    if DATE.match(value):
        kinds += ["timestamp", "timestamp_day_first"]
    return kinds
