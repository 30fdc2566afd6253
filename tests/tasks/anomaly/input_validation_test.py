"""Tables opened, refused before anything is learnt, and scored."""

import csv

import numpy as np
import pytest
import tqdm

from dlunits.models import AnomalyDetector
from dlunits.tasks.anomaly.input_validation import open_tables, score_opened
from dlunits.tasks.anomaly.sources import SourceTables


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new.csv"
    lines = ["speed,state", *(f"{n / 9},ok" for n in range(9)), "99,fault"]
    path.write_text("\n".join(lines))
    return path


def named(train, score, label=None):
    return SourceTables(
        train, score, {"label_column": label, "normal_class": None}
    )


@pytest.mark.parametrize(
    ("output", "label", "message"),
    [
        ("scored.xlsx", None, "must end in"),
        ("new.csv", None, "is the table that is read"),
        ("none/scored.csv", None, r"none/scored\.csv: cannot be written"),
        ("folder.csv", None, "is a folder"),
        ("scored.csv", "stat", "column 'stat' is missing.*'state'"),
    ],
)
def test_what_would_fail_later_is_refused(
    path, tmp_path, output, label, message
):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match=message) as refused:
        open_tables(named(path, path, label), tmp_path / output)
    assert len(str(refused.value).splitlines()) == 1


def test_a_table_that_was_scored_is_refused(path, tmp_path):
    path.write_text("anomaly_score\n1.5\n")
    with pytest.raises(ValueError, match=r"new\.csv: has a column 'anom"):
        open_tables(named(None, path), tmp_path / "again.csv")


def test_one_table_with_the_labels_is_enough(path, tmp_path):
    other = tmp_path / "normal.csv"
    other.write_text("speed\n1\n")
    for pair in ((path, other), (other, path), (None, path)):
        opened = open_tables(named(*pair, "state"), tmp_path / "scored.csv")
        assert opened.output == tmp_path / "scored.csv"
        assert [table and table.path for table in opened[:2]] == list(pair)


def test_what_was_opened_is_scored(path, tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, 1))
    detector = AnomalyDetector(steps=5).fit({"speed": rows[:, 0]})
    output, bars = tmp_path / "scored.csv", []

    def progress(total, desc):
        bars.append((desc, total))
        return tqdm.tqdm(disable=True)

    tables = open_tables(named(None, path, "state"), output)
    scorer = score_opened(tables, detector, 0.05, {}, progress)
    assert bars == [("Scoring", 10)]
    with output.open(newline="") as file:
        found = [row["is_anomaly"] for row in csv.DictReader(file)]
    assert found[-1] == "true" and scorer.alarms == found.count("true")
    assert scorer.quality["recall"] == 1
