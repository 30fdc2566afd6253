"""Tables of any source as chunks of rows, and their columns as arrays."""

import abc
import collections
import dataclasses
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlunits.columns.column_values import (
    ColumnTypeError,
    as_text,
    column_array,
    is_number_type,
    quoted_value,
    unit_of,
)
from dlunits.columns.numeric_timestamps import DIGITS, EPOCH_UNITS, EXCEL
from dlunits.columns.sentinel_values import split_sentinel
from dlunits.typing import Array, Path

EXPECTED = {
    "number": "a number",
    "boolean": "true or false",
    "timestamp": "a date or a time",
    "timestamp_day_first": "a date or a time with the day first",
    **dict.fromkeys(EPOCH_UNITS, "a number"),
    EXCEL: "a number",
    DIGITS: "a date as digits, such as 202401311405",
    "category": "text",
}
MAX_EXAMPLES = 3  # of invalid cells of a column
# Units of NumPy's timedelta64 and datetime64 that pyarrow has.
ARROW_UNITS = {"m": ("s", "ms", "us", "ns"), "M": ("s", "ms", "us", "ns", "D")}

# A dict from name to array `(rows,)`, a data frame of pandas, polars or
# pyarrow, a list of dicts from name to value, one such dict, or an array
# `(rows, columns)` or a list of rows, with columns `column_1`, `column_2`...
Table = Any


@dataclasses.dataclass(frozen=True)
class TableChunk:
    """Consecutive rows of a table.

    Args:
        table: `pyarrow.Table`. Cells of a CSV file are strings.
        decimal: Decimal separator of numbers in strings, `"."` or `","`.
        first_row: Number of rows of the table before these.
        source: Text that identifies the table in error messages.
        locate: Function of a row, counted from 0 in the whole table. Returns
            its place for error messages, `"new.csv, line 17"`. `None` for a
            table in memory.
        has_types: Whether the source declares column types, as Parquet does.
            Strings are then never parsed as numbers.

    Example:

    >>> chunk = TableChunk(pa.table({"speed": ["1,5", "NA"]}), decimal=",")
    >>> read_columns(chunk, {"speed": "number"})
    {'speed': array([1.5, nan])}
    """

    table: pa.Table
    decimal: str = "."
    first_row: int = 0
    source: str = "The table"
    locate: Callable[[int], str] | None = None
    has_types: bool = False

    def place(self, row: int, column: str) -> str:
        """Place of a cell: `"new.csv, line 17, column 'speed'"`."""
        return f"{self.row_place(row)}, column {column!r}"

    def row_place(self, row: int) -> str:
        """Place of a row: `"new.csv, line 17"`."""
        row += self.first_row
        if self.locate is None:
            return f"{self.source}, row {row} (counted from 0)"
        return self.locate(row)


class ChunkedTable(abc.ABC):
    """Base class of tables that are read in chunks of rows, such as a file.

    A subclass defines `columns`, `source` and `chunks`, as
    `dlunits.data.tables.table_files.TableFile` does.

    Attributes:
        columns: Tuple of column names, in order.
        source: Text that identifies the table in error messages.

    Example:

    >>> class Squares(ChunkedTable):
    ...     columns = ("x",)
    ...     source = "Squares"
    ...
    ...     def chunks(self, rows=None):
    ...         yield TableChunk(pa.table({"x": [0, 1, 4]}))
    >>> [chunk.table["x"].to_pylist() for chunk in Squares().chunks()]
    [[0, 1, 4]]
    """

    columns: tuple[str, ...]

    @property
    @abc.abstractmethod
    def source(self) -> str:
        """Text that identifies the table in error messages."""

    @abc.abstractmethod
    def chunks(self, rows: int | None = None) -> Iterator[TableChunk]:
        """Yields the rows of the table in order, as `TableChunk`s.

        Args:
            rows: Number of rows of a chunk. `None` is the default of the table.
        """


