"""Training on a table: required rows, the detector, and the baselines."""

import numpy as np
import pytest

from dlunits.data.tables.table_files import open_table
from dlunits.tasks.anomaly import train
from dlunits.tasks.anomaly.baselines import baseline_scores
from dlunits.tasks.anomaly.detector_summary import DetectorSummary
from dlunits.tasks.anomaly.score_table import TableScorer, score_table
from dlunits.tasks.anomaly.train import (
    TrainedDetector,
    check_num_rows,
    fit_detector,
    table_baselines,
    train_detector,
)
from dlunits.tasks.anomaly.training_rows import sample_training_rows


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
def test_too_few_rows_are_refused_before_training(
    table, rate, contamination, needed
):
    """The smallest p-value of 90 rows is 1 / 91, and that of 72 rows 1 / 73."""
    rows = sample_training_rows(table, label_column="state")
    detector = train.AnomalyDetector(
        false_alarm_rate=rate, contamination=contamination
    )
    if needed is None:
        assert check_num_rows(rows, detector) is None
        return
    with pytest.raises(ValueError, match=f"normal.csv: .* at least {needed}"):
        check_num_rows(rows, detector)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (0.042, None),
        (0.04, "leaves 23 rows for .* at least 24. Add .* rate of 0.042"),
        (0.03, "23 rows .* at least 33. Add normal rows, or set a false-al"),
    ],
)
def test_with_one_fold_a_quarter_of_the_rows_is_for_calibration(
    table, rate, message
):
    """90 - 67 = 23 rows, whose smallest p-value is 1 / 24 = 0.0417."""
    rows = sample_training_rows(table, label_column="state")
    options = {"num_folds": 1, "false_alarm_rate": rate}
    if message is None:
        detector = fit_detector(rows, **options)
        assert detector.num_calibration_rows == 23
        return
    with pytest.raises(ValueError, match=message):
        fit_detector(rows, **options)


def test_a_rate_below_the_smallest_possible_p_value_is_refused(
    table, monkeypatch
):
    monkeypatch.setattr(train, "MAX_CALIBRATION_ROWS", 50)
    rows = sample_training_rows(table, label_column="state")
    detector = train.AnomalyDetector(false_alarm_rate=0.01)
    with pytest.raises(
        ValueError,
        match=r"At most 50 are used, or set a false-alarm rate of 0\.02\.",
    ):
        check_num_rows(rows, detector)


def test_very_few_rows_are_refused_at_any_rate(table):
    path = table.path
    path.write_text("\n".join(path.read_text().splitlines()[:15]))
    rows = sample_training_rows(open_table(path))
    with pytest.raises(ValueError, match=r"normal\.csv: leaves 14 rows.*20"):
        fit_detector(rows, false_alarm_rate=0.4)


def test_errors_of_the_detector_name_the_file(table, monkeypatch):
    rows = sample_training_rows(table)
    monkeypatch.setattr("dlunits.models.anomaly.table_schema.MAX_COLUMNS", 1)
    with pytest.raises(ValueError, match=r"normal\.csv: A table must have"):
        fit_detector(rows)


def test_summary_and_baselines_of_a_trained_detector(table):
    rows = sample_training_rows(table, label_column="state")
    detector = fit_detector(rows, false_alarm_rate=0.05)
    summary = DetectorSummary.of_trained(detector, rows, "a table")
    scores = summary.calibration_scores
    assert len(scores) == summary.num_calibration_rows == 90
    assert (np.diff(scores) >= 0).all()
    assert np.isfinite(scores).all()
    assert summary.column_types == rows.column_types
    new = {"speed": np.array([0.0, 50.0]), "road": np.array(["dry", "wet"])}
    baselines = table_baselines(detector, rows, new)
    # The input of all detectors is the same encoding of the columns.
    encoded = [
        np.asarray(
            detector.model.encoding(detector.table_schema.inputs(columns))
        )
        for columns in (rows.columns, new)
    ]
    for name, scores in baseline_scores(*encoded).items():
        np.testing.assert_allclose(baselines[name], scores)


def test_training_logs_its_source_and_checks_the_table_to_score(
    table, tmp_path
):
    messages = []
    trained = train_detector(
        table,
        table,
        label_column="state",
        log=messages.append,
        false_alarm_rate=0.05,
    )
    assert messages[0] == trained.rows.source
    assert messages[-1].startswith("state   ignored ")
    assert trained.detector.table_schema.columns == ("speed", "road")
    other = tmp_path / "new.csv"
    other.write_text("Speed,road\n1,dry\n")
    with pytest.raises(ValueError, match=r"new\.csv: .*Did you mean 'Speed'"):
        train_detector(table, open_table(other), label_column="state")


@pytest.mark.parametrize("both", [True, False])
def test_baselines_are_scored_if_there_are_labels_of_both_classes(
    table, tmp_path, both
):
    rows = sample_training_rows(table, label_column="state")
    detector = fit_detector(rows, false_alarm_rate=0.05)
    label = {"label_column": "state"} if both else {}
    scorer = TableScorer(detector, 0.05, **label)
    score_table(scorer, table, tmp_path / "scored.csv")
    baselines = TrainedDetector(detector, rows).baseline_scores(scorer)
    assert (baselines is not None) == both
    if both:
        assert {len(scores) for scores in baselines.values()} == {120}
