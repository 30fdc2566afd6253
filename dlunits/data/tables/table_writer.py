"""A table as it came plus new columns, written while it is read."""

import codecs
import contextlib
import pathlib
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from dlunits.atomic_files import atomic_write
from dlunits.data.tables.table_columns import NotOfKindError, as_text


def write_scored(table_file, output_path, score_chunk, progress=None):
    r"""Writes every row as it came, with new columns at the right.

    The rows are read, scored and written in chunks, so that a table may be
    larger than memory. Their order and number stay. What is written, the end
    of `output_path` says:

    - `.csv`, `.txt` or `.tsv`: UTF-8 with the delimiter (`.tsv`: tab), the
      line ends and, in the new columns, the decimal sign of the CSV that was
      read. A byte order mark comes first unless that file was plain UTF-8,
      for Excel to read it right. Cells are put in quotes only where they must
      be. A missing value of Parquet becomes an empty cell.
    - `.parquet`: columns keep their types. What was CSV stays text.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        output_path: Path of the file. One that was there before is replaced
            when the new one is whole, and kept if anything fails.
        score_chunk: Function of a `dlunits.data.tables.table_files.Chunk`.
            Returns a dict from the names of the new columns to arrays `(rows,)`
            of numbers, booleans or strings, the same names and types each time.
            NaN and `None` become missing values.
        progress: Function of the number of rows done, called after each
            chunk, or `None`.

    Returns:
        Number of rows.

    Raises:
        ValueError: If a new column has the name of one that is there, the end
            of `output_path` is not known, it is the file that is read, or the
            table cannot be read: one line.
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
    path = pathlib.Path(output_path).expanduser()
    make_writer = find_writer(table_file, path)
    writer, done = None, 0
    with atomic_write(path) as stream, contextlib.ExitStack() as stack:
        for chunk in table_file.chunks():
            new = new_columns(chunk, score_chunk(chunk))
            if writer is None:
                writer = make_writer(stream, table_file, chunk.table, new)
                stack.callback(writer.close)
            writer.write(chunk.table, new)
            done += chunk.table.num_rows
            if progress:
                progress(done)
    return done


def check_new_columns(table_file, names):
    """Refuses a table that has columns of these names already.

    `write_scored` checks it too, but only after the first chunk is scored.

    Raises:
        ValueError: One line that names file and column.
    """
    for name in table_file.columns:
        if name in names:
            raise ValueError(
                f"{table_file.path}: has a column {name!r} already, as if it "
                "were scored before. Rename it or leave it out."
            )


def find_writer(table_file, path):
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ValueError(
            f"{path}: the name of a scored table must end in "
            f"{', '.join(WRITERS)}."
        )
    if path.exists() and path.samefile(table_file.path):
        raise ValueError(
            f"{path}: is the table that is read. Name another file to write."
        )
    return writer


def new_columns(chunk, scores):
    """Dict of arrays -> dict of `pyarrow` arrays."""
    check_new_columns(chunk.file, scores)
    rows = chunk.table.num_rows
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
    """Row groups of a Parquet file, one a chunk."""

    def __init__(self, stream, table_file, table, new):
        del table_file
        schema = with_columns(table, new).schema
        self.writer = pa.parquet.ParquetWriter(stream, schema)

    def write(self, table, new):
        self.writer.write_table(with_columns(table, new))

    def close(self):
        self.writer.close()


def with_columns(table, new):
    for name, column in new.items():
        table = table.append_column(name, column)
    return table


class CsvWriter:
    """Lines of a CSV file, written as the one that was read."""

    def __init__(self, stream, table_file, table, new):
        self.stream = stream
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

    def write(self, table, new):
        cells = []
        for name, column in zip(table.column_names, table.columns, strict=True):
            try:
                cells.append(as_text(column.combine_chunks()))
            except (pa.ArrowException, NotOfKindError):
                raise ValueError(
                    f"{self.path}: column {name!r} holds {column.type}, which "
                    "CSV cannot. Write a .parquet file."
                ) from None
        self.write_lines(
            [
                *cells,
                *(as_cells(column, self.decimal) for column in new.values()),
            ]
        )

    def write_lines(self, columns):
        cells = [quoted(column, self.delimiter) for column in columns]
        lines = pc.binary_join_element_wise(
            *cells,
            self.delimiter,
            null_handling="replace",
            null_replacement="",
        )
        lines = pc.binary_join_element_wise(lines, "", self.newline)
        self.stream.write(text_of(lines))

    def close(self):
        pass


class TabWriter(CsvWriter):
    """The same with tabs."""

    def write_lines(self, columns):
        self.delimiter = "\t"
        super().write_lines(columns)


WRITERS = {
    ".csv": CsvWriter,
    ".txt": CsvWriter,
    ".tsv": TabWriter,
    ".parquet": ParquetWriter,
}


def as_cells(column, decimal):
    cells = as_text(column)
    if decimal == "," and pa.types.is_floating(column.type):
        cells = pc.replace_substring(cells, ".", ",")
    return cells


def quoted(cells, delimiter):
    """Puts those in quotes that a reader would take for several."""
    special = pc.match_substring_regex(cells, f'["\r\n{re.escape(delimiter)}]')
    if not pc.any(special).as_py():
        return cells
    inside = pc.replace_substring(cells, '"', '""')
    return pc.if_else(
        special, pc.binary_join_element_wise('"', inside, '"', ""), cells
    )


def text_of(lines):
    """The bytes of all strings of an array, one after the other."""
    _, offsets, text = lines.buffers()
    offsets = np.frombuffer(offsets, "int32")
    first = offsets[lines.offset].item()
    last = offsets[lines.offset + len(lines)].item()
    return text.slice(first, last - first)
