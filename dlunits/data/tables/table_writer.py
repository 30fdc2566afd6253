"""Copy of a table file with additional columns, such as scores."""

import codecs
import contextlib
import pathlib
import re
from collections.abc import Callable, Collection, Mapping
from typing import IO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from dlunits.atomic_files import atomic_write
from dlunits.columns import TableChunk
from dlunits.columns.column_values import ColumnTypeError, as_text
from dlunits.data.tables.table_files import TableFile
from dlunits.paths import expand_user
from dlunits.typing import Array, Path

Columns: TypeAlias = dict[str, pa.Array]

FORMULA = r"^[=+\-@\t\r]"
NUMBER = r"^[-+]?(\d[\d.,]*|[.,]\d+)([eE][-+]?\d+)?$"


def write_scored(
    table_file: TableFile,
    output_path: Path,
    score_chunk: Callable[[TableChunk], Mapping[str, Array]],
    *,
    escape_formulas: bool = False,
    metadata: Callable[[], Mapping[str, str]] = dict,
) -> int:
    r"""Writes a copy of a table with additional columns after the others.

    The rows are read, scored and written in chunks, so that a table may be
    larger than memory. Their order and number are kept. The format depends on
    the extension of `output_path`:

    - `.csv`, `.txt` or `.tsv`: UTF-8 with the delimiter (`.tsv`: tab), the
      line ends and, in the new columns, the decimal separator of the CSV that
      is read. The file starts with a byte order mark, which Excel needs, unless
      the file that is read is UTF-8 without one. Cells are quoted only where
      necessary. A missing value of Parquet becomes an empty cell.
    - `.parquet`: columns keep their types. Columns of a CSV file are text.
      Metadata of the file are not copied: those of Spark list the columns, so
      that Spark would ignore the new ones.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        output_path: Path of the file. An existing file is replaced when the
            new one is complete, and kept if anything fails.
        score_chunk: Function of a `dlunits.columns.TableChunk`. Returns a
            dict from the names of the new columns to arrays `(rows,)` of
            numbers, booleans or strings, the same names and types each time.
            NaN and `None` become missing values.
        escape_formulas: Whether names and cells of CSV that a spreadsheet
            would interpret as formulas get a leading `'`, see `escaped`.
        metadata: Function that returns the entries to add to the metadata of a
            Parquet file. It is called after the last row. If it raises, the
            file is not written.

    Returns:
        Number of rows.

    Raises:
        ValueError: If a new column has the name of a column of the table, the
            extension of `output_path` is unknown, it is the file that is
            read, or the table cannot be read. The message is one line.
        OSError: If the file cannot be written.

    Example:

    >>> import tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "new.csv")
    >>> _ = path.write_text("id;speed\n007;1,5\n008;2,5\n")
    >>> output = path.with_name("scored.csv")
    >>> scores = {"score": np.array([0.5, 3])}
    >>> write_scored(open_table(path), output, lambda chunk: scores)
    2
    >>> print(output.read_text())
    id;speed;score
    007;1,5;0,5
    008;2,5;3
    <BLANKLINE>
    """
    path = expand_user(output_path)
    make_writer = writer_class(table_file, path)
    writer, rows = None, 0
    with atomic_write(path) as stream, contextlib.ExitStack() as stack:
        for chunk in table_file.chunks():
            new = new_columns(table_file, chunk, score_chunk(chunk))
            if writer is None:
                writer = make_writer(
                    stream, table_file, chunk.table, new, escape_formulas
                )
                stack.callback(writer.close)
            writer.write(chunk.table, new)
            rows += chunk.table.num_rows
        if writer is not None:
            writer.add_metadata(metadata())
    return rows


