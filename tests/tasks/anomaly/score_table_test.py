"""Tables scored chunk by chunk, and what is kept of them."""

import csv
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from dlunits.data.tables import table_files
from dlunits.data.tables.table_columns import columns_as_arrays
from dlunits.data.tables.table_files import Chunk, open_table
from dlunits.metrics.detection_quality import detection_quality
from dlunits.models import AnomalyDetector
from dlunits.tasks.anomaly import score_table as anomaly_score_table
from dlunits.tasks.anomaly.score_series import scorer_of
from dlunits.tasks.anomaly.score_table import (
    NEW_COLUMNS,
    TOP,
    TableScorer,
    row_numbers,
    score_table,
)

RATE = 0.05


def rows_of(count, seed):
    """Two numbers that go together, a category, and how it is labeled."""
    generator = np.random.default_rng(seed)
    speed = generator.normal(size=count).round(4)
    strange = generator.random(count) < 0.2
    power = (2 * speed + 0.1 * generator.normal(size=count)).round(4)
    return {
        "speed": speed,
        "power": np.where(strange, power + 5, power),
        "road": generator.choice(["dry", "wet"], count),
        "state": np.where(strange, "fault", "ok"),
    }


@pytest.fixture(scope="module")
def detector():
    table = rows_of(300, 0)
    usual = table["state"] == "ok"
    kinds = {"speed": "number", "power": "number", "road": "category"}
    return AnomalyDetector(steps=50).fit(
        {name: table[name][usual].astype(object) for name in kinds}, kinds
    )


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "new.csv"
    columns = rows_of(250, 1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return open_table(path)


def scored(detector, table, tmp_path, **options):
    scorer = TableScorer(detector, RATE, **options)
    output = tmp_path / "scored.csv"
    score_table(scorer, table, output)
    with output.open(newline="") as file:
        return scorer, list(csv.DictReader(file))


def test_rows_are_as_they_came_with_what_the_detector_says(
    detector, table, tmp_path
):
    _, rows = scored(detector, table, tmp_path)
    assert tuple(rows[0]) == (*table.columns, *NEW_COLUMNS)
    with table.path.open(newline="") as file:
        for row, before in zip(rows, csv.DictReader(file), strict=True):
            assert before.items() <= row.items()
    [chunk] = table.chunks()
    columns = columns_as_arrays(chunk, detector.table.kinds)
    verdict = detector.judge(columns)
    why = detector.explain(columns)
    for number, row in enumerate(rows):
        p_value = verdict["p_value"][number]
        assert float(row["p_value"]) == pytest.approx(p_value)
        assert row["is_anomaly"] == str(p_value <= RATE).lower()
        for rank in range(3):
            for name in ("column", "expected", "seen"):
                assert row[f"{name}_{rank + 1}"] == why[name][number, rank]


def test_it_does_not_matter_how_the_table_is_cut(
    detector, table, tmp_path, monkeypatch
):
    whole, rows = scored(detector, table, tmp_path, label_column="state")
    monkeypatch.setattr(table_files, "CHUNK_CELLS", 4 * 37)
    cut, rows_cut = scored(detector, table, tmp_path, label_column="state")
    for row, other in zip(rows, rows_cut, strict=True):
        assert float(row["anomaly_score"]) == pytest.approx(
            float(other["anomaly_score"]), rel=1e-4, abs=1e-4
        )
    assert (whole.rows, whole.alarms) == (cut.rows, cut.alarms)
    np.testing.assert_array_equal(whole.top["place"], cut.top["place"])
    assert whole.quality == pytest.approx(cut.quality, abs=1e-3)


def test_what_is_kept_is_right(detector, table, tmp_path):
    scorer, rows = scored(detector, table, tmp_path, label_column="state")
    scores = np.array([float(row["anomaly_score"]) for row in rows])
    labels = np.array([row["state"] == "fault" for row in rows])
    alarms = np.array([row["is_anomaly"] == "true" for row in rows])
    assert scorer.rows == 250
    assert scorer.alarms == alarms.sum() > 0
    expected = detection_quality(labels, scores, alarms)
    assert scorer.quality == pytest.approx(expected, abs=1e-6)
    strangest = np.argsort(-scores, kind="stable")[:TOP]
    np.testing.assert_array_equal(scorer.top["row"], strangest)
    # The header is line 1, the first row line 2.
    np.testing.assert_array_equal(scorer.top["place"], strangest + 2)
    np.testing.assert_array_equal(scorer.top["label"], labels[strangest])
    assert scorer.has_both_labels
    assert "Anomalies:" in scorer.told
    assert f"{expected['AUC']:.4f}" in scorer.told


def test_without_labels_no_more_is_kept_than_a_sample(
    detector, table, tmp_path, monkeypatch
):
    monkeypatch.setattr(anomaly_score_table, "SAMPLED", 30)
    monkeypatch.setattr(table_files, "CHUNK_CELLS", 4 * 37)
    scorer, _ = scored(detector, table, tmp_path)
    assert scorer.judged == []
    assert len(scorer.inputs) == 0
    assert len(scorer.verdicts) == 30
    assert len(scorer.top["row"]) == TOP
    assert scorer.quality == {}
    assert "Not used:      'state', which are new" in scorer.told


def test_the_rows_kept_are_those_whose_verdicts_are_kept(
    detector, table, tmp_path, monkeypatch
):
    monkeypatch.setattr(anomaly_score_table, "SAMPLED", 30)
    monkeypatch.setattr(table_files, "CHUNK_CELLS", 4 * 37)
    scorer, _ = scored(detector, table, tmp_path, label_column="state")
    again = detector.judge(scorer.inputs.columns)["anomaly_score"]
    np.testing.assert_allclose(
        scorer.verdicts.columns["anomaly_score"], again, atol=1e-4
    )


def test_a_table_of_one_column_has_one_cause(tmp_path):
    detector = AnomalyDetector(steps=5).fit(
        {"x": np.random.default_rng(0).normal(size=60)}, {"x": "number"}
    )
    chunk = Chunk(pa.table({"x": ["0.5", "70"]}))
    new = TableScorer(detector, RATE)(chunk)
    assert tuple(new) == NEW_COLUMNS
    assert new["column_1"].tolist() == ["x", "x"]
    assert new["seen_1"].tolist() == ["0.5", "70"]
    assert new["column_2"].tolist() == new["seen_3"].tolist() == [None, None]


# Where rows are


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a,b\n1,2\n3,4\n5,6\n", [2, 3, 4]),
        ("sep=,\na,b\n1,2\n3,4\n5,6\n", [3, 4, 5]),
        ("\na,b\n1,2\n\n3,4\n5,6\n", [3, 5, 6]),
        ('a,b\n1,"x\ny"\n3,4\n5,6\n', [2, 4, 5]),
    ],
)
def test_lines_are_numbered_as_an_editor_does(tmp_path, text, lines):
    path = tmp_path / "new.csv"
    path.write_text(text)
    table = open_table(path)
    assert row_numbers(table, [0, 1, 2], 3) == lines
    assert row_numbers(table, np.array([2, 0]), 3) == [lines[2], lines[0]]