def table_chunk(
    table: Table, names: Iterable[str] | None = None, decimal: str = "."
) -> TableChunk:
    """Converts a table in memory to a `TableChunk`.

    Args:
        table: Dict from name to array `(rows,)`; data frame of pandas, polars
            or pyarrow; list of dicts from name to value, or one such dict,
            where a name that a dict lacks is a missing value; or array
            `(rows, columns)` or list of rows, whose columns are named
            `column_1`, `column_2` and so on.
        names: Columns to convert. `None` converts all.
        decimal: Decimal separator of numbers in strings, `"."` or `","`.

    Returns:
        `TableChunk` with all rows of the table.

    Raises:
        ValueError: If it is another type, two columns have the same name, a
            column of `names` is missing, or columns differ in length.

    Example:

    >>> table_chunk(np.array([[1, 2], [3, 4]])).table.to_pydict()
    {'column_1': [1, 3], 'column_2': [2, 4]}
    >>> table_chunk([{"a": 1, "b": "x"}, {"b": "y"}]).table.to_pydict()
    {'a': [1, None], 'b': ['x', 'y']}
    """
    if isinstance(table, TableChunk):
        check_columns(table.table.column_names, names or (), table.source)
        return table
    columns = columns_by_name(table)
    names = list(columns if names is None else names)
    check_columns(columns, names)
    arrays = {name: arrow_array(columns[name], name, decimal) for name in names}
    for name, array in arrays.items():
        if len(array) != len(arrays[names[0]]):
            raise ValueError(
                "Columns must have the same length. Received: "
                f"{len(arrays[names[0]])} rows in {names[0]!r}, {len(array)} "
                f"in {name!r}"
            )
    return TableChunk(pa.table(arrays), decimal)


def columns_by_name(table: Table) -> dict[str, Any]:
    if num_unnamed_columns(table) is not None:
        columns = (
            table.T
            if isinstance(table, np.ndarray)
            else zip(*table, strict=True)
        )
        return {f"column_{i}": each for i, each in enumerate(columns, 1)}
    if isinstance(table, list | tuple):
        every = dict.fromkeys(name for record in table for name in record)
        table = {name: [row.get(name) for row in table] for name in every}
    if hasattr(table, "collect"):  # a lazy frame of polars
        table = table.collect()
    names: Any
    if isinstance(table, Mapping):
        names = list(table)
        if names and all(map(is_scalar, table.values())):
            table = {name: [value] for name, value in table.items()}
    else:
        names = getattr(table, "column_names", getattr(table, "columns", None))
    if names is None:
        raise ValueError(
            "A table must be a dict of arrays, an array with two axes, a list "
            "of rows or of dicts, or a data frame of pandas, pyarrow or "
            f"polars. Received: {type(table)}"
        )
    repeated = [
        n for n, count in collections.Counter(names).items() if count > 1
    ]
    if repeated:
        raise ValueError(
            f"Columns must have different names. Received: {repeated[0]!r} "
            "twice or more"
        )
    return {str(name): table[name] for name in names}


def num_unnamed_columns(table: Table) -> int | None:
    """Number of columns of an array or a list of rows; `None` for others.

    Args:
        table: Table in memory, see `table_chunk`.

    Returns:
        Number of columns, `None` if the columns have names.

    Raises:
        ValueError: If it is an array that does not have two axes, or a list
            whose items are neither dicts nor rows of the same length.

    Example:

    >>> num_unnamed_columns([(1, "a"), (2, "b")])
    2
    """
    if isinstance(table, np.ndarray):
        if table.ndim != 2:
            raise ValueError(
                "An array must be of shape (rows, columns). Received: shape "
                f"{table.shape}"
            )
        return table.shape[1]
    if not isinstance(table, list | tuple):
        return None
    if table and all(isinstance(row, Mapping) for row in table):
        return None
    if not table:
        raise ValueError("The table has no row. Expected: at least one")
    for number, row in enumerate(table):
        if not (
            isinstance(row, list | tuple)
            or (isinstance(row, np.ndarray) and row.ndim == 1)
        ):
            raise ValueError(
                "A list must hold rows, which are lists of values, or dicts. "
                f"Received: {type(row)} at index {number} (counted from 0)"
            )
        if len(row) != len(table[0]):
            raise ValueError(
                "Rows must have the same length. Received: "
                f"{len(table[0])} values in row 0, {len(row)} in row {number}"
            )
    return len(table[0])


def is_scalar(value: Any) -> bool:
    """Whether a value is one cell, not a column of cells."""
    if isinstance(value, str | bytes):
        return True
    return not hasattr(value, "__len__") and not isinstance(value, Iterable)


def arrow_array(values: Any, name: str = "", decimal: str = ".") -> pa.Array:
    """Converts a column of any kind to a `pyarrow.Array`.

    A column of mixed types becomes strings, as in a CSV file.

    >>> arrow_array([1, "high", None, 2.5]).to_pylist()
    ['1', 'high', None, '2.5']
    """
    if hasattr(getattr(values, "dt", None), "to_timestamp"):  # periods
        values = values.dt.to_timestamp()
    if hasattr(values, "to_arrow"):  # polars
        is_object = str(values.dtype) == "Object"  # pointers, in Arrow
        values = values.to_list() if is_object else values.to_arrow()
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    if isinstance(values, pa.Array):
        return values
    if not isinstance(values, list | tuple) and not hasattr(values, "to_numpy"):
        values = np.asarray(values)
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise ValueError(
                f"Column {name!r} must be of shape (rows,). Received: shape "
                f"{values.shape}"
            )
        kind = values.dtype.kind
        if kind in "mM" and (
            np.datetime_data(values.dtype)[0] not in ARROW_UNITS[kind]
        ):
            values = values.astype(f"{kind}8[us]")
    try:
        array = pa.array(values, from_pandas=True)
        return getattr(array, "storage", array)  # structure of an interval
    except (pa.ArrowException, OverflowError):
        texts = [cell_text(value, decimal) for value in values]
        return pa.array(texts, pa.string())


