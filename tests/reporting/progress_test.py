"""Progress over rows, to a terminal and to a log."""

import io
import itertools
import time

import pytest

from dlunits.data.tables.table_files import open_table
from dlunits.reporting.progress import RowProgress, watching


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def walk(stream, seconds_a_chunk, chunks=10):
    clock = Clock()
    progress = RowProgress("Scoring", 1000, stream, clock)
    for chunk in range(1, chunks + 1):
        clock.now += seconds_a_chunk
        progress(100 * chunk)
    progress.finish()
    return stream.getvalue()


def test_a_log_has_a_line_every_half_minute_and_one_at_the_end():
    lines = walk(io.StringIO(), 15).splitlines()
    # 200 rows in 30 s, 1000 in 150 s.
    assert lines[0] == ("Scoring: 200 of 1,000 rows, 7 a second, 2 min left")
    assert len(lines) == 6
    assert lines[-1] == "Scoring: 1,000 rows in 2 min"


def test_of_a_short_walk_a_log_has_nothing():
    assert walk(io.StringIO(), 0.5) == ""


def test_a_terminal_has_one_line_drawn_over():
    text = walk(Terminal(), 1.0)
    assert text.count("\n") == 1
    first, *rest = text.split("\r")
    assert first == "Scoring: 100 of 1,000 rows, 100 a second, 9 s left"
    assert len(rest) == 10
    assert rest[-1].startswith("Scoring: 1,000 rows in 10 s")
    # Nothing of a longer line stays behind a shorter one.
    for before, after in itertools.pairwise([first, *rest]):
        assert len(after) >= len(before.rstrip())


def test_more_rows_than_there_should_be_are_told():
    clock = Clock()
    stream = io.StringIO()
    progress = RowProgress("Scoring", 10, stream, clock)
    clock.now = 40.0
    progress(20)
    assert stream.getvalue() == (
        "Scoring: 20 of 20 rows, 0 a second, 1 s left\n"
    )


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_table_of_one_chunk_ends_without_a_line(stream):
    progress = RowProgress("Scoring", 10, stream, Clock())
    progress(10)
    progress.finish()
    assert stream.getvalue() == ""


def test_who_reads_a_table_is_watched(tmp_path):
    path, stream = tmp_path / "new.csv", Terminal()
    path.write_text("speed\n1\n2\n3\n")
    table = watching(stream)("Scoring", open_table(path))
    for chunk in table.chunks(rows=1):
        time.sleep(0.3)  # longer than from one drawing to the next
        assert chunk.table.num_rows == 1
    assert "Scoring: 3 of 3 rows" in stream.getvalue()
    assert "Scoring: 3 rows in 1 s" in stream.getvalue()
