"""Rows to learn from, drawn from a file, and the detector that they make."""

import numpy as np
import pytest

from dlunits.data.table_files import open_table
from dlunits.diagnostics.anomaly_peers import peer_scores
from dlunits.training import anomaly_recipe
from dlunits.training.anomaly_recipe import (
    check_enough_rows,
    draw_training_rows,
    facts_of,
    ignored_lines,
    learn_detector,
    learn_table,
    parsed,
    peers_on,
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
    monkeypatch.setattr(anomaly_recipe, "MOST_CELLS", 81)
    rows = draw_training_rows(table, label_column="state", seed=1)
    assert rows.number == 81 // 2  # of the 90 normal ones, two columns
    again = draw_training_rows(table, label_column="state", seed=1)
    other = draw_training_rows(table, label_column="state", seed=2)
    speeds = [each.columns["speed"].tolist() for each in (rows, again, other)]
    assert speeds[0] == speeds[1] != speeds[2]


def test_who_waits_is_told_what_is_done(table):
    told = []

    def watch(doing, table_file):
        told.append(doing)
        return table_file

    draw_training_rows(table, watch=watch)
    assert told == ["Looking at columns", "Drawing rows"]


def test_labels_of_anomalies_only_are_refused(table):
    path = table.path
    path.write_text(path.read_text().replace(",0\n", ",1\n"))
    with pytest.raises(
        ValueError, match=r"normal\.csv: column 'state' calls all 120 rows"
    ):
        draw_training_rows(open_table(path), label_column="state")


@pytest.mark.parametrize(
    ("rate", "contamination", "needed"),
    [(0.01, 0.0, 99), (0.011, 0.0, None), (0.0125, 0.2, 79), (0.4, 0.0, None)],
)
def test_too_few_rows_are_refused_before_anything_is_learnt(
    table, rate, contamination, needed
):
    """90 rows make p-values of 1 / 91 and more, and 72 of 1 / 73."""
    rows = draw_training_rows(table, label_column="state")
    detector = anomaly_recipe.AnomalyDetector(
        false_alarm_rate=rate, contamination=contamination
    )
    if needed is None:
        assert check_enough_rows(rows, detector) is None
        return
    with pytest.raises(ValueError, match=f"normal.csv: .* at least {needed}"):
        check_enough_rows(rows, detector)


def test_very_few_rows_are_refused_at_any_rate(table):
    path = table.path
    path.write_text("\n".join(path.read_text().splitlines()[:15]))
    rows = draw_training_rows(open_table(path))
    with pytest.raises(ValueError, match=r"normal\.csv: holds 14 rows.*20"):
        learn_detector(rows, false_alarm_rate=0.4)


def test_what_the_detector_refuses_names_the_file(table, monkeypatch):
    rows = draw_training_rows(table)
    monkeypatch.setattr("dlunits.models.table_inputs.MOST_COLUMNS", 1)
    with pytest.raises(ValueError, match=r"normal\.csv: A table must have"):
        learn_detector(rows)


def test_a_detector_is_learnt_and_its_facts_told(table):
    rows = draw_training_rows(table, label_column="state")
    detector = learn_detector(rows, steps=20, false_alarm_rate=0.05)
    facts = facts_of(detector, rows)
    assert len(facts["known"]) == 90
    assert (np.diff(facts["known"]) >= 0).all()
    assert np.isfinite(facts["known"]).all()
    assert len(facts["history"]["loss"]) >= 1
    assert facts["kinds"] == rows.kinds
    new = {"speed": np.array([0.0, 50.0]), "road": np.array(["dry", "wet"])}
    peers = peers_on(detector, rows, new)
    # All detectors see the columns as features of the same encoding.
    encoded = [
        np.asarray(detector.encoding(detector.table.inputs(table)))
        for table in (rows.columns, new)
    ]
    for name, scores in peer_scores(*encoded).items():
        np.testing.assert_allclose(peers[name], scores)


def test_a_table_is_learnt_and_told_of(table, tmp_path):
    told = []
    learnt = learn_table(
        table, table, label_column="state", tell=told.append, steps=20,
        false_alarm_rate=0.05,
    )  # fmt: skip
    assert told[0].startswith(learnt.facts["source"])
    assert "Ignored: 'state' is the label" in told[0]
    assert learnt.detector.table.columns == ("speed", "road")
    other = tmp_path / "new.csv"
    other.write_text("Speed,road\n1,dry\n")
    with pytest.raises(ValueError, match=r"new\.csv: .*Did you mean 'Speed'"):
        learn_table(table, open_table(other), label_column="state")
