"""Rows to learn from, drawn from a file: which ones, and what is told."""

import numpy as np
import pytest
import tqdm

from dlunits.data.tables.table_files import open_table
from dlunits.tasks.anomaly import training_rows
from dlunits.tasks.anomaly.training_rows import (
    draw_training_rows,
    ignored_lines,
    parsed,
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


def test_faults_are_left_out_and_the_label_is_not_learnt(table):
    rows = draw_training_rows(table, label_column="state")
    assert rows.used == ["speed", "road"]
    assert rows.reasons == {
        "number": "counts the rows",
        "state": "is the label",
    }
    assert rows.columns.keys() == {"speed", "road"}
    assert (rows.seen, rows.anomalies, rows.number) == (120, 30, 90)
    assert rows.columns["speed"].max() < 100
    assert rows.source == (
        f"{table.path}: 120 rows, of which 90 are learnt from; 2 of 4 columns "
        "used. 30 anomalies by label are left out."
    )
    assert ignored_lines(rows.reasons)[0] == (
        "Ignored: 'number' counts the rows"
    )


def test_they_are_kept_where_they_are_feared(table):
    rows = draw_training_rows(table, label_column="state", keep_anomalies=True)
    assert rows.number == 120
    assert rows.columns["speed"].max() > 100
    assert rows.source.endswith("30 anomalies by label are learnt from, too.")


def test_a_file_without_labels_is_normal(table):
    rows = draw_training_rows(table, label_column="diagnosis")
    assert rows.anomalies is None
    assert rows.number == 120
    assert rows.source.endswith("3 of 4 columns used.")


def test_a_named_class_is_the_normal_one(table):
    rows = draw_training_rows(table, label_column="state", normal_class="1")
    assert rows.number == 30
    assert rows.columns["speed"].min() > 100


def test_kinds_can_be_said(table):
    rows = draw_training_rows(table, kinds=["number=number", "road=ignored"])
    assert rows.used == ["number", "speed", "state"]
    with pytest.raises(ValueError, match=r"NAME=KIND. Received: 'road'"):
        draw_training_rows(table, kinds=["road"])
    with pytest.raises(ValueError, match="column 'rode' is missing"):
        draw_training_rows(table, kinds=["rode=number"])
    assert parsed(["a=b=number"]) == {"a=b": "number"}


def test_of_long_and_wide_tables_some_rows_are_drawn(table, monkeypatch):
    monkeypatch.setattr(training_rows, "MOST_CELLS", 81)
    rows = draw_training_rows(table, label_column="state", seed=1)
    assert rows.number == 81 // 2  # of the 90 normal ones, two columns
    again = draw_training_rows(table, label_column="state", seed=1)
    other = draw_training_rows(table, label_column="state", seed=2)
    speeds = [each.columns["speed"].tolist() for each in (rows, again, other)]
    assert speeds[0] == speeds[1] != speeds[2]


def test_each_pass_over_the_table_has_a_progress_bar(table):
    bars = []

    def progress(total, desc):
        bars.append((desc, total))
        return tqdm.tqdm(disable=True)

    draw_training_rows(table, progress=progress)
    assert bars == [("Inferring column types", 120), ("Sampling rows", 120)]


def test_labels_of_anomalies_only_are_refused(table):
    path = table.path
    path.write_text(path.read_text().replace(",0\n", ",1\n"))
    with pytest.raises(
        ValueError, match=r"normal\.csv: column 'state' calls all 120 rows"
    ):
        draw_training_rows(open_table(path), label_column="state")
