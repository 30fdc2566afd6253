"""Training on time series, and the scores of their rows."""

import csv

import numpy as np
import pytest

from dlunits.data.tables import table_files
from dlunits.data.tables.table_files import open_table
from dlunits.tasks.anomaly import train
from dlunits.tasks.anomaly.score_series import SeriesScorer, make_scorer
from dlunits.tasks.anomaly.score_table import (
    NUM_TOP_ROWS,
    TableScorer,
    score_table,
)
from dlunits.tasks.anomaly.train import series_baselines, train_detector

RATE = 0.05
WINDOW = 16


def write(path, rows, fault=(), seed=0):
    """A wave with a period of 40 minutes, which is constant during a fault."""
    generator = np.random.default_rng(seed)
    lines = ["time,wave,other,state"]
    for row in range(rows):
        anomalous = row in fault
        wave = 0.0 if anomalous else np.sin(2 * np.pi * row / 40)
        wave += 0.05 * generator.normal()
        time = f"2024-01-{1 + row // 1440:02} {row // 60 % 24:02}:{row % 60:02}"
        state = "fault" if anomalous else "ok"
        lines.append(f"{time},{wave:.4f},{generator.normal():.4f},{state}")
    path.write_text("\n".join(lines))
    return open_table(path)


@pytest.fixture(scope="module")
def trained_and_messages(tmp_path_factory):
    table = write(
        tmp_path_factory.mktemp("series") / "normal.csv", 1200, range(300, 330)
    )
    messages = []
    trained = train_detector(
        table,
        timestamp_column="time",
        window=WINDOW,
        label_column="state",
        false_alarm_rate=RATE,
        log=messages.append,
    )
    return trained, messages


@pytest.fixture(scope="module")
def trained(trained_and_messages):
    return trained_and_messages[0]


def test_rows_with_one_time_are_averaged_if_few_and_refused_if_many(
    trained, tmp_path
):
    table = write(tmp_path / "normal.csv", 300)
    lines = table.path.read_text().splitlines()
    table.path.write_text("\n".join([*lines, *lines[1:4]]))
    rows = train.read_training_rows(
        open_table(table.path),
        None,
        trained.detector,
        timestamp_column="time",
        window=WINDOW,
    )
    assert (
        "3 rows have the timestamp of another row and are averaged"
        in rows.source
    )
    table.path.write_text("\n".join([*lines, *lines[1:]]))
    table = open_table(table.path)
    with pytest.raises(ValueError, match="300 of 600 rows have the time of"):
        train_detector(table, timestamp_column="time", window=WINDOW)
    with pytest.raises(ValueError, match="300 of 600 rows have the time of"):
        make_scorer(trained.detector, RATE, table, trained.rows.card)


def test_a_shorter_window_is_proposed_where_too_few_fit(tmp_path):
    table = write(tmp_path / "normal.csv", 400)
    options = {"timestamp_column": "time", "false_alarm_rate": 0.03}
    # Windows of 32 rows begin every 13 rows, and those of 25 every 11.
    with pytest.raises(
        ValueError,
        match="leaves 30 windows .* at least 33. Add normal windows, set a "
        r"shorter window, of 25 rows for example, or set .* rate of 0\.033\.",
    ):
        train_detector(table, window=32, **options)
    rows = train.read_training_rows(
        table,
        None,
        train.AnomalyDetector(false_alarm_rate=0.03),
        timestamp_column="time",
        window=25,
    )
    assert rows.num_rows >= 33 and rows.shorter_window(100) is None


