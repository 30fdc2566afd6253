"""Streams of rows: rate of alarms, drift, and conversion of rows."""

import bisect
import datetime
import time

import numpy as np
import pytest
from keras import ops

from dlunits.models import AnomalyDetector, TableSchema
from dlunits.models.anomaly.anomaly_stream import AnomalyStream

RATE = 0.05


def columns(count, seed=0):
    generator = np.random.default_rng(seed)
    load = generator.normal(size=count)
    return {
        "load": load,
        "heat": 2 * load + 0.3 * generator.normal(size=count),
        "on": load > -1,
        "road": generator.choice(["dry", "wet"], count).astype(object),
    }


def records(table):
    rows = zip(*(list(column) for column in table.values()), strict=True)
    return [dict(zip(table, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def detector():
    return AnomalyDetector().fit(columns(300))


class Scores:
    """Detector whose scores are the rows themselves."""

    false_alarm_rate = RATE

    def __init__(self, known, inner):
        self.table_schema = inner.table_schema
        self.num_calibration_rows = len(known)
        self.model = self.conformal = self
        self.calibration_scores = lambda: np.asarray(known)

    def __call__(self, inputs, training=False):
        score = ops.convert_to_tensor(inputs["numbers"])[:, 0]
        return {"anomaly_score": score, "p_value": 0.5 * ops.ones_like(score)}

    predict_on_batch = __call__


@pytest.fixture(scope="module")
def numbers():
    """Schema of one number."""
    rows = np.random.default_rng(1).normal(size=(300, 1))
    return AnomalyDetector().fit(rows, {"column_1": "number"})


def stream_of(scores, numbers, **options):
    known = np.random.default_rng(2).normal(size=500)
    stream = AnomalyStream(Scores(known, numbers), **options)
    return stream, [stream.update([score]) for score in scores]


def drifting(kind, count):
    generator = np.random.default_rng(3)
    noise, time_ = generator.normal(size=count), np.arange(count) / count
    return {
        "none": noise,
        "ramp": noise + 10 * time_,
        "step": noise + 5 * (time_ > 0.4),
        "spread": noise * (1 + 4 * time_),
        "season": noise + 2 * np.sin(40 * np.pi * time_),
    }[kind]


@pytest.mark.parametrize("kind", ["none", "ramp", "step", "spread", "season"])
def test_the_rate_is_kept_within_a_fifth(numbers, kind):
    scores = drifting(kind, 4000)
    stream, rows = stream_of(scores, numbers)
    share = np.mean([row.is_anomaly for row in rows])
    assert share == pytest.approx(RATE, rel=0.2)
    assert stream.num_anomalies == share * stream.num_rows
    # With a fixed threshold, most rows of a drifting stream would be anomalous.
    if kind in ("ramp", "step"):
        assert stream.has_drifted
        known = np.random.default_rng(2).normal(size=500)
        assert np.mean(scores > np.quantile(known, 1 - RATE)) > 0.5
    if kind == "none":
        assert not stream.has_drifted


def test_the_threshold_and_p_values_are_those_of_the_equations(numbers):
    scores = drifting("ramp", 300)
    _, rows = stream_of(scores, numbers, seed=4)
    latest = np.random.default_rng(4).permutation(
        np.random.default_rng(2).normal(size=500)
    )
    latest, threshold = list(latest), RATE
    for score, row in zip(scores.astype("float32"), rows, strict=True):
        p_value = (1 + np.sum(np.array(latest) >= score)) / (1 + len(latest))
        assert row.p_value == pytest.approx(p_value)
        assert row.threshold == pytest.approx(threshold)
        alarm = p_value <= threshold
        assert row.is_anomaly == alarm
        threshold += RATE / 10 * (RATE - alarm)
        latest.append(score)


def test_old_rows_are_forgotten(numbers):
    stream, _ = stream_of(np.arange(1200.0), numbers)
    assert stream.window == 1000
    assert stream.sorted_scores == list(np.arange(200.0, 1200.0))
    assert AnomalyStream(stream.detector, 1e-3).window == 10_000


def test_the_capital_is_that_of_the_simple_jumper(numbers):
    scores = drifting("none", 200) + 1
    stream, _ = stream_of(scores, numbers, seed=4)
    generator = np.random.default_rng(4)
    known = np.random.default_rng(2).normal(size=500)
    generator.permutation(known)
    known, capital = sorted(known), dict.fromkeys((-1, 0, 1), 1 / 3)
    for score in scores.astype("float32"):
        higher = len(known) - bisect.bisect(known, score)
        u = (higher + generator.random()) / (1 + len(known))
        total = sum(capital.values())
        capital = {
            bet: (0.99 * each + 0.01 / 3 * total) * (1 + bet * (u - 0.5))
            for bet, each in capital.items()
        }
        bisect.insort(known, score)
    assert stream.log_capital == pytest.approx(np.log(sum(capital.values())))


def test_a_few_anomalies_are_not_drift(numbers):
    scores = drifting("none", 3000)
    scores[::50] = 9
    stream, rows = stream_of(scores, numbers)
    assert not stream.has_drifted
    assert all(row.is_anomaly for row in rows[::50])


def test_the_scores_of_rows_are_those_of_the_detector(detector):
    table = columns(40, 1)
    table["load"][3] = np.nan
    table["road"][[5, 6]] = [None, "icy"]
    stream = detector.stream()
    found = [stream.update(row).anomaly_score for row in records(table)]
    np.testing.assert_allclose(found, detector.score(table), atol=1e-4)


@pytest.mark.parametrize(
    "change", [{"load": "1.5"}, {"on": "yes"}, {"load": np.float32(1.5)}, {}]
)
def test_values_are_read_as_in_a_table(detector, change):
    stream = AnomalyStream(detector)
    row = {"load": 1.5, "heat": 3, "on": True, "road": "dry", "more": 1}
    for _ in range(2):  # the second time without the first one's look-ups
        inputs = stream.inputs(row | change)
        expected = detector.table_schema.inputs(row)
        assert inputs.keys() == expected.keys()
        for key, values in expected.items():
            np.testing.assert_array_equal(inputs[key], values)
            assert inputs[key].dtype == values.dtype


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"load": 1.0}, "column 'on' .* is missing"),
        (
            dict.fromkeys(["load", "heat", "on", "road"], "x"),
            "column 'on': expected true",
        ),
        (
            {"load": np.inf, "heat": 1, "on": True, "road": "dry"},
            "a finite number",
        ),
        ([1.0, 2.0], "must have 4 values.*Received: 2"),
    ],
)
def test_a_bad_row_is_refused_and_changes_nothing(detector, row, message):
    stream = AnomalyStream(detector)
    with pytest.raises(ValueError, match=message):
        stream.update(row)
    assert (stream.num_rows, stream.threshold) == (0, stream.false_alarm_rate)


