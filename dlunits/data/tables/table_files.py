"""CSV and Parquet files, read in chunks of rows."""

import contextlib
import dataclasses
import pathlib
import zlib
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet

from dlunits.columns import ChunkedTable, TableChunk, check_columns
from dlunits.columns.column_values import quoted_value
from dlunits.columns.date_and_time import join_date_and_time
from dlunits.data.tables import csv_dialect, csv_rows
from dlunits.paths import check_regular, expand_user
from dlunits.typing import Path

CHUNK_CELLS = 1_000_000
CHUNK_BYTES = 1 << 26  # approximate limit; it makes chunks of long rows smaller

# First bytes of other formats -> their names, with a remedy.
OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel workbook or a zip archive: save it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save it as CSV",
    b"ARROW1": "an Arrow file: save it as Parquet",
    b"ORC": "an ORC file: save it as Parquet",
    b"\x89HDF": "an HDF5 file: save it as CSV or Parquet",
    b"SQLite format 3": "an SQLite database: export it as CSV",
    b"\x93NUMPY": "a NumPy array: save it as CSV or Parquet",
    b"\x28\xb5\x2f\xfd": "packed with zstd: unpack it first",
    b"BZh": "packed with bzip2: unpack it first",
    b"\xfd7zXZ": "packed with xz: unpack it first",
    b"%PDF": "a PDF: the table must be CSV or Parquet",
    b"{": "JSON: save it as CSV or Parquet",
    b"[": "JSON: save it as CSV or Parquet",
}