def write_weeks(path, first, weeks, seed):
    """A weekly pattern with noise, one row every ten minutes."""
    steps = np.arange(first * 1008, (first + weeks) * 1008)
    usual = np.random.default_rng(99).normal(0, 3, 7)[steps % 1008 // 144]
    noise = np.random.default_rng(seed).normal(size=len(steps))
    lines = [
        f"{600 * step},{value:.4f}"
        for step, value in zip(steps, usual + noise, strict=True)
    ]
    path.write_text("\n".join(["time,power", *lines]))
    return open_table(path)


def test_the_false_alarm_rate_holds_for_new_weeks(tmp_path):
    """Each training week is a quarter of the seasonal profile. If it were
    scored with that profile, it would look more normal than any new week.
    """
    below = []
    for seed in range(3):
        known = write_weeks(tmp_path / "known.csv", 0, 4, seed)
        new = write_weeks(tmp_path / "new.csv", 4, 8, seed + 10)
        trained = train_detector(
            known,
            timestamp_column="time",
            seed=seed,
            false_alarm_rate=0.1,
        )
        assert trained.rows.panel.first.profile.period == 7 * 86_400
        scorer = make_scorer(trained.detector, 0.1, new, trained.rows.card)
        below.append((scorer.window_scores["p_value"] <= 0.1).mean())
    # A held-out week is compared with three others, a new week with four, so
    # that the rate is below its target.
    assert 0.01 < np.mean(below) < 0.1


FAULT = range(200, 232)


@pytest.fixture(scope="module")
def scored(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    table = write(folder / "new.csv", 500, FAULT, seed=1)
    scorer = make_scorer(
        trained.detector, RATE, table, trained.rows.card, label_column="state"
    )
    score_table(scorer, table, folder / "scored.csv")
    with (folder / "scored.csv").open(newline="") as file:
        return scorer, list(csv.DictReader(file))


def test_the_training_data_are_logged(trained_and_messages):
    trained, messages = trained_and_messages
    assert "1,200 rows, one every 60 s" in messages[0]
    assert "windows of 16 rows used for training; 2 channels" in messages[0]
    assert "30 rows labeled as anomalies are excluded." in messages[0]
    assert messages[-1].startswith("state   ignored ")
    assert trained.rows.column_types == {
        "time": "timestamp",
        "wave": "number",
        "other": "number",
        "state": "ignored",
    }
    columns = trained.detector.table_schema.columns
    assert {"wave: level", "other: slope"} < set(columns)


@pytest.mark.parametrize("timestamp_column", [None, "time"])
def test_a_timestamp_column_makes_the_rows_a_series(tmp_path, timestamp_column):
    table = write(tmp_path / "normal.csv", 300)
    trained = train_detector(
        table,
        timestamp_column=timestamp_column,
        window=4,
        column_types={"time": "timestamp", "state": "ignored"},
    )
    assert ("series" in trained.rows.card) == (timestamp_column is not None)


def test_each_row_has_the_mean_of_the_windows_that_cover_it(scored):
    scorer, rows = scored
    starts = scorer.windows.starts
    scores = scorer.window_scores["anomaly_score"]
    for row in (0, 99, 210, 499):
        covering = (starts <= row) & (row < starts + WINDOW)
        assert float(rows[row]["anomaly_score"]) == pytest.approx(
            scores[covering].mean(), rel=1e-4
        )


def test_a_fault_is_found_and_explained(scored):
    scorer, rows = scored
    found = np.array([row["is_anomaly"] == "true" for row in rows])
    assert found[FAULT.start : FAULT.stop].mean() > 0.5
    assert scorer.num_anomalies == found.sum()
    causes = [rows[row]["column_1"] for row in FAULT[8:-8]]
    assert np.mean([cause.startswith("wave: ") for cause in causes]) > 0.8
    assert scorer.metrics["VUS-PR"] > 0.5
    assert scorer.metrics["range_recall"] > 0.5
    assert scorer.has_both_labels
    assert any("VUS-PR" in line for line in scorer.messages)


def test_the_top_windows_do_not_overlap(scored):
    scorer, _ = scored
    rows = np.sort(scorer.top["row"])
    assert len(rows) == NUM_TOP_ROWS
    assert (np.diff(rows) >= WINDOW).all()
    np.testing.assert_array_equal(scorer.top["position"], scorer.top["row"] + 2)
    highest = np.argmax(scorer.window_scores["anomaly_score"])
    assert scorer.top["row"][0] == scorer.windows.starts[highest]
    assert scorer.top["label"][0]


def test_the_arguments_of_the_figure_are_kept(scored):
    scorer, _ = scored
    assert scorer.series[""]["names"] == ["wave", "other"]
    assert scorer.series[""]["values"].shape == (500, 2)
    assert scorer.series[""]["labels"].sum() == len(FAULT)
    assert scorer.series[""]["alarms"].sum() == scorer.num_anomalies


def test_windows_without_rows_are_not_among_the_top(tmp_path):
    table = write(tmp_path / "normal.csv", 400)
    trained = train_detector(
        table,
        timestamp_column="time",
        window=2,
        column_types={"state": "ignored"},
    )
    path = tmp_path / "new.csv"
    write(path, 30)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:16] + lines[18:]))  # two are interpolated
    table = open_table(path)
    scorer = make_scorer(trained.detector, RATE, table, trained.rows.card)
    empty = np.flatnonzero(scorer.windows.starts == 15)
    scorer.window_scores["anomaly_score"][empty] = 99.0
    score_table(scorer, table, tmp_path / "scored.csv")
    assert len(empty) == 1 and len(scorer.top["row"]) > 10
    assert scorer.top["anomaly_score"].max() < 99


def test_baselines_score_the_sampled_rows(trained, scored):
    scorer, _ = scored
    for scores in trained.baseline_scores(scorer).values():
        assert scores.shape == (len(scorer.sample),)
        assert np.isfinite(scores).all()


def test_baselines_are_trained_on_a_random_sample_of_the_windows(
    trained, scored, monkeypatch
):
    samples = []
    monkeypatch.setattr(
        train, "baseline_scores", lambda known, *_: samples.append(known) or {}
    )
    series_baselines(trained.rows, scored[0])
    monkeypatch.setattr(train, "MAX_BASELINE_ROWS", 20)
    series_baselines(trained.rows, scored[0])
    all_windows, some = (sample.tolist() for sample in samples)
    assert len(some) == 20 < len(all_windows)
    assert some != all_windows[:20]
    assert all(window in all_windows for window in some)