def test_rows_of_parquet_are_numbered_from_1(tmp_path):
    path = tmp_path / "new.parquet"
    pa.parquet.write_table(pa.table({"a": [1.0, 2.0]}), path)
    assert row_numbers(open_table(path), [1, 0], 2) == [2, 1]


def test_a_label_that_was_learnt_from_is_refused(detector, table):
    with pytest.raises(ValueError, match=r"new\.csv: column 'road' was learnt"):
        scorer_of(detector, RATE, table, {}, label_column="road")
    scorer = scorer_of(detector, RATE, table, {}, label_column="state")
    assert scorer.label_column == "state"


def test_a_bad_value_late_in_the_table_leaves_what_was_there(
    detector, table, tmp_path, monkeypatch
):
    text = table.path.read_text().splitlines()
    text[200] = re.sub(r"^[^,]*", "fast", text[200])
    table.path.write_text("\n".join(text))
    output = tmp_path / "scored.csv"
    output.write_text("old")
    monkeypatch.setattr(table_files, "CHUNK_CELLS", 4 * 37)
    with pytest.raises(
        ValueError, match=r"new\.csv, line 201, column 'speed'.*'fast'"
    ):
        score_table(TableScorer(detector, RATE), open_table(table.path), output)
    assert output.read_text() == "old"
    assert {x.name for x in tmp_path.iterdir()} == {"new.csv", "scored.csv"}
