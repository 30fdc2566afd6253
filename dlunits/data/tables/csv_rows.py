"""Rows of a CSV file: fast as text, or slowly with their line numbers."""

import codecs
import contextlib
import csv
import io
import itertools
import pathlib
import shutil
import tempfile

import pyarrow as pa
import pyarrow.csv

from dlunits.data.tables.csv_dialect import any_cell_size, is_packed, opened

BLOCK = 1 << 23  # bytes; a row must fit
AS_UTF8 = ("utf-8", "utf-8-sig")  # pyarrow passes over a byte order mark


def text_batches(path, dialect):
    """Reads the rows, all cells as text; holds about 8 MiB at a time.

    A file that is not UTF-8 is first copied, as such, into a temporary one.

    Args:
        path: `pathlib.Path` of a CSV file, perhaps packed with gzip.
        dialect: `dlunits.data.tables.csv_dialect.Dialect` of the file.

    Yields:
        `pyarrow.RecordBatch` with columns named `"0"`, `"1"` ...

    Raises:
        ValueError: At a row with too many or too few cells, or a quote that
            is not closed; one line that names the file and the line in it.
    """
    if dialect.num_lines <= dialect.skipped_lines + 1:
        return
    names = [str(number) for number in range(len(dialect.header))]
    last = None
    with native_stream(path, dialect.encoding) as stream:
        try:
            reader = pa.csv.open_csv(
                stream,
                pa.csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    skip_rows=dialect.skipped_lines,
                    skip_rows_after_names=1,
                    column_names=names,
                ),
                pa.csv.ParseOptions(
                    delimiter=dialect.delimiter, newlines_in_values=True
                ),
                pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    strings_can_be_null=False,
                    check_utf8=False,  # was checked when it was opened
                ),
            )
            for batch in reader:
                last = batch if batch.num_rows else last
                yield batch
        except (pa.ArrowInvalid, OSError) as error:
            raise ValueError(f"{path}{what_is_wrong(path, dialect)}") from error
    if last is not None and "\n" in last.column(len(names) - 1)[-1].as_py():
        check_last_quote(path, dialect)


@contextlib.contextmanager
def native_stream(path, encoding):
    """The bytes of a CSV file as UTF-8, in a stream that needs no Python.

    Threads of pyarrow read ahead. From a file of Python's, or through one of
    its codecs, they would do so by the interpreter, and one that is still at
    it when the interpreter ends kills the process: exit status 134.
    """
    with contextlib.ExitStack() as stack:
        packed = is_packed(path)
        if codecs.lookup(encoding).name not in AS_UTF8:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            copy, packed = pathlib.Path(folder, "utf8.csv"), False
            copy_as_utf8(path, encoding, copy)
            path = copy
        compression = "gzip" if packed else None
        yield stack.enter_context(pa.input_stream(str(path), compression))


def copy_as_utf8(path, encoding, copy):
    with (
        opened(path) as stream,
        io.TextIOWrapper(stream, encoding, newline="") as text,
        copy.open("w", encoding="utf-8", newline="") as written,
    ):
        shutil.copyfileobj(text, written, BLOCK)


def what_is_wrong(path, dialect):
    """Finds the line at which a CSV file cannot be read."""
    width = len(dialect.header)
    for line, cells in numbered_records(path, dialect):
        if len(cells) != width:
            return (
                f", line {line}: expected {width} cells, as in the header, "
                f"found {len(cells)}. Correct that line: a cell that holds the "
                f"delimiter {dialect.delimiter!r}, a quote or a line break "
                "must stand in quotes."
            )
        if sum(map(len, cells)) > BLOCK / 4:
            return (
                f", line {line}: begins a row that is too long. Is a quote in "
                "it not closed?"
            )
    return ": cannot be read as CSV. Save it anew as CSV in UTF-8."


def check_last_quote(path, dialect):
    """Refuses a last row whose quoted cell runs to the end of the file."""
    start = max(line for line, _ in numbered_records(path, dialect))
    with opened(path) as stream:
        lines = io.TextIOWrapper(stream, dialect.encoding, newline="")
        text = "".join(itertools.islice(lines, start - 1, None))
    if text.count('"') % 2:
        raise ValueError(
            f"{path}, line {start}: begins a quoted cell that is never "
            "closed. Close it, or complete the file: it may be cut short."
        )


def numbered_records(path, dialect):
    """Slowly, for messages: pairs (line in the file, cells) of the rows.

    It is the line where the record begins, as an editor shows it.
    """
    with (
        opened(path) as stream,
        io.TextIOWrapper(stream, dialect.encoding, newline="") as lines,
        any_cell_size(),
    ):
        for _ in range(dialect.skipped_lines):
            next(lines)
        reader = csv.reader(lines, delimiter=dialect.delimiter)
        before, header = 0, True
        for cells in reader:
            if cells and not header:
                yield before + 1 + dialect.skipped_lines, cells
            header &= not cells
            before = reader.line_num
