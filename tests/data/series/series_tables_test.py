"""Time series in tables."""

import numpy as np
import pytest

from dlunits.columns import InvalidCells, infer_column_types
from dlunits.data.series.series_tables import (
    infer_series_columns,
    list_series_columns,
    read_series,
    series_column_types,
)
from dlunits.data.tables import table_files
from dlunits.data.tables.table_files import open_table

TEXT = """road,speed,time,on,state
dry,1.5,2024-01-01 00:00,yes,ok
wet,NA,2024-01-01 00:01,no,ok
dry,2.5,2024-01-01 00:02,yes,fault
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "pump.csv"
    path.write_text(TEXT)
    return open_table(path)


def kinds_of(table, timestamp_column="time"):
    kinds, reasons = infer_column_types(table, label_column="state")
    return series_column_types(kinds, reasons, timestamp_column, table.path)


def test_numbers_and_booleans_are_channels(table):
    kinds, reasons = kinds_of(table)
    assert list(kinds) == ["time", "speed", "on"]
    assert reasons == {"road": "is not a number", "state": "is the label"}


@pytest.mark.parametrize("cells", [1, 1000])
def test_all_rows_are_read_in_order(table, cells, monkeypatch):
    monkeypatch.setattr(table_files, "CHUNK_CELLS", cells)
    kinds, _ = kinds_of(table)
    series = read_series(table, kinds, "state")
    np.testing.assert_array_equal(
        series.values, [[1.5, 1.0], [np.nan, 0.0], [2.5, 1.0]]
    )
    assert np.diff(series.times).tolist() == [60.0, 60.0]
    assert series.labels.tolist() == [False, False, True]
    assert read_series(table, kinds, "fault").labels is None


def test_seconds_that_count_rows_are_times(tmp_path):
    path = tmp_path / "pump.csv"
    path.write_text("t,x\n" + "".join(f"{n},{n % 3}\n" for n in range(20)))
    kinds, reasons = kinds_of_plain(path)
    assert kinds == {"t": "number", "x": "number"}
    assert reasons == {}


@pytest.mark.parametrize(
    ("end", "options", "rows"),
    [
        ("Total,,9,\n", {"drop_footer": True}, 3),
        ("Total,,9,\nMean,,3,\n", {"drop_footer": True}, 3),
        ("Total,,9,\n", {}, None),
        (",,9,\n", {"drop_footer": True}, None),  # no text
        ("Total,,9,\n" * 6, {"drop_footer": True}, None),  # too many
        ("Total,,9,\n2024-01-04,x,1,yes\n", {"drop_footer": True}, None),
    ],
)
def test_rows_of_totals_at_the_end_are_not_times(tmp_path, end, options, rows):
    path = tmp_path / "pump.csv"
    lines = [f"2024-01-0{day},x,1.5,yes\n" for day in (1, 2, 3)]
    path.write_text("time,road,speed,on\n" + "".join(lines) + end)
    table, cells = open_table(path), InvalidCells()
    types = {"time": "timestamp", "speed": "number"}
    if rows is None:
        with pytest.raises(
            ValueError, match="line 5, column 'time': every row of a series"
        ):
            read_series(table, types, invalid_cells=cells, **options)
        return
    series = read_series(table, types, invalid_cells=cells, **options)
    assert len(series.times) == len(series.values) == rows
    assert "found 'Total'" in cells.messages[0]


def test_columns_are_listed_with_the_reason_why_one_is_ignored(table):
    columns = infer_series_columns(table, "time", {"on": "ignored"})
    assert list_series_columns(table, *columns) == [
        "Column  Type       Example",
        "road    ignored    dry               is not a number",
        "speed   number     1.5",
        "time    timestamp  2024-01-01 00:00",
        "on      ignored    yes               as requested",
        "state   ignored    ok                is not a number",
    ]
    columns = infer_series_columns(table, "time", series_column="road")
    lines = list_series_columns(table, *columns)
    assert lines[1].endswith("  names the series")
    with pytest.raises(ValueError, match="column 'Time' is missing"):
        infer_series_columns(table, "Time")


def test_invalid_times_are_named_by_cell_and_line(tmp_path):
    path = tmp_path / "pump.csv"
    path.write_text("t,x\n2024-01-01,1\nlater,2\n")
    table = open_table(path)
    types, reasons = infer_column_types(table)
    with pytest.raises(
        ValueError, match=r"line 3, column 't': expected a date .* 'later'"
    ):
        series_column_types(types, reasons, "t", table_file=table)


def test_totals_that_increase_are_channels_of_a_forecast_only(tmp_path):
    path = tmp_path / "people.csv"
    lines = (f"{n},{n * n},{n % 3}\n" for n in range(20))
    path.write_text("t,total,x\n" + "".join(lines))
    types, reasons = infer_column_types(open_table(path))
    used, ignored = series_column_types(types, reasons, "t")
    assert list(used) == ["t", "x"] and list(ignored) == ["total"]
    used, _ = series_column_types(types, reasons, "t", use_counters=True)
    assert list(used) == ["t", "total", "x"]
    # Row numbers are not channels.
    used, _ = series_column_types(types, reasons, "total", use_counters=True)
    assert list(used) == ["total", "x"]


def kinds_of_plain(path):
    table = open_table(path)
    return series_column_types(*infer_column_types(table), "t", table.path)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("road", r"pump\.csv: column 'road' must hold times"),
        ("Time", r"pump\.csv: column 'Time' is missing.*'time'"),
    ],
)
def test_a_column_without_times_is_rejected(table, column, message):
    with pytest.raises(ValueError, match=message):
        kinds_of(table, column)


def test_a_series_needs_a_channel(tmp_path):
    path = tmp_path / "pump.csv"
    path.write_text("t,x\n1,a\n3,b\n")
    with pytest.raises(ValueError, match=r"pump\.csv: has no column of num"):
        kinds_of_plain(path)


def test_a_row_without_a_time_is_named(table):
    kinds, _ = kinds_of(table)
    table.path.write_text(TEXT.replace("2024-01-01 00:02", ""))
    table = open_table(table.path)
    with pytest.raises(ValueError, match=r"pump\.csv, line 4, column 'time'"):
        read_series(table, kinds)
