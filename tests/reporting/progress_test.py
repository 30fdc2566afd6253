"""Progress bars over the rows of a table, on a terminal and in a log."""

import io

import pytest
import tqdm

from dlunits.columns import infer_column_types
from dlunits.data.tables.table_files import open_table
from dlunits.reporting.progress import stream_progress, with_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Bar:
    """Progress bar that records its calls."""

    def __init__(self, calls, total, desc, unit):
        self.calls, self.n = calls, 0
        calls.append((desc, total, unit))

    def __enter__(self):
        return self

    def update(self, rows):
        self.n += rows
        self.calls.append(rows)

    def __exit__(self, *_):
        self.calls.append("closed")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("a\n" + "".join(f"{n % 7}\n" for n in range(10)))
    return open_table(path)


@pytest.fixture
def clock(monkeypatch):
    """List of one number, the current time for tqdm."""
    now = [0.0]
    monkeypatch.setattr(tqdm.std, "time", lambda: now[0])
    monkeypatch.setattr(tqdm.std.tqdm, "monitor_interval", 0)
    return now


def read(table, stream, clock, seconds_per_chunk):
    """Text on a stream after reading ten chunks of one row."""
    progress = stream_progress(stream)
    bar_table = with_progress(
        table, lambda **options: steady(progress(**options), clock), "Scoring"
    )
    for _ in bar_table.chunks(rows=1):
        clock[0] += seconds_per_chunk
    return stream.getvalue()


def steady(bar, clock):
    """Progress bar that uses the clock of the test."""
    bar._time = lambda: clock[0]
    bar.start_t = bar.last_print_t = clock[0]
    return bar


def test_a_bar_advances_after_each_chunk_is_done(table):
    calls = []
    chunks = with_progress(
        table, lambda **options: Bar(calls, **options), "Scoring"
    ).chunks(4)
    next(chunks)
    assert calls == [("Scoring", 10, " rows")]
    assert [chunk.first_row for chunk in chunks] == [4, 8]
    assert calls == [("Scoring", 10, " rows"), 4, 4, 2, "closed"]


def test_a_bar_is_closed_when_reading_stops_early(table):
    calls = []
    chunks = with_progress(
        table, lambda **options: Bar(calls, **options), "Scoring"
    ).chunks(4)
    next(chunks)
    chunks.close()
    assert calls == [("Scoring", 10, " rows"), "closed"]


def test_a_table_with_a_bar_is_read_like_the_table(table):
    calls = []
    bar_table = with_progress(
        table, lambda **options: Bar(calls, **options), "Reading"
    )
    assert infer_column_types(bar_table) == infer_column_types(table)
    [chunk] = bar_table.chunks()
    assert chunk.place(1, "a") == f"{table.path}, line 3, column 'a'"


def test_without_a_progress_function_the_table_stays_as_it_is(table):
    assert with_progress(table, None, "Reading") is table


def test_a_terminal_shows_one_bar_that_is_redrawn(table, clock):
    text = read(table, Terminal(), clock, 1.0)
    assert text.count("\n") == 1
    first, *_, last = text.strip().split("\r")
    assert first.startswith("Scoring:  10%")
    assert "1/10 [00:01<00:09" in first
    assert "10/10 [00:10<00:00" in last
    assert " rows/s" in last


def test_a_log_gets_an_update_every_half_minute(table, clock):
    text = read(table, io.StringIO(), clock, 15)
    updates = text.strip().split("\r")
    # 10 chunks of 15 s: after 30, 60, 90, 120 and 150 s, and the last state.
    assert len(updates) == 6
    assert "2/10 [00:30<02:00" in updates[0]


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_short_read_shows_nothing(table, clock, stream):
    assert read(table, stream, clock, 0.01) == ""


def test_the_last_update_has_the_true_number_of_rows(tmp_path, clock):
    path = tmp_path / "blank.csv"
    path.write_text("a\n1\n\n\n2\n")  # `max_rows` counts blank lines
    table = open_table(path)
    assert table.max_rows == 4
    text = read(table, Terminal(), clock, 1.0)
    assert "2/2 [00:02" in text.split("\r")[-1]