def check_new_columns(table_file: TableFile, names: Collection[str]) -> None:
    """Checks that a table has no columns with the names of new ones.

    `write_scored` checks this too, but only after the first chunk is scored.

    Args:
        table_file: `TableFile`.
        names: Names of the columns to add.

    Raises:
        ValueError: If a name exists. The message is one line with file and
            column.

    Example:

    >>> table = TableFile(pathlib.Path("new.csv"), "csv", ("speed",), 1)
    >>> check_new_columns(table, ["score"])
    >>> check_new_columns(table, ["speed"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: new.csv: already has a column 'speed', perhaps because it ...
    """
    for name in table_file.columns:
        if name in names:
            raise ValueError(
                f"{table_file.path}: already has a column {name!r}, perhaps "
                "because it was scored before. Rename or remove it."
            )


def writer_class(
    table_file: TableFile, path: pathlib.Path
) -> "type[CsvWriter] | type[ParquetWriter]":
    """Selects a writer by the extension of a path.

    Args:
        table_file: `TableFile` that is read.
        path: Path of the file to write.

    Returns:
        `CsvWriter`, `TabWriter` or `ParquetWriter`.

    Raises:
        ValueError: If the extension is unknown, or it is the file that is read.
    """
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ValueError(
            f"{path}: the extension of a scored table must be one of "
            f"{', '.join(WRITERS)}."
        )
    if path.exists() and path.samefile(table_file.path):
        raise ValueError(
            f"{path}: is the table that is read. Give another path to write to."
        )
    return writer


def new_columns(
    table_file: TableFile, chunk: TableChunk, scores: Mapping[str, Array]
) -> Columns:
    """Checks new columns and converts them to `pyarrow` arrays."""
    check_new_columns(table_file, scores)
    return arrow_columns(scores, chunk.table.num_rows)


def arrow_columns(scores: Mapping[str, Array], rows: int) -> Columns:
    """Converts new columns to `pyarrow`; NaN and `None` become missing values.

    Args:
        scores: Dict from name to array `(rows,)`.
        rows: Number of rows of the table.

    Returns:
        Dict from name to `pyarrow` array.

    Raises:
        ValueError: If an array has another shape.

    Example:

    >>> columns = arrow_columns({"score": np.array([0.5, np.nan])}, rows=2)
    >>> columns["score"].to_pylist()
    [0.5, None]
    """
    columns = {}
    for name, values in scores.items():
        values = np.asarray(values)
        if values.shape != (rows,):
            raise ValueError(
                f"New column {name!r} must have the shape ({rows},). "
                f"Received: {values.shape}"
            )
        is_text = values.dtype.kind in "OU"
        columns[name] = pa.array(
            values, pa.string() if is_text else None, from_pandas=True
        )
    return columns


class ParquetWriter:
    """Writer of a Parquet file, with one row group for each chunk."""

    def __init__(
        self,
        stream: IO[bytes],
        table_file: TableFile,
        table: pa.Table,
        new: Columns,
        escape_formulas: bool,
    ) -> None:
        del escape_formulas
        self.writer = pa.parquet.ParquetWriter(
            stream,
            with_columns(table, new).schema,
            use_deprecated_int96_timestamps=has_int96_timestamps(table_file),
        )

    def write(self, table: pa.Table, new: Columns) -> None:
        self.writer.write_table(with_columns(table, new))

    def add_metadata(self, metadata: Mapping[str, str]) -> None:
        self.writer.add_key_value_metadata(dict(metadata))

    def close(self) -> None:
        self.writer.close()


def has_int96_timestamps(table_file: TableFile) -> bool:
    """Whether a Parquet file has timestamps of 96 bits, as Spark writes them.

    With 64 bits they would be nanoseconds, which Spark does not read.
    """
    if table_file.format != "parquet":
        return False
    with pa.parquet.ParquetFile(table_file.path) as file:
        columns = map(file.schema.column, range(len(file.schema)))
        return any(column.physical_type == "INT96" for column in columns)


def with_columns(table: pa.Table, new: Columns) -> pa.Table:
    for name, column in new.items():
        table = table.append_column(name, column)
    return table


