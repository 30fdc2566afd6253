"""Rows of a CSV file: fast as text, or slowly with their line numbers."""

import csv
import io
import itertools

import pyarrow as pa
import pyarrow.csv

from dlunits.data.csv_dialect import any_cell_size, opened

BLOCK = 1 << 23  # bytes; a row must fit


def text_batches(path, dialect):
    """Reads the rows, all cells as text; holds about 8 MiB at a time.

    Args:
        path: `pathlib.Path` of a CSV file, perhaps packed with gzip.
        dialect: What `dlunits.data.csv_dialect.find_dialect` said of it.

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
    with opened(path) as stream:
        try:
            reader = pa.csv.open_csv(
                stream,
                pa.csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    encoding=dialect.encoding,
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
        except pa.ArrowInvalid as error:
            raise ValueError(f"{path}{what_is_wrong(path, dialect)}") from error
    if last is not None and "\n" in last.column(len(names) - 1)[-1].as_py():
        check_last_quote(path, dialect)


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
