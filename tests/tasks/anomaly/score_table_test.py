"""Tables scored in chunks, and the statistics of the scores."""

import csv
import math
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from dlunits.columns import InvalidCells, TableChunk, read_columns
from dlunits.data.tables import table_files
from dlunits.data.tables.table_files import open_table
from dlunits.metrics import benjamini_hochberg
from dlunits.metrics.detection_quality import detection_quality
from dlunits.models import AnomalyDetector
from dlunits.tasks.anomaly import score_table as score_table_module
from dlunits.tasks.anomaly.score_series import make_scorer
from dlunits.tasks.anomaly.score_table import (
    NEW_COLUMNS,
    NUM_TOP_ROWS,
    TableScorer,
    row_positions,
    score_table,
)

RATE = 0.05


def rows_of(count, seed):
    """Two correlated numbers, a category and a label."""
    generator = np.random.default_rng(seed)
    speed = generator.normal(size=count).round(4)
    fault = generator.random(count) < 0.2
    power = (2 * speed + 0.1 * generator.normal(size=count)).round(4)
    return {
        "speed": speed,
        "power": np.where(fault, power + 5, power),
        "road": generator.choice(["dry", "wet"], count),
        "state": np.where(fault, "fault", "ok"),
    }


@pytest.fixture(scope="module")
def detector():
    table = rows_of(300, 0)
    normal = table["state"] == "ok"
    column_types = {"speed": "number", "power": "number", "road": "category"}
    return AnomalyDetector().fit(
        {name: table[name][normal].astype(object) for name in column_types},
        column_types,
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


def test_timestamps_that_are_numbers_are_scored_as_those_of_the_detector(
    tmp_path,
):
    seconds = 1_704_067_200 + 3600 * np.arange(60)
    columns = {"date": 1000 * seconds, "x": np.arange(60) % 7}
    detector = AnomalyDetector().fit(columns)
    assert detector.table_schema.column_types["date"] == "timestamp_ms"
    path = tmp_path / "new.csv"
    rows = zip(*columns.values(), strict=True)
    path.write_text("date,x\n" + "".join(f"{t},{x}\n" for t, x in rows))
    _, found = scored(detector, open_table(path), tmp_path)
    np.testing.assert_allclose(
        [float(row["anomaly_score"]) for row in found],
        detector.score(columns),
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_table_that_differs_as_a_whole_is_named_with_its_columns(
    detector, tmp_path
):
    path = tmp_path / "new.csv"
    lines = [f"0.{n % 10},{90 + n % 3},dry" for n in range(30)]
    path.write_text("\n".join(["speed,power,road", *lines]))
    scorer, _ = scored(detector, open_table(path), tmp_path)
    assert (
        "Most rows are anomalous: the table as a whole differs from the "
        "training table, most in 'power' (100% of them)"
    ) in scorer.messages
    assert scorer.drift.has_drifted  # reported only once
    verdicts = [line for line in scorer.messages if "Drift:" in line]
    assert len(verdicts) == 1 and "columns differ" in verdicts[0]


def test_rows_are_unchanged_with_the_scores_of_the_detector(
    detector, table, tmp_path
):
    _, rows = scored(detector, table, tmp_path)
    assert tuple(rows[0]) == (*table.columns, *NEW_COLUMNS)
    with table.path.open(newline="") as file:
        for row, before in zip(rows, csv.DictReader(file), strict=True):
            assert before.items() <= row.items()
    [chunk] = table.chunks()
    columns = read_columns(chunk, detector.table_schema.column_types)
    scores = detector.score_rows(columns)
    explanation = detector.explain(columns)
    for number, row in enumerate(rows):
        p_value = scores["p_value"][number]
        assert float(row["p_value"]) == pytest.approx(p_value)
        assert row["is_anomaly"] == str(p_value <= RATE).lower()
        for rank in range(3):
            for name in ("column", "expected", "seen"):
                assert (
                    row[f"{name}_{rank + 1}"] == explanation[name][number, rank]
                )


def test_scores_do_not_depend_on_the_chunks(
    detector, table, tmp_path, monkeypatch
):
    whole, rows = scored(detector, table, tmp_path, label_column="state")
    monkeypatch.setattr(table_files, "CHUNK_CELLS", 4 * 37)
    cut, rows_cut = scored(detector, table, tmp_path, label_column="state")
    for row, other in zip(rows, rows_cut, strict=True):
        assert float(row["anomaly_score"]) == pytest.approx(
            float(other["anomaly_score"]), rel=1e-4, abs=1e-4
        )
    assert (whole.num_rows, whole.num_anomalies) == (
        cut.num_rows,
        cut.num_anomalies,
    )
    np.testing.assert_array_equal(whole.top["position"], cut.top["position"])
    assert whole.metrics == pytest.approx(cut.metrics, abs=1e-3)


def test_statistics_agree_with_the_written_rows(detector, table, tmp_path):
    scorer, rows = scored(detector, table, tmp_path, label_column="state")
    scores = np.array([float(row["anomaly_score"]) for row in rows])
    labels = np.array([row["state"] == "fault" for row in rows])
    alarms = np.array([row["is_anomaly"] == "true" for row in rows])
    assert scorer.num_rows == 250
    assert scorer.num_anomalies == alarms.sum() > 0
    expected = detection_quality(labels, scores, alarms)
    assert scorer.metrics == pytest.approx(expected, abs=1e-6)
    highest = np.argsort(-scores, kind="stable")[:NUM_TOP_ROWS]
    np.testing.assert_array_equal(scorer.top["row"], highest)
    # The header is line 1, the first row line 2.
    np.testing.assert_array_equal(scorer.top["position"], highest + 2)
    np.testing.assert_array_equal(scorer.top["label"], labels[highest])
    assert scorer.has_both_labels
    assert scorer.messages[0].startswith("Anomalies:")
    assert f"AUC:           {expected['AUC']:.4f}" in scorer.messages


def test_drift_is_that_of_the_rows_with_a_score(detector, tmp_path):
    path = tmp_path / "new.csv"
    rows = ["ERR,1,dry"] * 30 + ["0,9,wet"] * 60
    path.write_text("\n".join(["speed,power,road", *rows]))
    scorer = TableScorer(detector, RATE, invalid_cells=InvalidCells())
    score_table(scorer, open_table(path), tmp_path / "scored.csv")
    assert scorer.drift.num_rows == 60
    changes = {c.name: c.change for c in scorer.drift.columns}
    assert changes["road"].startswith("dry: ")
    assert changes["road"].endswith(" -> 0 %")
    lines = [line for line in scorer.messages if line.startswith("Drift:")]
    assert lines[0].startswith("Drift:         3 of 3 columns differ from tra")
    (whole,) = scorer.drift.whole_messages
    assert "as a whole has drifted: 100% of the rows have p-values" in whole


def test_a_false_discovery_rate_selects_the_same_rows_in_any_chunks(
    detector, table, tmp_path, monkeypatch
):
    scorer, rows = scored(
        detector, table, tmp_path, label_column="state", fdr=0.2
    )
    p_values = np.array([float(row["p_value"]) for row in rows])
    flags = np.array([row["is_anomaly"] == "true" for row in rows])
    np.testing.assert_array_equal(flags, benjamini_hochberg(p_values, 0.2))
    labels = np.array([row["state"] == "fault" for row in rows])
    found = scorer.metrics["false_discovery_rate"]
    assert found == (flags & ~labels).sum() / flags.sum() < 0.4
    assert f"rate 0.2: p-values up to {p_values[flags].max():.3g}" in (
        scorer.selection
    )
    monkeypatch.setattr(table_files, "CHUNK_CELLS", 4 * 37)
    cut, _ = scored(detector, table, tmp_path, fdr=0.2)
    assert cut.num_anomalies == flags.sum() > 0


def test_too_few_calibration_rows_for_a_false_discovery_rate_are_reported(
    detector, table, tmp_path
):
    scorer, rows = scored(detector, table, tmp_path, fdr=1e-3)
    assert {row["is_anomaly"] for row in rows} == {"false"}
    # 250 rows, p-values of at least 1 / (1 + n)
    known = detector.num_calibration_rows
    least = math.ceil(250 / (1e-3 * (1 + known)))
    assert f"no row. At least {least:,} rows" in "\n".join(scorer.messages)


def test_a_false_discovery_rate_leaves_out_rows_with_invalid_cells(
    detector, tmp_path
):
    path = tmp_path / "new.csv"
    bad = "\n".join(["ERR,1,dry"] * 30)
    path.write_text(f"speed,power,road\n0,30,dry\n{bad}\n")
    for cells in (InvalidCells(), None):
        scorer = TableScorer(detector, RATE, invalid_cells=cells, fdr=0.1)
        if cells is None:
            with pytest.raises(ValueError, match="line 3, column 'speed'"):
                score_table(scorer, open_table(path), tmp_path / "scored.csv")
            continue
        score_table(scorer, open_table(path), tmp_path / "scored.csv")
        assert (scorer.num_anomalies, scorer.num_skipped) == (1, 30)
        assert cells.counts == {"speed": 30}


def test_without_labels_only_a_sample_is_kept(
    detector, table, tmp_path, monkeypatch
):
    monkeypatch.setattr(score_table_module, "MAX_SAMPLED_ROWS", 30)
    monkeypatch.setattr(table_files, "CHUNK_CELLS", 4 * 37)
    scorer, _ = scored(detector, table, tmp_path)
    assert scorer.labeled_chunks == []
    assert len(scorer.sample_columns) == 0
    assert len(scorer.sample) == 30
    assert len(scorer.top["row"]) == NUM_TOP_ROWS
    assert scorer.metrics == {}
    assert "Unused:        'state', not in the training data" in scorer.messages


def test_sampled_columns_and_scores_are_of_the_same_rows(
    detector, table, tmp_path, monkeypatch
):
    monkeypatch.setattr(score_table_module, "MAX_SAMPLED_ROWS", 30)
    monkeypatch.setattr(table_files, "CHUNK_CELLS", 4 * 37)
    scorer, _ = scored(detector, table, tmp_path, label_column="state")
    again = detector.score_rows(scorer.sample_columns.columns)["anomaly_score"]
    np.testing.assert_allclose(
        scorer.sample.columns["anomaly_score"], again, atol=1e-4
    )


def test_a_table_with_one_column_has_one_explanation(tmp_path):
    detector = AnomalyDetector().fit(
        {"x": np.random.default_rng(0).normal(size=60)}, {"x": "number"}
    )
    chunk = TableChunk(pa.table({"x": ["0.5", "70"]}))
    new = TableScorer(detector, RATE)(chunk)
    assert tuple(new) == NEW_COLUMNS
    assert new["column_1"].tolist() == ["x", "x"]
    assert new["seen_1"].tolist() == ["0.5", "70"]
    assert new["column_2"].tolist() == new["seen_3"].tolist() == [None, None]


# Positions of rows


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a,b\n1,2\n3,4\n5,6\n", [2, 3, 4]),
        ("sep=,\na,b\n1,2\n3,4\n5,6\n", [3, 4, 5]),
        ("\na,b\n1,2\n\n3,4\n5,6\n", [3, 5, 6]),
        ('a,b\n1,"x\ny"\n3,4\n5,6\n', [2, 4, 5]),
    ],
)
def test_lines_are_numbered_as_in_an_editor(tmp_path, text, lines):
    path = tmp_path / "new.csv"
    path.write_text(text)
    table = open_table(path)
    assert row_positions(table, [0, 1, 2], 3) == lines
    assert row_positions(table, np.array([2, 0]), 3) == [lines[2], lines[0]]


