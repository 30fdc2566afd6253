"""Anomaly detection in a table of many series."""

import csv

import numpy as np
import pytest

from dlunits.data.tables.table_files import open_table
from dlunits.tasks.anomaly.report_sections import series_sections
from dlunits.tasks.anomaly.score_series import make_scorer
from dlunits.tasks.anomaly.score_table import score_table
from dlunits.tasks.anomaly.train import train_detector

RATE = 0.05
WINDOW = 12
ROWS = 1440  # hours
FAULTS = (300, 700, 1100)  # first rows, of a window each
NAMES = ("small", "large", "heavy")


def hours(name, first, rng):
    """Values and scale: daily, weekly and no season, the last heavy-tailed."""
    hour = np.arange(first, first + ROWS)
    noise = rng.normal(size=ROWS)
    if name == "small":
        return 10 + 3 * np.sin(2 * np.pi * hour / 24) + noise, 1.0
    if name == "large":
        week = np.random.default_rng(9).normal(0, 300, 7)
        return 1000 + week[hour // 24 % 7] + 100 * noise, 100.0
    return 0.01 * rng.standard_t(2, size=ROWS), 0.01


def write(path, first=0, seed=0, faults=(), names=NAMES, apart=0):
    """Rows of series that alternate, or that follow one another `apart`."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, name in enumerate(names):
        values, scale = hours(name, first, rng)
        labels = np.zeros(ROWS, int)
        for fault in faults:
            values[fault : fault + WINDOW] += 2 * scale
            labels[fault : fault + WINDOW] = 1
        for row in range(ROWS):
            hour = first + row + number * apart
            rows.append(
                (
                    hour,
                    f"{name},{3600 * hour},{values[row]:.5f},{labels[row]}",
                )
            )
    rows.sort(key=lambda row: row[0])
    lines = ["name,time,x,label", *(line for _, line in rows)]
    path.write_text("\n".join(lines) + "\n")
    return open_table(path)


def train(table, **options):
    return train_detector(
        table,
        timestamp_column="time",
        window=WINDOW,
        label_column="label",
        false_alarm_rate=RATE,
        **options,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("panel")
    return train(write(folder / "normal.csv"), series_column="name")


@pytest.fixture(scope="module")
def scored(trained, tmp_path_factory):
    """Scorer and scored rows of a new table, with a series never seen."""
    folder = tmp_path_factory.mktemp("scored")
    names = (*NAMES, "new")
    table = write(folder / "new.csv", ROWS, 1, FAULTS, names)
    scorer = make_scorer(
        trained.detector, RATE, table, trained.rows.card, label_column="label"
    )
    score_table(scorer, table, folder / "scored.csv")
    with (folder / "scored.csv").open(newline="") as file:
        return scorer, list(csv.DictReader(file))


def found(p_values, labels):
    """Number of faults with an alarm."""
    alarms = np.flatnonzero((p_values <= RATE) & labels)
    return len(set(alarms // 100))  # one fault in each of these hundreds


def series_of(rows, name):
    own = [row for row in rows if row["name"] == name]
    p_values = np.array([float(row["p_value"] or "nan") for row in own])
    return p_values, np.array([row["label"] == "1" for row in own])


def test_the_rows_keep_their_order(scored):
    rows = scored[1]
    assert len(rows) == 4 * ROWS
    assert [row["name"] for row in rows] == [*NAMES, "new"] * ROWS
    times = np.array([int(row["time"]) for row in rows])
    assert (np.diff(times) >= 0).all()


def test_anomalies_are_found_in_each_series(scored):
    for name in ("small", "large"):
        p_values, labels = series_of(scored[1], name)
        assert found(p_values, labels) >= 2


def test_one_detector_without_the_column_finds_none_in_the_small_series(
    tmp_path,
):
    """The series as one, with times apart, so that no time is repeated."""
    ignored = {"column_types": {"name": "ignored"}}
    normal = write(tmp_path / "normal.csv", apart=4 * ROWS)
    pooled = train(normal, **ignored)
    new = write(tmp_path / "new.csv", 20 * ROWS, 1, FAULTS, apart=4 * ROWS)
    scorer = make_scorer(pooled.detector, RATE, new, pooled.rows.card)
    p_values = scorer.row_scores["p_value"][:ROWS]
    labels = np.isin(np.arange(ROWS) // WINDOW, np.array(FAULTS) // WINDOW)
    assert labels.any() and found(p_values, labels) == 0


def test_the_false_alarm_rate_is_that_of_each_series(trained, tmp_path):
    """With p-values from all series, nearly all alarms would be in the series
    with heavy tails.
    """
    own, pooled = [], []
    for seed in range(2, 5):
        table = write(tmp_path / "new.csv", ROWS, seed)
        for rates, card in (
            (own, trained.rows.card),
            (
                pooled,
                {
                    "series": trained.rows.card["series"]
                    | {"calibration_scores": {}}
                },
            ),
        ):
            scorer = make_scorer(trained.detector, RATE, table, card)
            alarms = scorer.window_scores["p_value"] <= RATE
            index = scorer.windows.member_index
            rates.append([alarms[index == each].mean() for each in range(3)])
    own, pooled = np.mean(own, axis=0), np.mean(pooled, axis=0)
    assert (own < 0.09).all() and own[0] > 0.02 and own[2] > 0.02
    assert pooled[2] > 0.09 and (pooled[:2] < 0.01).all()


def test_a_series_that_was_not_trained_on_has_no_score(scored):
    scorer, rows = scored
    new = [row for row in rows if row["name"] == "new"]
    assert {row["anomaly_score"] for row in new} == {""}
    assert {row["is_anomaly"] for row in new} == {"false"}
    assert (
        "Not scored:    1,440 rows of 1 series that the model was not trained "
        "on: 'new'"
    ) in scorer.messages
    table = {row["series"]: row for row in scorer.series_table}
    assert (table["new"]["scored"], table["new"]["alarms"]) == (0, 0)
    assert sum(row["alarms"] for row in table.values()) == scorer.num_anomalies


def test_few_series_are_drawn_and_all_are_listed(scored):
    scorer, _ = scored
    (section,) = series_sections(scorer.series, scorer.series_table)
    assert set(scorer.series) == set(NAMES)
    assert len(section.figures) == 3 and len(section.table) == 4
    assert section.figures[0][1].startswith("Series ")
    alarms = [row["alarms"] for row in section.table]
    assert alarms == sorted(alarms, reverse=True)


def test_ranges_of_two_series_are_not_joined(scored):
    """The rows of three series alternate, so that in the order of the table the
    nine faults would be three ranges.
    """
    scorer, _ = scored
    labels = scorer.one_after_another(scorer.labels, False)
    starts = np.flatnonzero(np.diff(labels.astype(int)) == 1)
    assert len(starts) == 4 * len(FAULTS)
    assert scorer.metrics["range_recall"] > 0.1
    assert scorer.metrics["VUS-PR"] > 0.15


def test_a_series_with_few_windows_is_compared_with_all(trained, tmp_path):
    """287 windows are enough for a rate of 5 %, and too few for 0.3 %."""
    table = write(tmp_path / "new.csv", ROWS, 1)
    scorer = make_scorer(trained.detector, 0.003, table, trained.rows.card)
    score_table(scorer, table, tmp_path / "scored.csv")
    (line,) = (line for line in scorer.messages if "P-values:" in line)
    assert "'small', 'large', 'heavy' (3 of 3 series) have fewer than" in line
    assert {row["compared with"] for row in scorer.series_table} == {
        "all series"
    }


def test_the_training_data_are_described(trained):
    source = trained.rows.source
    assert "seasonal period 168 h in 1 series" in source
    assert source.endswith("3 series in column 'name'.")


def test_the_column_of_series_must_be_in_the_table(trained, tmp_path):
    table = write(tmp_path / "new.csv")
    table.path.write_text(table.path.read_text().replace("name", "title", 1))
    table = open_table(table.path)
    with pytest.raises(ValueError, match="column 'name' is missing"):
        make_scorer(trained.detector, RATE, table, trained.rows.card)
    with pytest.raises(ValueError, match="'x' cannot be the column of labels"):
        train_detector(
            table, timestamp_column="time", series_column="x", label_column="x"
        )
