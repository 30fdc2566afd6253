"""Rows of a CSV file: fast in batches, or slowly with their line numbers."""

import codecs
import contextlib
import csv
import io
import itertools
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv

from dlunits.data.tables.csv_dialect import (
    Dialect,
    any_cell_size,
    is_gzip,
    open_bytes,
)

BLOCK = 1 << 23  # bytes; no row may be larger
UTF8 = ("utf-8", "utf-8-sig")  # pyarrow skips a byte order mark


def text_batches(
    path: pathlib.Path, dialect: Dialect
) -> Iterator[pa.RecordBatch]:
    r"""Reads the rows of a CSV file as text, about 8 MiB at a time.

    A file in another encoding is first copied to a temporary file in UTF-8.

    Args:
        path: `pathlib.Path` of a CSV file, which may be compressed with gzip.
        dialect: `dlunits.data.tables.csv_dialect.Dialect` of the file.

    Yields:
        `pyarrow.RecordBatch` with columns named `"0"`, `"1"` ...

    Raises:
        ValueError: If a row has too many or too few cells, or a quote is not
            closed. The message is one line with the file and the line in it.

    Example:

    >>> from dlunits.data.tables.csv_dialect import infer_dialect
    >>> path = pathlib.Path(tempfile.mkdtemp(), "pump.csv")
    >>> _ = path.write_text("time;speed\n007;1,5\n")
    >>> [batch] = text_batches(path, infer_dialect(path))
    >>> batch.to_pydict()
    {'0': ['007'], '1': ['1,5']}
    """
    if dialect.num_lines <= dialect.header_lines:
        return
    names = [str(number) for number in range(len(dialect.header))]
    last = None
    with native_stream(path, dialect) as stream:
        try:
            reader = pa.csv.open_csv(
                stream,
                pa.csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    skip_rows=dialect.skipped_lines,
                    skip_rows_after_names=dialect.header_rows,
                    column_names=names,
                ),
                pa.csv.ParseOptions(
                    delimiter=dialect.delimiter, newlines_in_values=True
                ),
                pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    strings_can_be_null=False,
                    check_utf8=False,  # checked by infer_dialect
                ),
            )
            for batch in reader:
                last = batch if batch.num_rows else last
                yield batch
        except (pa.ArrowInvalid, OSError) as error:
            raise ValueError(
                f"{path}{describe_error(path, dialect)}"
            ) from error
    if last is not None and "\n" in last.column(len(names) - 1)[-1].as_py():
        check_last_quote(path, dialect)


@contextlib.contextmanager
def native_stream(
    path: pathlib.Path, dialect: Dialect
) -> Iterator[pa.NativeFile]:
    """Native stream of a CSV file in UTF-8, without footer.

    Threads of pyarrow read ahead. With a Python file or codec they would call
    the interpreter, and a thread that still reads when the interpreter exits
    aborts the process with exit status 134.
    """
    with contextlib.ExitStack() as stack:
        compressed = is_gzip(path)
        if codecs.lookup(dialect.encoding).name not in UTF8 or dialect.footer:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            copy, compressed = pathlib.Path(folder, "utf8.csv"), False
            copy_as_utf8(path, dialect, copy)
            path = copy
        compression = "gzip" if compressed else None
        yield stack.enter_context(pa.input_stream(str(path), compression))


def copy_as_utf8(
    path: pathlib.Path, dialect: Dialect, copy: pathlib.Path
) -> None:
    with (
        open_bytes(path) as stream,
        io.TextIOWrapper(stream, dialect.encoding, newline="") as text,
        copy.open("w", encoding="utf-8", newline="") as written,
    ):
        if dialect.footer:
            written.writelines(itertools.islice(text, dialect.num_lines))
        else:
            shutil.copyfileobj(text, written, BLOCK)


def describe_error(path: pathlib.Path, dialect: Dialect) -> str:
    """Finds the line at which a CSV file cannot be read."""
    width = len(dialect.header)
    for line, cells in numbered_records(path, dialect):
        if len(cells) != width:
            return (
                f", line {line}: expected {width} cells, as in the header, "
                f"found {len(cells)}. Correct that line: a cell that contains "
                f"the delimiter {dialect.delimiter!r}, a quote or a line break "
                "must be quoted."
            )
        if sum(map(len, cells)) > BLOCK / 4:
            return (
                f", line {line}: begins a row that is too long. Is a quote in "
                "it not closed?"
            )
    return ": cannot be read as CSV. Save it again as CSV in UTF-8."


def check_last_quote(path: pathlib.Path, dialect: Dialect) -> None:
    """Rejects a last row whose quoted cell is not closed."""
    start = max(line for line, _ in numbered_records(path, dialect))
    with open_bytes(path) as stream:
        lines = io.TextIOWrapper(stream, dialect.encoding, newline="")
        text = "".join(itertools.islice(lines, start - 1, None))
    if text.count('"') % 2:
        raise ValueError(
            f"{path}, line {start}: begins a quoted cell that is never "
            "closed. Close it, or complete the file: it may be truncated."
        )


def numbered_records(
    path: pathlib.Path, dialect: Dialect
) -> Iterator[tuple[int, list[str]]]:
    """Reads the rows slowly, with their line numbers, for error messages.

    Args:
        path: `pathlib.Path` of a CSV file, which may be compressed with gzip.
        dialect: `dlunits.data.tables.csv_dialect.Dialect` of the file.

    Yields:
        Pairs `(line, cells)`. The line is the first one of the record, as an
        editor counts it.
    """
    with (
        open_bytes(path) as stream,
        io.TextIOWrapper(stream, dialect.encoding, newline="") as lines,
        any_cell_size(),
    ):
        for _ in range(dialect.skipped_lines):
            next(lines)
        rows: Iterator[str] = lines
        if dialect.footer:
            rows = itertools.islice(
                lines, dialect.num_lines - dialect.skipped_lines
            )
        reader = csv.reader(rows, delimiter=dialect.delimiter)
        previous, header_rows = 0, dialect.header_rows
        for cells in reader:
            if cells and not header_rows:
                yield previous + 1 + dialect.skipped_lines, cells
            header_rows -= bool(cells and header_rows)
            previous = reader.line_num
