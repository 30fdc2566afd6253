"""A table whose reading is watched."""

import pytest

from dlunits.data.tables.column_types import infer_column_types
from dlunits.data.tables.table_files import open_table
from dlunits.reporting.table_progress import watched


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("a\n" + "".join(f"{n % 7}\n" for n in range(10)))
    return open_table(path)


def test_every_chunk_is_told_once_it_is_worked_on(table):
    told = []
    chunks = watched(table, told.append, lambda: told.append("end")).chunks(4)
    next(chunks)
    assert told == []
    assert [chunk.first_row for chunk in chunks] == [4, 8]
    assert told == [4, 8, 10, "end"]


def test_it_is_read_as_the_table_is(table):
    told = []
    assert infer_column_types(
        watched(table, told.append)
    ) == infer_column_types(table)
    assert told == [10]
    [chunk] = watched(table, told.append).chunks()
    assert chunk.place(1, "a") == f"{table.path}, line 3, column 'a'"
