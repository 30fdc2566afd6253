"""Series learnt from files, and scored by what was learnt."""

import csv

import numpy as np
import pytest

from dlunits.data.tables import table_files
from dlunits.data.tables.table_files import open_table
from dlunits.tasks.anomaly import train_series
from dlunits.tasks.anomaly.score_series import SeriesScorer, scorer_of
from dlunits.tasks.anomaly.score_table import TOP, TableScorer, score_table
from dlunits.tasks.anomaly.train_series import learn, learn_series

RATE = 0.05
WINDOW = 16


def write(path, rows, fault=(), seed=0):
    """A wave of 40 rows a minute apart; at a fault it stands still."""
    generator = np.random.default_rng(seed)
    lines = ["time,wave,other,state"]
    for row in range(rows):
        strange = row in fault
        wave = 0.0 if strange else np.sin(2 * np.pi * row / 40)
        wave += 0.05 * generator.normal()
        time = f"2024-01-{1 + row // 1440:02} {row // 60 % 24:02}:{row % 60:02}"
        state = "fault" if strange else "ok"
        lines.append(f"{time},{wave:.4f},{generator.normal():.4f},{state}")
    path.write_text("\n".join(lines))
    return open_table(path)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    table = write(
        tmp_path_factory.mktemp("series") / "normal.csv", 1200, range(300, 330)
    )
    told = []
    found = learn_series(
        table,
        timestamp_column="time",
        window=WINDOW,
        label_column="state",
        false_alarm_rate=RATE,
        steps=200,
        log=told.append,
    )
    return found, told


def write_weeks(path, first, weeks, seed):
    """Noise on a week's pattern, every ten minutes."""
    steps = np.arange(first * 1008, (first + weeks) * 1008)
    usual = np.random.default_rng(99).normal(0, 3, 7)[steps % 1008 // 144]
    noise = np.random.default_rng(seed).normal(size=len(steps))
    lines = [
        f"{600 * step},{value:.4f}"
        for step, value in zip(steps, usual + noise, strict=True)
    ]
    path.write_text("\n".join(["time,power", *lines]))
    return open_table(path)


def test_new_weeks_are_called_anomalous_no_more_often_than_is_asked(tmp_path):
    """Of four weeks, the one that is learnt from sets a quarter of what is
    usual; beside that, each looks more usual than any new one.
    """
    below = []
    for seed in range(3):
        known = write_weeks(tmp_path / "known.csv", 0, 4, seed)
        new = write_weeks(tmp_path / "new.csv", 4, 8, seed + 10)
        found = learn_series(
            known,
            timestamp_column="time",
            steps=50,
            seed=seed,
            false_alarm_rate=0.1,
        )
        period = found.card["series"]["inputs"]["profile"]["period"]
        assert period == 7 * 86_400
        scorer = scorer_of(found.detector, 0.1, new, found.card)
        below.append((scorer.of_windows["p_value"] <= 0.1).mean())
    # A week held out stands beside three others, a new one beside four, so
    # that the rate is below what is asked.
    assert 0.01 < np.mean(below) < 0.1


FAULT = range(200, 232)


@pytest.fixture(scope="module")
def scored(learnt, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    table = write(folder / "new.csv", 500, FAULT, seed=1)
    scorer = scorer_of(
        learnt[0].detector, RATE, table, learnt[0].card, label_column="state"
    )
    score_table(scorer, table, folder / "scored.csv")
    with (folder / "scored.csv").open(newline="") as file:
        return scorer, list(csv.DictReader(file))


def test_says_what_is_learnt_from(learnt):
    found, [told] = learnt
    assert "1,200 rows, one every 60 s" in told
    assert "windows of 16 rows are learnt from; 2 channels" in told
    assert "30 rows of anomalies by label are left out." in told
    assert "Ignored: 'state' is the label" in told
    assert found.facts["kinds"] == {
        "time": "timestamp",
        "wave": "number",
        "other": "number",
        "state": "ignored",
    }
    columns = found.detector.table.columns
    assert {"wave: level", "other: slope"} < set(columns)


@pytest.mark.parametrize("timestamp_column", [None, "time"])
def test_rows_are_a_series_only_if_they_have_times(tmp_path, timestamp_column):
    table = write(tmp_path / "normal.csv", 300)
    found = learn(
        table,
        timestamp_column=timestamp_column,
        window=4,
        steps=5,
        kinds=["time=timestamp", "state=ignored"],
    )
    assert ("series" in found.card) == (timestamp_column is not None)


def test_each_row_has_the_mean_of_the_windows_that_cover_it(scored):
    scorer, rows = scored
    starts = scorer.windows.starts
    scores = scorer.of_windows["anomaly_score"]
    for row in (0, 99, 210, 499):
        covering = (starts <= row) & (row < starts + WINDOW)
        assert float(rows[row]["anomaly_score"]) == pytest.approx(
            scores[covering].mean(), rel=1e-4
        )


def test_a_fault_is_found_and_explained(scored):
    scorer, rows = scored
    found = np.array([row["is_anomaly"] == "true" for row in rows])
    assert found[FAULT.start : FAULT.stop].mean() > 0.5
    assert scorer.alarms == found.sum()
    causes = [rows[row]["column_1"] for row in FAULT[8:-8]]
    assert np.mean([cause.startswith("wave: ") for cause in causes]) > 0.8
    assert scorer.quality["VUS-PR"] > 0.5
    assert scorer.quality["range_recall"] > 0.5
    assert scorer.has_both_labels
    assert "VUS-PR" in scorer.told


def test_the_strangest_windows_do_not_overlap(scored):
    scorer, _ = scored
    rows = np.sort(scorer.top["row"])
    assert len(rows) == TOP
    assert (np.diff(rows) >= WINDOW).all()
    np.testing.assert_array_equal(scorer.top["place"], scorer.top["row"] + 2)
    strangest = np.argmax(scorer.of_windows["anomaly_score"])
    assert scorer.top["row"][0] == scorer.windows.starts[strangest]
    assert scorer.top["label"][0]


def test_what_is_to_be_drawn_is_kept(scored):
    scorer, _ = scored
    assert scorer.series["names"] == ["wave", "other"]
    assert scorer.series["values"].shape == (500, 2)
    assert scorer.series["labels"].sum() == len(FAULT)
    assert scorer.series["alarms"].sum() == scorer.alarms


def test_windows_between_two_rows_are_not_among_the_strangest(learnt, tmp_path):
    table = write(tmp_path / "normal.csv", 400)
    found = learn_series(
        table,
        timestamp_column="time",
        window=2,
        kinds=["state=ignored"],
        steps=20,
    )
    path = tmp_path / "new.csv"
    write(path, 30)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:16] + lines[18:]))  # two are bridged
    table = open_table(path)
    scorer = scorer_of(found.detector, RATE, table, found.card)
    empty = np.flatnonzero(scorer.windows.starts == 15)
    scorer.of_windows["anomaly_score"][empty] = 99.0
    score_table(scorer, table, tmp_path / "scored.csv")
    assert len(empty) == 1 and len(scorer.top["row"]) > 10
    assert scorer.top["anomaly_score"].max() < 99