def test_scores_do_not_depend_on_the_chunks(
    trained, scored, tmp_path, monkeypatch
):
    monkeypatch.setattr(table_files, "CHUNK_CELLS", 4 * 37)
    table = write(tmp_path / "new.csv", 500, FAULT, seed=1)
    scorer = make_scorer(trained.detector, RATE, table, trained.rows.card)
    score_table(scorer, table, tmp_path / "scored.csv")
    with (tmp_path / "scored.csv").open(newline="") as file:
        for row, other in zip(csv.DictReader(file), scored[1], strict=True):
            assert row == other
    assert scorer.metrics == {}
    assert scorer.series[""]["labels"] is None
    assert scorer.unused_columns == []  # the label column is known


def test_rows_in_a_segment_shorter_than_a_window_have_no_score(
    trained, tmp_path
):
    path = tmp_path / "new.csv"
    write(path, 200)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:101] + lines[121:126] + lines[146:]))
    table = open_table(path)
    scorer = make_scorer(trained.detector, RATE, table, trained.rows.card)
    assert isinstance(scorer, SeriesScorer)
    score_table(scorer, table, tmp_path / "scored.csv")
    with (tmp_path / "scored.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    alone = [row["anomaly_score"] == "" for row in rows]
    assert np.flatnonzero(alone).tolist() == [*range(100, 105)]
    assert {rows[100]["is_anomaly"], rows[100]["column_1"]} == {"false", ""}


def test_dates_and_times_may_be_in_two_columns(trained, scored, tmp_path):
    table = write(tmp_path / "new.csv", 500, FAULT, seed=1)
    lines = table.path.read_text().replace(" ", ",").replace("time,", "d,t,", 1)
    table.path.write_text(lines)
    table = open_table(table.path)
    rows = train.read_training_rows(
        table,
        table,
        trained.detector,
        timestamp_column="d,t",
        window=WINDOW,
        label_column="state",
    )
    assert rows.used_columns == ["d", "t", "wave", "other"]
    assert rows.column_types["d,t"] == "timestamp"
    assert rows.ignored["t"] == "is part of the timestamp"
    series = trained.rows.card["series"]
    card = {
        "series": series
        | {
            name: rows.card["series"][name]
            for name in ("column_types", "ignored")
        }
    }
    scorer = make_scorer(trained.detector, RATE, table, card)
    score_table(scorer, table, tmp_path / "scored.csv")
    np.testing.assert_array_equal(
        scorer.row_scores["p_value"], scored[0].row_scores["p_value"]
    )
    header = (tmp_path / "scored.csv").read_text().splitlines()[0]
    assert header.startswith("d,t,wave,other,state,anomaly_score,")
    assert scorer.unused_columns == []


def test_a_card_without_a_series_is_of_a_table(trained, tmp_path):
    table = write(tmp_path / "new.csv", 50)
    scorer = make_scorer(trained.detector, RATE, table, {})
    assert type(scorer) is TableScorer


def test_a_false_discovery_rate_is_for_independent_rows(trained, tmp_path):
    table = write(tmp_path / "new.csv", 50)
    with pytest.raises(ValueError, match="Received: a time series"):
        make_scorer(trained.detector, RATE, table, trained.rows.card, fdr=0.1)


@pytest.mark.parametrize("label", ["wave", "time"])
def test_an_input_of_the_detector_is_refused_as_label_column(
    trained, tmp_path, label
):
    table = write(tmp_path / "new.csv", 50)
    with pytest.raises(ValueError, match=f"'{label}' is an input"):
        make_scorer(
            trained.detector, RATE, table, trained.rows.card, label_column=label
        )


@pytest.mark.parametrize(
    ("rows", "flags", "message"),
    [
        (
            300,
            {"timestamp_column": "when"},
            r"normal\.csv: column 'when' is mi",
        ),
        (300, {"window": 301}, r"normal\.csv: A window of 301 rows must fit"),
        (60, {}, r"normal\.csv: leaves \d windows for calibration"),
    ],
)
def test_unusable_training_data_are_refused_in_one_line(
    tmp_path, rows, flags, message
):
    table = write(tmp_path / "normal.csv", rows)
    options = {"timestamp_column": "time", "window": WINDOW} | flags
    with pytest.raises(ValueError, match=message) as refused:
        train_detector(table, **options)
    assert len(str(refused.value).splitlines()) == 1


def test_a_series_that_lacks_a_channel_is_refused(trained, tmp_path):
    path = tmp_path / "new.csv"
    write(path, 100)
    path.write_text(path.read_text().replace("wave", "weave"))
    table = open_table(path)
    with pytest.raises(ValueError, match=r"new\.csv: column 'wave' is missing"):
        make_scorer(trained.detector, RATE, table, trained.rows.card)