def test_a_rate_out_of_range_is_refused(detector):
    with pytest.raises(ValueError, match="false_alarm_rate=1"):
        detector.stream(1)


def test_drifted_columns_are_named(detector):
    stream = detector.stream(RATE)
    assert stream.drifted_columns == []
    table = columns(150, 1)
    table["heat"] += 4
    for row in records(table):
        stream.update(row)
    assert stream.has_drifted
    assert stream.drifted_columns == ["heat"]
    assert stream.drift.has_drifted


def test_timestamps_are_read(detector):
    start = datetime.datetime(2024, 1, 1)
    times = [start + datetime.timedelta(minutes=i) for i in range(60)]
    table = {"time": times, "load": np.arange(60.0) % 7}
    types = {"time": "timestamp", "load": "number except -999"}
    detector = AnomalyDetector().fit(table, types)
    row = {"time": times[3], "load": 3.0}
    found = AnomalyStream(detector, 0.2).update(row).anomaly_score
    assert found == pytest.approx(detector.score(row)[0], abs=1e-4)


def test_numbers_that_stand_for_missing_values_are_read(numbers):
    known = np.random.default_rng(2).normal(size=500)
    detector = Scores(known, numbers)
    types = {"load": "number except -999"}
    detector.table_schema = TableSchema.from_table({"load": [1.0]}, types)
    stream = AnomalyStream(detector)
    assert np.isnan(stream.inputs({"load": -999.0})["numbers"]).all()
    assert stream.inputs({"load": -99.0})["numbers"] == -99


@pytest.mark.one_backend
def test_a_row_takes_a_few_milliseconds(detector):
    stream, rows = AnomalyStream(detector), records(columns(60, 1))
    for row in rows[:20]:
        stream.update(row)
    start = time.process_time()
    for row in rows:
        stream.update(row)
    assert (time.process_time() - start) / len(rows) < 0.01