@dataclasses.dataclass(frozen=True)
class TableFile(ChunkedTable):
    r"""CSV or Parquet file that is read in chunks of rows; see `open_table`.

    Args:
        path: `pathlib.Path`.
        format: `"csv"` or `"parquet"`.
        columns: Tuple of column names, in order.
        max_rows: Number of rows, for a progress bar. Exact for Parquet; for
            CSV it includes blank lines and line breaks in cells.
        dialect: `dlunits.data.tables.csv_dialect.Dialect`, or `None`.
        decimal: Decimal separator of numbers that are texts, `"."` or `","`.
        date_and_time: Names of a column of dates and a column of times of day
            that the last column joins, see `with_timestamps`. Empty if there
            is no such column.

    Example:

    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "pump.csv")
    >>> _ = path.write_text("time,speed\n0,1.5\n1,2.5\n")
    >>> file = open_table(path)
    >>> file.format, file.columns, file.max_rows
    ('csv', ('time', 'speed'), 2)
    >>> file.place(1) == f"{path}, line 3"
    True
    """

    path: pathlib.Path
    format: str
    columns: tuple[str, ...]
    max_rows: int
    dialect: csv_dialect.Dialect | None = None
    decimal: str = "."
    date_and_time: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return str(self.path)

    @property
    def messages(self) -> list[str]:
        """Lines for the user about skipped lines and columns without a name."""
        dialect, lines = self.dialect, []
        if dialect is None:
            return []
        if dialect.preamble:
            lines.append(
                f"{self.path}: skipped {dialect.skipped_lines} lines before "
                f"the header: {quoted_value(dialect.preamble)}"
            )
        if dialect.footer:
            lines.append(
                f"{self.path}: skipped remarks after the rows: "
                f"{quoted_value(dialect.footer)}"
            )
        unnamed = [
            repr(name)
            for name, cell in zip(self.columns, dialect.header, strict=False)
            if not cell.strip()
        ]
        if unnamed:
            more = ", ..." if len(unnamed) > 3 else ""
            lines.append(
                f"{self.path}: columns without a name in the header: "
                f"{', '.join(unnamed[:3])}{more}"
            )
        return lines

    def with_timestamps(self, column: str) -> "TableFile":
        """Adds a column that joins a column of dates and one of times of day.

        Args:
            column: Names of both columns, separated by a comma: `"Date,Time"`,
                which is also the name of the new column. The name of one
                column adds none.

        Returns:
            `TableFile` with the new column.

        Raises:
            ValueError: If one of the two columns is missing.
        """
        names = tuple(name.strip() for name in column.split(","))
        if column in self.columns or len(names) != 2:
            return self
        check_columns(self.columns, names, self.path)
        return dataclasses.replace(
            self, columns=(*self.columns, column), date_and_time=names
        )

    def chunks(self, rows: int | None = None) -> Iterator[TableChunk]:
        """Reads the table from the start, a chunk at a time.

        Args:
            rows: Maximum number of rows of a chunk. `None` makes chunks of a
                million cells. Chunks of very long rows are smaller.

        Yields:
            `TableChunk`.

        Raises:
            ValueError: If there is no row, or the file is damaged. The message
                is one line with the file and, for CSV, the line in it.
        """
        rows = rows or max(1, CHUNK_CELLS // len(self.columns))
        if self.dialect is not None:
            batches = csv_rows.text_batches(self.path, self.dialect)
        else:
            batches = parquet_batches(self.path, rows)
        first_row = 0
        for table in regroup(batches, rows):
            if self.date_and_time:
                date, time = map(self.columns.index, self.date_and_time)
                table = table.append_column(
                    self.columns[-1],
                    join_date_and_time(
                        table.column(date).combine_chunks(),
                        table.column(time).combine_chunks(),
                    ),
                )
            yield TableChunk(
                table.rename_columns(self.columns),
                self.decimal,
                first_row,
                self.source,
                self.place,
                has_types=self.format == "parquet",
            )
            first_row += table.num_rows
        if first_row == 0:
            raise ValueError(
                f"{self.path}: contains column names but no row. Expected at "
                "least one row."
            )

    def place(self, row: int) -> str:
        """Place of a row, counted from 0: `"new.csv, line 17"`."""
        if self.dialect is None:
            return f"{self.path}, row {row + 1}"
        records = csv_rows.numbered_records(self.path, self.dialect)
        for number, (line, _) in enumerate(records):
            if number == row:
                return f"{self.path}, line {line}"
        return str(self.path)


def open_table(
    path: Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    header_rows: int | None = None,
) -> TableFile:
    r"""Opens a CSV or Parquet file.

    The format is detected from the first bytes, not from the name. Parquet
    files start with `PAR1`; other files are CSV, which may be compressed with
    gzip. The dialect of CSV is detected by
    `dlunits.data.tables.csv_dialect.infer_dialect` unless it is given here.

    The first line contains the column names; lines of text with fewer cells may
    precede it. Whitespace around names is removed. A column without a name, as
    R and pandas write row numbers, is named by its position, `unnamed_1`. Blank
    lines are skipped.

    Args:
        path: Path of the file.
        delimiter: One character between the cells of CSV. `None` detects it.
        encoding: Encoding of CSV, the name of a Python codec. `None` detects
            it.
        decimal: Decimal separator of numbers that are texts, `"."` or `","`.
            `None` detects it in CSV, and is `"."` in Parquet.
        header: Whether the first line of CSV contains the column names. If
            not, they are `unnamed_1`, `unnamed_2` ... `None` assumes so, but a
            line that looks like a row is an error.
        header_rows: Number of rows of CSV with the column names, which are
            joined by spaces. `None` assumes one, but a second row that looks
            like part of the header, such as a row of units, is an error.

    Returns:
        `TableFile`.

    Raises:
        ValueError: If the file cannot be read. The message is one line with
            the file, the problem and a remedy.

    Example:

    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "pump.csv")
    >>> _ = path.write_text("time;speed\n007;1,5\n008;NA\n")
    >>> file = open_table(path)
    >>> file.columns, file.dialect.delimiter, file.dialect.decimal
    (('time', 'speed'), ';', ',')
    >>> for chunk in file.chunks():
    ...     print(chunk.table.to_pydict())
    {'time': ['007', '008'], 'speed': ['1,5', 'NA']}
    """
    path = expand_user(path)
    check_options(delimiter, decimal)
    if header is False and header_rows:
        raise ValueError(
            "--noheader and --header_rows exclude each other. Omit one of them."
        )
    try:
        if path.is_dir():
            raise ValueError(": is a folder. Name one CSV or Parquet file.")
        try:
            check_regular(path)
        except ValueError as error:
            raise ValueError(f": {error}.") from None
        with csv_dialect.open_bytes(path) as stream:
            start = stream.read(16)
        if start[:4] == b"PAR1":
            return open_parquet(path, decimal)
        for magic, meaning in OTHER_FORMATS.items():
            if start.startswith(magic):
                raise ValueError(f": is {meaning}.")
        dialect = csv_dialect.infer_dialect(
            path, delimiter, encoding, decimal, header, header_rows
        )
        return TableFile(
            path,
            "csv",
            column_names(dialect.header, f", line {dialect.skipped_lines + 1}"),
            max(0, dialect.num_lines - dialect.header_lines),
            dialect,
            dialect.decimal,
        )
    except ValueError as error:
        raise ValueError(f"{path}{error}") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or f"is damaged ({error})"
        reason = reason[0].lower() + reason[1:]
        raise ValueError(
            f"{path}: {reason}. Expected a CSV or Parquet file."
        ) from None


def check_options(delimiter: str | None, decimal: str | None) -> None:
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ValueError(
            "A delimiter must be one character, and neither a quote nor a line "
            f"break. Received: {delimiter!r}"
        )
    if decimal not in (None, ".", ","):
        raise ValueError(
            f"A decimal separator must be '.' or ','. Received: {decimal!r}"
        )
    if decimal == "," == delimiter:
        raise ValueError(
            "A comma cannot be both delimiter and decimal separator. Give "
            "another delimiter, or omit both to infer them."
        )


def column_names(cells: Iterable[str], place: str = "") -> tuple[str, ...]:
    """Names of the columns of a header, without surrounding whitespace.

    Args:
        cells: Cells of the header.
        place: Line of the header, for an error message.

    Returns:
        Tuple of names. A column without a name is called `unnamed_1` and so on.

    Raises:
        ValueError: If there is no column, or two have the same name.

    Example:

    >>> column_names([" a", ""])
    ('a', 'unnamed_2')
    """
    names = [
        cell.strip() or f"unnamed_{number}"
        for number, cell in enumerate(cells, 1)
    ]
    if not names:
        raise ValueError(f"{place}: has no columns. Expected: at least one")
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if first.setdefault(name, number) != number:
            raise ValueError(
                f"{place}: columns {first[name]} and {number} are both named "
                f"{name!r}. Rename one of them."
                + " If the next row contains names, too, give --header_rows=2."
                * bool(place)
            )
    return tuple(names)


def open_parquet(path: pathlib.Path, decimal: str | None) -> TableFile:
    with parquet_file(path) as file:
        return TableFile(
            path,
            "parquet",
            column_names(file.schema_arrow.names),
            file.metadata.num_rows,
            decimal=decimal or ".",
        )


@contextlib.contextmanager
def parquet_file(path: pathlib.Path) -> Iterator[pa.parquet.ParquetFile]:
    try:
        with pa.parquet.ParquetFile(
            path, buffer_size=1 << 20, pre_buffer=False
        ) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f": is a damaged Parquet file, perhaps truncated ({reason}). "
            "Write or copy it again."
        ) from None


def parquet_batches(path: pathlib.Path, rows: int) -> Iterator[pa.RecordBatch]:
    try:
        with parquet_file(path) as parquet:
            yield from parquet.iter_batches(rows, use_threads=False)
    except ValueError as error:
        raise ValueError(f"{path}{error}") from None


def regroup(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Regroups batches to tables of `rows` rows; the last may be smaller."""
    held, count, size = [], 0, 0
    for batch in batches:
        while batch.num_rows:
            piece = batch.slice(0, rows - count)
            batch = batch.slice(piece.num_rows)
            held.append(piece)
            count += piece.num_rows
            size += piece.nbytes
            if count == rows or size > CHUNK_BYTES:
                yield join(held)
                held, count, size = [], 0, 0
    if held:
        yield join(held)


def join(batches: list[pa.RecordBatch]) -> pa.Table:
    table = pa.Table.from_batches(batches)
    return table.unify_dictionaries().combine_chunks()