def cell_text(value: Any, decimal: str) -> str | None:
    """Text of a value as it would be written to a CSV file."""
    if value is None or isinstance(value, str):
        return value
    try:
        text = as_text(pa.array([value], from_pandas=True))[0].as_py()
    except (pa.ArrowException, OverflowError, ColumnTypeError):
        return str(value)
    if isinstance(value, float) and text is not None:
        return text.replace(".", decimal)
    return text


class InvalidCellError(ValueError):
    """A cell is not of the type of its column."""


class InvalidCells:
    """Cells that are not of the type of their column and are read as missing.

    Attributes:
        counts: `collections.Counter` from column name to number of cells.
        rows: Numbers of the rows with such a cell, counted from 0 in the
            whole table.

    Example:

    >>> cells = InvalidCells()
    >>> chunk = TableChunk(pa.table({"speed": ["1.5", "ERR", "2"]}))
    >>> read_columns(chunk, {"speed": "number"}, cells)
    {'speed': array([1.5, nan, 2. ])}
    >>> cells.messages  # doctest: +NORMALIZE_WHITESPACE
    ["Invalid cells: 1 in column 'speed': expected a number, found 'ERR' (The
    table, row 1 (counted from 0))"]
    """

    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self.rows: set[int] = set()
        self.examples: dict[str, list[str]] = {}  # of each column
        self.expected: dict[str, str] = {}

    def add(
        self,
        chunk: TableChunk,
        name: str,
        column: pa.Array,
        column_type: str,
        rows: list[int],
    ) -> None:
        """Adds cells of a column of a chunk.

        Args:
            chunk: `TableChunk`.
            name, column, column_type: Name, values and type of the column.
            rows: Rows of the cells in the chunk.
        """
        self.counts[name] += len(rows)
        self.rows |= {chunk.first_row + row for row in rows}
        self.expected[name] = expected_value(column_type)
        examples = self.examples.setdefault(name, [])
        for row in rows[: MAX_EXAMPLES - len(examples)]:
            value = quoted_value(column[row].as_py())
            examples.append(f"{value} ({chunk.row_place(row)})")

    def rows_of(self, chunk: TableChunk) -> list[int]:
        """Rows of a chunk with an invalid cell, counted in the chunk."""
        rows = (row - chunk.first_row for row in self.rows)
        return sorted(row for row in rows if 0 <= row < chunk.table.num_rows)

    @property
    def messages(self) -> list[str]:
        """A line for each column, with its first invalid cells."""
        return [
            f"Invalid cells: {count:,} in column {name!r}: expected "
            f"{self.expected[name]}, found "
            + ", ".join(self.examples[name])
            + (", ..." if count > len(self.examples[name]) else "")
            for name, count in self.counts.items()
        ]


def read_columns(
    chunk: TableChunk,
    column_types: Mapping[str, str],
    invalid_cells: InvalidCells | None = None,
) -> dict[str, Array]:
    """Converts the columns of a chunk to NumPy arrays by their types.

    See `column_array` for the arrays. A category may be any text, including
    one that is not in the training data.

    Args:
        chunk: `TableChunk`.
        column_types: Dict from column name to type. Ignored columns, and
            columns that are not in it, are left out.
        invalid_cells: `InvalidCells`, to which infinite values and values that
            are not of the type of their column are added; they are read as
            missing. With `None` they raise an error.

    Returns:
        Dict from column name to array `(rows,)`, in the order of
        `column_types`.

    Raises:
        InvalidCellError: If `invalid_cells` is `None` and a value is infinite
            or not of the type of its column. The message is one line with
            file, line and column.
        ValueError: If a column is missing.

    Example:

    >>> chunk = TableChunk(pa.table({"a": ["1e3", "NA"], "b": ["yes", "No"]}))
    >>> read_columns(chunk, {"b": "boolean", "a": "number"})
    {'b': array([1., 0.]), 'a': array([1000.,   nan])}
    """
    names = [name for name, t in column_types.items() if t != "ignored"]
    check_columns(chunk.table.column_names, names, chunk.source)
    columns = dict(
        zip(chunk.table.column_names, chunk.table.columns, strict=True)
    )
    return {
        name: read_column(
            chunk, name, columns[name], column_types[name], invalid_cells
        )
        for name in names
    }


