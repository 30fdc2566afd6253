"""Sample of the normal rows of a table, and the messages about it."""

import numpy as np
import pytest
import tqdm

from dlunits.data.tables.table_files import open_table
from dlunits.models import TableSchema
from dlunits.tasks.anomaly import training_rows
from dlunits.tasks.anomaly.training_rows import (
    sample_training_rows,
)


@pytest.fixture
def table(tmp_path):
    """120 rows, every fourth a fault whose speed is above 100."""
    path = tmp_path / "normal.csv"
    generator = np.random.default_rng(0)
    lines = ["number,speed,road,state"]
    for number in range(120):
        fault = number % 4 == 3
        speed = generator.normal() + 1000 * fault
        road = "dry" if speed < 0 else "wet"
        lines.append(f"{number},{speed:.3f},{road},{int(fault)}")
    path.write_text("\n".join(lines))
    return open_table(path)


def test_labeled_anomalies_and_the_label_column_are_excluded(table):
    rows = sample_training_rows(table, label_column="state")
    assert rows.used_columns == ["speed", "road"]
    assert rows.ignored == {
        "number": "counts the rows",
        "state": "is the label",
    }
    assert rows.columns.keys() == {"speed", "road"}
    assert (rows.rows_read, rows.num_anomalies, rows.num_rows) == (120, 30, 90)
    assert rows.columns["speed"].max() < 100
    assert rows.source == (
        f"{table.path}: 120 rows, 90 used for training; 2 of 4 columns used. "
        "30 rows labeled as anomalies are excluded."
    )
    speed = f"{rows.examples['speed']:6}"
    assert rows.messages == [
        rows.source,
        "Column  Type      Example",
        "number  ignored   0        counts the rows",
        f"speed   number    {speed}".rstrip(),
        f"road    category  {rows.examples['road']}",
        "state   ignored   0        is the label",
    ]


def test_timestamps_that_are_numbers_are_converted_once(tmp_path):
    monday = 1_704_067_200  # 2024-01-01, in seconds since 1970
    path = tmp_path / "normal.csv"
    lines = [f"{1000 * (monday + n)},{n % 7}" for n in range(30)]
    path.write_text("\n".join(["time,speed", *lines]))
    rows = sample_training_rows(open_table(path))
    assert rows.column_types["time"] == "timestamp_ms"
    schema = TableSchema.from_table(rows.columns, rows.detector_column_types)
    seconds = schema.inputs(rows.columns)["timestamps"]
    assert sorted(seconds[:, 0]) == list(range(30))


def test_labeled_anomalies_can_be_kept(table):
    rows = sample_training_rows(
        table, label_column="state", keep_anomalies=True
    )
    assert rows.num_rows == 120
    assert rows.columns["speed"].max() > 100
    assert rows.source.endswith(
        "30 rows labeled as anomalies are used for training."
    )


def test_all_rows_without_labels_are_normal(table):
    rows = sample_training_rows(table, label_column="diagnosis")
    assert rows.num_anomalies is None
    assert rows.num_rows == 120
    assert rows.source.endswith("3 of 4 columns used.")


def test_a_named_class_is_the_normal_one(table):
    rows = sample_training_rows(table, label_column="state", normal_class="1")
    assert rows.num_rows == 30
    assert rows.columns["speed"].min() > 100


def test_column_types_can_be_set(table):
    rows = sample_training_rows(
        table, column_types={"number": "number", "road": "ignored"}
    )
    assert rows.used_columns == ["number", "speed", "state"]
    with pytest.raises(ValueError, match="column 'rode' is missing"):
        sample_training_rows(table, column_types={"rode": "number"})


def test_long_and_wide_tables_are_sampled(table, monkeypatch):
    monkeypatch.setattr(training_rows, "MAX_CELLS", 81)
    rows = sample_training_rows(table, label_column="state", seed=1)
    assert rows.num_rows == 81 // 2  # of the 90 normal ones, two columns
    again = sample_training_rows(table, label_column="state", seed=1)
    other = sample_training_rows(table, label_column="state", seed=2)
    speeds = [each.columns["speed"].tolist() for each in (rows, again, other)]
    assert speeds[0] == speeds[1] != speeds[2]


def test_each_pass_over_the_table_has_a_progress_bar(table):
    bars = []

    def progress(total, desc, unit):
        bars.append((desc, total))
        return tqdm.tqdm(disable=True)

    sample_training_rows(table, progress=progress)
    assert bars == [("Inferring column types", 120), ("Sampling rows", 120)]


def test_a_table_with_anomalies_only_is_refused(table):
    path = table.path
    path.write_text(path.read_text().replace(",0\n", ",1\n"))
    with pytest.raises(
        ValueError, match=r"normal\.csv: column 'state' labels all 120 rows"
    ):
        sample_training_rows(open_table(path), label_column="state")


def test_a_few_cells_that_are_no_numbers_are_missing_and_listed(tmp_path):
    path = tmp_path / "normal.csv"
    cells = [str(number % 37) for number in range(1000)]
    cells[500] = "ERR"
    path.write_text("\n".join(["load", *cells]))
    rows = sample_training_rows(open_table(path))
    assert rows.column_types == {"load": "number"}
    assert np.flatnonzero(np.isnan(rows.columns["load"])).tolist() == [500]
    assert rows.messages[-1] == (
        "Invalid cells: 1 in column 'load': expected a number, found 'ERR' "
        f"({path}, line 502)"
    )
    with pytest.raises(ValueError, match="line 502, column 'load'"):
        sample_training_rows(open_table(path), refuse_invalid=True)