class CsvWriter:
    """Writer of a CSV file in the dialect of the file that is read."""

    def __init__(
        self,
        stream: IO[bytes],
        table_file: TableFile,
        table: pa.Table,
        new: Columns,
        escape_formulas: bool,
    ) -> None:
        self.stream = stream
        self.escape_formulas = escape_formulas
        self.path = table_file.path
        dialect = table_file.dialect
        self.decimal = dialect.decimal if dialect else "."
        self.delimiter = dialect.delimiter if dialect else ","
        self.newline = dialect.newline if dialect else "\n"
        if dialect and dialect.encoding != "utf-8":
            self.stream.write(codecs.BOM_UTF8)
        self.write_lines(
            [pa.array([name]) for name in (*table_file.columns, *new)]
        )

    def write(self, table: pa.Table, new: Columns) -> None:
        cells = []
        for name, column in zip(table.column_names, table.columns, strict=True):
            try:
                cells.append(as_text(column.combine_chunks()))
            except (pa.ArrowException, ColumnTypeError):
                raise ValueError(
                    f"{self.path}: column {name!r} holds {column.type}, which "
                    "CSV cannot represent. Write a .parquet file."
                ) from None
        self.write_lines(
            [
                *cells,
                *(
                    number_cells(column, self.decimal)
                    for column in new.values()
                ),
            ]
        )

    def write_lines(self, columns: list[pa.Array]) -> None:
        if self.escape_formulas:
            columns = [escaped(column) for column in columns]
        cells = [quoted(column, self.delimiter) for column in columns]
        lines = pc.binary_join_element_wise(
            *cells,
            self.delimiter,
            null_handling="replace",
            null_replacement="",
        )
        lines = pc.binary_join_element_wise(lines, "", self.newline)
        self.stream.write(joined_bytes(lines))

    def add_metadata(self, metadata: Mapping[str, str]) -> None:
        pass

    def close(self) -> None:
        pass


class TabWriter(CsvWriter):
    """Writer of a CSV file with tabs between the cells."""

    def write_lines(self, columns: list[pa.Array]) -> None:
        self.delimiter = "\t"
        super().write_lines(columns)


WRITERS: dict[str, type[CsvWriter] | type[ParquetWriter]] = {
    ".csv": CsvWriter,
    ".txt": CsvWriter,
    ".tsv": TabWriter,
    ".parquet": ParquetWriter,
}


def number_cells(column: pa.Array, decimal: str) -> pa.Array:
    cells = as_text(column)
    if decimal == "," and pa.types.is_floating(column.type):
        cells = pc.replace_substring(cells, ".", ",")
    return cells


def escaped(cells: pa.Array) -> pa.Array:
    """Prevents CSV injection: puts `'` before texts that look like formulas.

    A spreadsheet interprets a text as a formula if it begins with `=`, `+`,
    `-`, `@`, a tab or a carriage return. Numbers are not changed.

    Reference: OWASP, "CSV Injection",
    https://owasp.org/www-community/attacks/CSV_Injection

    Args:
        cells: `pyarrow` array of strings.

    Returns:
        `pyarrow` array of strings.

    Example:

    >>> escaped(pa.array(["=1+1", "-1.5", "-x", "a=b"])).to_pylist()
    ["'=1+1", '-1.5', "'-x", 'a=b']
    """
    formula = pc.and_not(
        pc.match_substring_regex(cells, FORMULA),
        pc.match_substring_regex(cells, NUMBER),
    )
    return pc.if_else(
        formula, pc.binary_join_element_wise("'", cells, ""), cells
    )


def quoted(cells: pa.Array, delimiter: str) -> pa.Array:
    """Quotes the cells that contain a quote, a line break or the delimiter."""
    special = pc.match_substring_regex(cells, f'["\r\n{re.escape(delimiter)}]')
    if not pc.any(special).as_py():
        return cells
    inside = pc.replace_substring(cells, '"', '""')
    return pc.if_else(
        special, pc.binary_join_element_wise('"', inside, '"', ""), cells
    )


def joined_bytes(lines: pa.Array) -> pa.Buffer:
    """Bytes of all strings of an array, concatenated."""
    _, offsets, text = lines.buffers()
    offsets = np.frombuffer(offsets, "int32")
    first = offsets[lines.offset].item()
    last = offsets[lines.offset + len(lines)].item()
    return text.slice(first, last - first)
