"""Table files, CSV or Parquet, whoever made them, in chunks of rows."""

import contextlib
import dataclasses
import pathlib
import zlib

import pyarrow as pa
import pyarrow.parquet

from dlunits.data.tables import csv_dialect, csv_rows

CHUNK_CELLS = 1_000_000
CHUNK_BYTES = 1 << 26  # about; less rows are taken if they are long

# First bytes of files that people take for tables.
FOREIGN = {
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
class Chunk:
    """Some rows of a table file that follow each other.

    Args:
        table: `pyarrow.Table`; of CSV all cells are text, as they came.
        file: `TableFile`, or `None` for a table that is in no file.
        first_row: Number of rows in the file before these.
    """

    table: pa.Table
    file: "TableFile | None" = None
    first_row: int = 0

    @property
    def decimal(self):
        dialect = self.file and self.file.dialect
        return dialect.decimal if dialect else "."

    def place(self, row, column):
        """Where a cell is: `"new.csv, line 17, column 'speed'"`."""
        row += self.first_row
        place = self.file.place(row) if self.file else f"row {row + 1}"
        return f"{place}, column {column!r}"


@dataclasses.dataclass(frozen=True)
class TableFile:
    """A table file that was opened; `open_table` makes it.

    Args:
        path: `pathlib.Path`.
        kind: `"csv"` or `"parquet"`.
        columns: Tuple of names, in order.
        rows_at_most: Number of rows, for a progress bar. Exact for Parquet;
            for CSV blank lines and line breaks in cells count too.
        dialect: `dlunits.data.tables.csv_dialect.Dialect`, or `None`.
    """

    path: pathlib.Path
    kind: str
    columns: tuple
    rows_at_most: int
    dialect: csv_dialect.Dialect | None = None

    def chunks(self, rows=None):
        """Reads the table from the start; holds little of it at a time.

        Args:
            rows: Most rows of a chunk. The default makes chunks of a million
                cells. Rows that are very long make chunks of less.

        Yields:
            `Chunk`.

        Raises:
            ValueError: If there is no row, or the file is damaged: one line
                that names the file and, of CSV, the line.
        """
        rows = rows or max(1, CHUNK_CELLS // len(self.columns))
        if self.kind == "csv":
            batches = csv_rows.text_batches(self.path, self.dialect)
        else:
            batches = parquet_batches(self.path, rows)
        done = 0
        for table in regrouped(batches, rows):
            yield Chunk(table.rename_columns(self.columns), self, done)
            done += table.num_rows
        if done == 0:
            raise ValueError(
                f"{self.path}: holds column names and no row. Expected at "
                "least one row."
            )

    def place(self, row):
        """Where a row is, counted from 0: `"new.csv, line 17"`."""
        if self.dialect is None:
            return f"{self.path}, row {row + 1}"
        records = csv_rows.numbered_records(self.path, self.dialect)
        for number, (line, _) in enumerate(records):
            if number == row:
                return f"{self.path}, line {line}"
        return str(self.path)


def open_table(path, *, delimiter=None, encoding=None, decimal=None):
    r"""Opens a CSV or Parquet file and checks what its start says.

    What a file is, its first bytes say, not its name. Parquet files begin with
    `PAR1`; the rest is CSV, perhaps packed with gzip. How it is written is
    found as `dlunits.data.tables.csv_dialect.find_dialect` says, or given here.

    The first line holds the column names, of which spaces at both ends are
    taken away. A column without a name (as R and pandas write row numbers) is
    named after its place, `column_1`. Blank lines are passed over.

    Args:
        path: Path of the file.
        delimiter: Of CSV, one character. `None` to find it.
        encoding: Of CSV, a name that Python knows. `None` to find it.
        decimal: Of CSV, `"."` or `","`. `None` to find it.

    Returns:
        `TableFile`.

    Raises:
        ValueError: With one line that names the file, what is wrong and what
            to do.

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
    path = pathlib.Path(path).expanduser()
    check_options(delimiter, decimal)
    try:
        if path.is_dir():
            raise ValueError(": is a folder. Name one CSV or Parquet file.")
        with csv_dialect.opened(path) as stream:
            start = stream.read(16)
        if start[:4] == b"PAR1":
            return open_parquet(path)
        for magic, meaning in FOREIGN.items():
            if start.startswith(magic):
                raise ValueError(f": is {meaning}.")
        dialect = csv_dialect.find_dialect(path, delimiter, encoding, decimal)
        lines_before = dialect.skipped_lines + 1
        check_header(dialect.header, f", line {lines_before}")
        return TableFile(
            path,
            "csv",
            named(dialect.header, f", line {lines_before}"),
            max(0, dialect.num_lines - lines_before),
            dialect,
        )
    except ValueError as error:
        raise ValueError(f"{path}{error}") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or f"is damaged ({error})"
        reason = reason[0].lower() + reason[1:]
        raise ValueError(
            f"{path}: {reason}. Expected a CSV or Parquet file."
        ) from None


def check_options(delimiter, decimal):
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ValueError(
            "A delimiter must be one character, no quote and no line break. "
            f"Received: {delimiter!r}"
        )
    if decimal not in (None, ".", ","):
        raise ValueError(
            f"A decimal sign must be '.' or ','. Received: {decimal!r}"
        )
    if decimal == "," == delimiter:
        raise ValueError(
            "A comma cannot be delimiter and decimal sign both. Give another "
            "delimiter, or neither for both to be found."
        )


def check_header(cells, place):
    """Refuses a header of numbers, unless they count the columns."""
    names = [cell.strip() for cell in cells if cell.strip()]
    numbers = [str(number) for number in range(len(names) + 1)]
    if len(names) > 1 and names in (numbers[:-1], numbers[1:]):
        return
    if all(map(is_number, names)):
        raise ValueError(
            f"{place}: holds no name that is not a number: is the header "
            "missing? Write the column names into the first line."
        )


def is_number(text):
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def named(cells, place=""):
    """Column names: no spaces around, none without a name, none twice."""
    names = [
        cell.strip() or f"column_{number}"
        for number, cell in enumerate(cells, 1)
    ]
    first = {}
    for number, name in enumerate(names, 1):
        if first.setdefault(name, number) != number:
            raise ValueError(
                f"{place}: columns {first[name]} and {number} are both named "
                f"{name!r}. Rename one of them."
            )
    return tuple(names)


def open_parquet(path):
    with parquet_file(path) as file:
        return TableFile(
            path,
            "parquet",
            named(file.schema_arrow.names),
            file.metadata.num_rows,
        )


@contextlib.contextmanager
def parquet_file(path):
    try:
        with pa.parquet.ParquetFile(
            path, buffer_size=1 << 20, pre_buffer=False
        ) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f": is a damaged Parquet file, perhaps cut short ({reason}). "
            "Write or copy it anew."
        ) from None


def parquet_batches(path, rows):
    try:
        with parquet_file(path) as parquet:
            yield from parquet.iter_batches(rows, use_threads=False)
    except ValueError as error:
        raise ValueError(f"{path}{error}") from None


def regrouped(batches, rows):
    """Tables of `rows` rows, the last of less."""
    held, count, size = [], 0, 0
    for batch in batches:
        while batch.num_rows:
            piece = batch.slice(0, rows - count)
            batch = batch.slice(piece.num_rows)
            held.append(piece)
            count += piece.num_rows
            size += piece.nbytes
            if count == rows or size > CHUNK_BYTES:
                yield joined(held)
                held, count, size = [], 0, 0
    if held:
        yield joined(held)


def joined(batches):
    table = pa.Table.from_batches(batches)
    return table.unify_dictionaries().combine_chunks()