def test_other_detectors_judge_the_same_rows(learnt, scored):
    scorer, _ = scored
    for scores in learnt[0].baselines(scorer).values():
        assert scores.shape == (len(scorer.verdicts),)
        assert np.isfinite(scores).all()


def test_other_detectors_learn_from_windows_drawn_at_random(
    learnt, scored, monkeypatch
):
    drawn = []
    monkeypatch.setattr(
        train_series,
        "baseline_scores",
        lambda known, *_: drawn.append(known) or {},
    )
    learnt[0].baselines(scored[0])
    monkeypatch.setattr(train_series, "MOST_BY_PEERS", 20)
    learnt[0].baselines(scored[0])
    all_of_them, some = (known.tolist() for known in drawn)
    assert len(some) == 20 < len(all_of_them)
    assert some != all_of_them[:20]
    assert all(window in all_of_them for window in some)


def test_it_does_not_matter_how_the_table_is_cut(
    learnt, scored, tmp_path, monkeypatch
):
    monkeypatch.setattr(table_files, "CHUNK_CELLS", 4 * 37)
    table = write(tmp_path / "new.csv", 500, FAULT, seed=1)
    scorer = scorer_of(learnt[0].detector, RATE, table, learnt[0].card)
    score_table(scorer, table, tmp_path / "scored.csv")
    with (tmp_path / "scored.csv").open(newline="") as file:
        for row, other in zip(csv.DictReader(file), scored[1], strict=True):
            assert row == other
    assert scorer.quality == {}
    assert scorer.series["labels"] is None
    assert scorer.unused == []  # the label was known, if not used


def test_rows_in_a_stretch_that_is_too_short_get_nothing(learnt, tmp_path):
    path = tmp_path / "new.csv"
    write(path, 200)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:101] + lines[121:126] + lines[146:]))
    table = open_table(path)
    scorer = scorer_of(learnt[0].detector, RATE, table, learnt[0].card)
    assert isinstance(scorer, SeriesScorer)
    score_table(scorer, table, tmp_path / "scored.csv")
    with (tmp_path / "scored.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    alone = [row["anomaly_score"] == "" for row in rows]
    assert np.flatnonzero(alone).tolist() == [*range(100, 105)]
    assert {rows[100]["is_anomaly"], rows[100]["column_1"]} == {"false", ""}


def test_a_card_without_a_series_is_of_a_table(learnt, tmp_path):
    table = write(tmp_path / "new.csv", 50)
    scorer = scorer_of(learnt[0].detector, RATE, table, {})
    assert type(scorer) is TableScorer


@pytest.mark.parametrize("label", ["wave", "time"])
def test_a_label_that_was_learnt_from_is_refused(learnt, tmp_path, label):
    table = write(tmp_path / "new.csv", 50)
    with pytest.raises(ValueError, match=f"'{label}' was learnt from"):
        scorer_of(
            learnt[0].detector, RATE, table, learnt[0].card, label_column=label
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
        (60, {}, r"normal\.csv: holds \d windows to calibrate by"),
    ],
)
def test_what_cannot_be_learnt_from_is_one_line(tmp_path, rows, flags, message):
    table = write(tmp_path / "normal.csv", rows)
    options = {"timestamp_column": "time", "window": WINDOW} | flags
    with pytest.raises(ValueError, match=message) as refused:
        learn_series(table, **options)
    assert len(str(refused.value).splitlines()) == 1


def test_a_series_that_lacks_a_channel_is_refused(learnt, tmp_path):
    path = tmp_path / "new.csv"
    write(path, 100)
    path.write_text(path.read_text().replace("wave", "weave"))
    table = open_table(path)
    with pytest.raises(ValueError, match=r"new\.csv: column 'wave' is missing"):
        scorer_of(learnt[0].detector, RATE, table, learnt[0].card)