def test_rows_of_parquet_are_numbered_from_1(tmp_path):
    path = tmp_path / "new.parquet"
    pa.parquet.write_table(pa.table({"a": [1.0, 2.0]}), path)
    assert row_positions(open_table(path), [1, 0], 2) == [2, 1]


def test_an_input_of_the_detector_is_refused_as_label_column(detector, table):
    with pytest.raises(ValueError, match=r"new\.csv: column 'road' is an in"):
        make_scorer(detector, RATE, table, {}, label_column="road")
    scorer = make_scorer(detector, RATE, table, {}, label_column="state")
    assert scorer.label_column == "state"


def test_a_bad_value_late_in_the_table_keeps_the_old_output(
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


def test_rows_with_invalid_cells_have_no_score_if_they_are_allowed(
    detector, tmp_path
):
    path = tmp_path / "new.csv"
    path.write_text(
        "speed,power,road,state\n1,2,dry,ok\nERR,2,dry,ok\n0.5,1 V,wet,ok\n"
        "0,0,wet,ok\n"
    )
    with pytest.raises(ValueError, match=r"line 3, column 'speed'.*'ERR'"):
        scored(detector, open_table(path), tmp_path)
    scorer, rows = scored(
        detector, open_table(path), tmp_path, invalid_cells=InvalidCells()
    )
    assert [row["speed"] for row in rows] == ["1", "ERR", "0.5", "0"]
    has_score = [row["anomaly_score"] != "" for row in rows]
    assert has_score == [True, False, False, True]
    assert [row["column_1"] != "" for row in rows] == has_score
    _, alone = scored(detector, write_rows(path, rows, [0, 3]), tmp_path)
    assert [row["p_value"] for row in alone] == [
        rows[0]["p_value"],
        rows[3]["p_value"],
    ]
    messages = "\n".join(scorer.messages)
    assert "1 in column 'speed': expected a number, found 'ERR'" in messages
    assert "new.csv, line 3)" in messages
    assert "Not scored:    2 rows" in messages


def write_rows(path, rows, chosen):
    """Table of some scored rows, without their scores."""
    names = ("speed", "power", "road")
    lines = [",".join(rows[index][name] for name in names) for index in chosen]
    path.write_text("\n".join([",".join(names), *lines]))
    return open_table(path)
