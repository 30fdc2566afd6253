"""Rows of CSV files against Python's csv module."""

import csv
import gzip
import io
import itertools
import tempfile

import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.data.tables import csv_rows
from dlunits.data.tables.csv_dialect import DELIMITERS, infer_dialect
from dlunits.data.tables.csv_rows import numbered_records, text_batches

# No byte of a Windows-1252 "ä", "ö", "ß" or "ñ" can follow another in UTF-8.
CELL = st.text("aZ09 äößñ,;|\t\"'\n\r.-", max_size=6)


def read(path):
    dialect = infer_dialect(path, header_rows=1)
    batches = list(text_batches(path, dialect))
    columns = [
        list(itertools.chain(*(b.column(i).to_pylist() for b in batches)))
        for i in range(len(dialect.header))
    ]
    return list(zip(*columns, strict=True))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("rows") / "table.csv"


@settings(deadline=None, max_examples=50)
@given(
    rows=st.integers(2, 4).flatmap(
        lambda width: st.lists(
            st.tuples(*[CELL] * width), min_size=1, max_size=6
        )
    ),
    delimiter=st.sampled_from(DELIMITERS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_table_comes_back_cell_by_cell(
    path, rows, delimiter, encoding, newline, quoting
):
    if newline == "\n":  # then Python puts no quotes around a "\r"
        rows = [tuple(cell.replace("\r", "") for cell in row) for row in rows]
    text = io.StringIO()
    writer = csv.writer(
        text, delimiter=delimiter, lineterminator=newline, quoting=quoting
    )
    header = [f"column {i}" for i in range(len(rows[0]))]
    # So many plain rows that the delimiter is clear.
    plain = [tuple(str(i) for i in range(len(rows[0])))] * 5
    writer.writerows([header, *rows, *plain])
    path.write_bytes(text.getvalue().encode(encoding))

    assert read(path) == [*rows, *plain]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_threads_that_read_ahead_never_need_the_interpreter(
    path, tmp_path, monkeypatch, encoding, packed
):
    """Otherwise the process may be aborted at its end: exit status 134."""
    opened, open_csv = [], pa.csv.open_csv

    def watched(stream, read_options, *options):
        opened.append((stream, read_options.encoding))
        return open_csv(stream, read_options, *options)

    monkeypatch.setattr(pa.csv, "open_csv", watched)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    content = "a,b\n1,ä\n2,é\n".encode(encoding)
    path.write_bytes(gzip.compress(content) if packed else content)
    assert read(path) == [("1", "ä"), ("2", "é")]
    [(stream, codec)] = opened
    assert isinstance(stream, pa.OSFile | pa.CompressedInputStream)
    assert codec == "utf8"  # without a codec of Python
    assert not list(tmp_path.iterdir())  # no copy is left


def test_a_copy_is_deleted_when_reading_stops_early(
    path, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(csv_rows, "BLOCK", 1000)
    path.write_bytes(("a,b\n" + "1,ä\n" * 1000).encode("cp1252"))
    batches = text_batches(path, infer_dialect(path))
    next(batches)
    assert list(tmp_path.iterdir())
    batches.close()
    assert not list(tmp_path.iterdir())


def test_a_compressed_file_that_pyarrow_cannot_read_is_named(path):
    path.write_bytes(gzip.compress(b"a,b\n1,2\n") + bytes(9))
    with pytest.raises(ValueError, match=r"table\.csv: cannot be read as CSV"):
        read(path)


def test_blank_lines_are_skipped_and_counted(path):
    path.write_bytes(b"\n\na,b\n1,2\n\n\n3,4\n\n")
    assert read(path) == [("1", "2"), ("3", "4")]
    records = list(numbered_records(path, infer_dialect(path)))
    assert records == [(4, ["1", "2"]), (7, ["3", "4"])]


def test_a_record_is_named_by_its_first_line(path):
    path.write_bytes(b'sep=,\r\n"a\r\nb",c\r\n"1\r\n2",3\r\n4,5\r\n')
    records = list(numbered_records(path, infer_dialect(path)))
    assert records == [(4, ["1\r\n2", "3"]), (6, ["4", "5"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n3\n", "line 3: expected 2 cells, .* found 1"),
        (b'a,b\n"1\n2",3\n\n4,5,6\n', "line 5: expected 2 cells, .* found 3"),
        (b'a,b\n1,"x\n2,3\n', "line 2: begins a quoted cell that is never"),
        (b'a,b\n"x,1\n2,3\n', "line 2: expected 2 cells, .* found 1"),
        (b'a,b\n1,"x\n' + b"2,3\n" * 1000, "line 2: begins a row that is"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_its_line(
    path, monkeypatch, content, message
):
    monkeypatch.setattr(csv_rows, "BLOCK", 1000)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"table.csv, {message}") as error:
        read(path)
    assert "\n" not in str(error.value)


def test_a_line_break_in_the_last_cell_is_allowed(path):
    path.write_bytes(b'a,b\n1,"x\ny"\n')
    assert read(path) == [("1", "x\ny")]
