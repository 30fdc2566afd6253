"""Rows out of a file, the detector that they make, and what is said of it."""

import types

import numpy as np
import pytest

from dlunits.data.tables.table_files import open_table
from dlunits.tasks.anomaly import train
from dlunits.tasks.anomaly.baselines import baseline_scores
from dlunits.tasks.anomaly.train import (
    baselines_on,
    check_enough_rows,
    facts_of,
    learn_detector,
    learn_table,
)
from dlunits.tasks.anomaly.training_rows import draw_training_rows


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


@pytest.mark.parametrize(
    ("rate", "contamination", "needed"),
    [(0.01, 0.0, 99), (0.011, 0.0, None), (0.0125, 0.2, 79), (0.4, 0.0, None)],
)
def test_too_few_rows_are_refused_before_anything_is_learnt(
    table, rate, contamination, needed
):
    """90 rows make p-values of 1 / 91 and more, and 72 of 1 / 73."""
    rows = draw_training_rows(table, label_column="state")
    detector = train.AnomalyDetector(
        false_alarm_rate=rate, contamination=contamination
    )
    if needed is None:
        assert check_enough_rows(rows, detector) is None
        return
    with pytest.raises(ValueError, match=f"normal.csv: .* at least {needed}"):
        check_enough_rows(rows, detector)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (0.042, None),
        (0.04, "holds 23 rows to .* at least 24. Add .*, or allow for 0.042"),
    ],
)
def test_with_one_fold_a_quarter_of_the_rows_calibrates(table, rate, message):
    """90 - 67 = 23, of which 1 / 24 = 0.0417 is the least p-value."""
    rows = draw_training_rows(table, label_column="state")
    options = {"num_folds": 1, "steps": 5, "false_alarm_rate": rate}
    if message is None:
        detector = learn_detector(rows, **options)
        assert detector.learnt["calibrated"] == 23
        return
    with pytest.raises(ValueError, match=message):
        learn_detector(rows, **options)


def test_a_rate_that_no_number_of_rows_can_tell_is_refused(table, monkeypatch):
    monkeypatch.setattr(train, "MOST_CALIBRATED", 50)
    rows = draw_training_rows(table, label_column="state")
    detector = train.AnomalyDetector(false_alarm_rate=0.01)
    with pytest.raises(
        ValueError, match=r"No more than 50 are taken, or allow for 0\.02\."
    ):
        check_enough_rows(rows, detector)


def test_very_few_rows_are_refused_at_any_rate(table):
    path = table.path
    path.write_text("\n".join(path.read_text().splitlines()[:15]))
    rows = draw_training_rows(open_table(path))
    with pytest.raises(ValueError, match=r"normal\.csv: holds 14 rows.*20"):
        learn_detector(rows, false_alarm_rate=0.4)


def test_what_the_detector_refuses_names_the_file(table, monkeypatch):
    rows = draw_training_rows(table)
    monkeypatch.setattr("dlunits.models.anomaly.table_schema.MOST_COLUMNS", 1)
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
    baselines = baselines_on(detector, rows, new)
    # All detectors see the columns as features of the same encoding.
    encoded = [
        np.asarray(detector.encoding(detector.table.inputs(table)))
        for table in (rows.columns, new)
    ]
    for name, scores in baseline_scores(*encoded).items():
        np.testing.assert_allclose(baselines[name], scores)


def test_a_table_is_learnt_and_told_of(table, tmp_path):
    told = []
    learnt = learn_table(
        table,
        table,
        label_column="state",
        log=told.append,
        steps=20,
        false_alarm_rate=0.05,
    )
    assert told[0].startswith(learnt.facts["source"])
    assert "Ignored: 'state' is the label" in told[0]
    assert learnt.detector.table.columns == ("speed", "road")
    other = tmp_path / "new.csv"
    other.write_text("Speed,road\n1,dry\n")
    with pytest.raises(ValueError, match=r"new\.csv: .*Did you mean 'Speed'"):
        learn_table(table, open_table(other), label_column="state")


@pytest.mark.parametrize("both", [True, False])
def test_peers_are_asked_where_labels_show_who_is_right(both):
    told = []
    learnt = train.TrainedDetector(None, {}, lambda scored: {"k-NN": [1.0]})
    scored = types.SimpleNamespace(has_both_labels=both)
    baselines = learnt.score_baselines(scored, told.append)
    assert baselines == ({"k-NN": [1.0]} if both else None)
    assert told == ["Asking other detectors"] * both