def read_column(
    chunk: TableChunk,
    name: str,
    column: pa.ChunkedArray,
    column_type: str,
    invalid_cells: InvalidCells | None = None,
) -> Array:
    """Converts one column of a chunk to a NumPy array by its type.

    Args:
        chunk: `TableChunk`.
        name: Name of the column, for error messages.
        column: Values of the column.
        column_type: Type of the column.
        invalid_cells: As in `read_columns`.

    Returns:
        Array `(rows,)`, see `column_array`.

    Raises:
        InvalidCellError: As in `read_columns`.

    Example:

    >>> chunk = TableChunk(pa.table({"speed": ["1.5", "NA"]}))
    >>> read_column(chunk, "speed", chunk.table["speed"], "number")
    array([1.5, nan])
    """
    column = column.combine_chunks()
    cause: Exception | None = None
    try:
        array = column_array(column, column_type, chunk.decimal)
        if array.dtype != float or not np.isinf(array).any():
            return array
        invalid = iter(np.flatnonzero(np.isinf(array)).tolist())
        expected = "a finite number"
    except (pa.ArrowException, ColumnTypeError) as error:
        invalid = invalid_rows(column, column_type, chunk.decimal)
        expected, cause = expected_value(column_type), error
    if invalid_cells is not None:
        rows = list(invalid)
        invalid_cells.add(chunk, name, column, column_type, rows)
        mask = np.zeros(len(column), bool)
        mask[rows] = True
        valid = pc.if_else(mask, pa.scalar(None, column.type), column)
        return read_column(
            chunk, name, pa.chunked_array([valid]), column_type, invalid_cells
        )
    row = next(invalid)
    value = column[row].as_py()
    remedy = (
        "Correct it, leave the cell empty if the value is missing, or declare "
        "another column type"
    )
    if is_number_type(column_type) and isinstance(value, str) and "," in value:
        remedy += "; if commas are decimal separators, give decimal=','"
    raise InvalidCellError(
        f"{chunk.place(row, name)}: expected {expected}, found "
        f"{quoted_value(value)}. {remedy}."
    ) from cause


def expected_value(column_type: str) -> str:
    """Description of the values of a column type, for an error message.

    >>> expected_value("number [kW]")
    'a number, with the unit kW or none'
    """
    unit = unit_of(column_type)
    return (
        f"a number, with the unit {unit} or none"
        if unit
        else EXPECTED[split_sentinel(column_type)[0]]
    )


def invalid_rows(
    column: pa.Array, column_type: str, decimal: str
) -> Iterator[int]:
    """Finds the rows whose values are not of the type, by bisection.

    Args:
        column: `pyarrow` array.
        column_type: Type of the column.
        decimal: Decimal separator of numbers that are texts, `"."` or `","`.

    Yields:
        Rows, counted from 0.

    Example:

    >>> list(invalid_rows(pa.array(["1", "x", "2", "y"]), "number", "."))
    [1, 3]
    """
    try:
        column_array(column, column_type, decimal)
    except (pa.ArrowException, ColumnTypeError):
        if len(column) == 1:
            yield 0
            return
        middle = len(column) // 2
        yield from invalid_rows(column[:middle], column_type, decimal)
        for row in invalid_rows(column[middle:], column_type, decimal):
            yield middle + row


def check_columns(
    found: Iterable[str], expected: Iterable[str], source: Path = "The table"
) -> None:
    """Checks that a table has the columns of a model.

    Additional columns are allowed, in any order.

    Args:
        found: Names of the columns of the table.
        expected: Names of the columns that are needed.
        source: Start of the message, such as the path of the file.

    Raises:
        ValueError: If a column is missing. The message is one line, with the
            most similar name.

    Example:

    >>> check_columns(["time", "Speed"], ["Speed", "time"])
    >>> check_columns(["time", "Speed"], ["speed"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: The table: column 'speed' is missing. Did you mean 'Speed'? ...
    """
    there = set(found)
    missing = [name for name in expected if name not in there]
    if not missing:
        return
    first = missing[0]
    simplified = {"".join(name.split()).lower(): name for name in found}
    similar = difflib.get_close_matches(
        "".join(first.split()).lower(), simplified, n=1, cutoff=0.7
    )
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    guess = f" Did you mean {simplified[similar[0]]!r}?" if similar else ""
    raise ValueError(
        f"{source}: column {first!r}{more} is missing.{guess} Add the column, "
        "or name it as in the training table; the order does not matter."
    )
