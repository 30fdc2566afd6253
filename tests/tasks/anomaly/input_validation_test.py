"""Tables and output paths that are accepted or refused."""

import pytest

from dlunits.tasks.anomaly.input_validation import open_tables
from dlunits.tasks.anomaly.sources import InputTables


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new.csv"
    lines = ["speed,state", *(f"{n / 9},ok" for n in range(9)), "99,fault"]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("output", "label", "message"),
    [
        ("scored.xlsx", None, "extension of a scored table must be"),
        ("new.csv", None, "is the table that is read"),
        ("none/scored.csv", None, r"none/scored\.csv: cannot be written"),
        ("folder.csv", None, "is a folder"),
        ("scored.csv", "stat", "column 'stat' is missing.*'state'"),
    ],
)
def test_what_would_fail_after_training_is_refused(
    path, tmp_path, output, label, message
):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match=message) as refused:
        open_tables(InputTables(path, path, label), tmp_path / output)
    assert len(str(refused.value).splitlines()) == 1


def test_a_scored_table_is_refused(path, tmp_path):
    path.write_text("anomaly_score\n1.5\n")
    with pytest.raises(ValueError, match=r"new\.csv: already has a column 'an"):
        open_tables(InputTables(None, path), tmp_path / "again.csv")


def test_one_of_the_tables_must_have_the_label_column(path, tmp_path):
    other = tmp_path / "normal.csv"
    other.write_text("speed\n1\n")
    output = tmp_path / "scored.csv"
    for pair in ((path, other), (other, path), (None, path)):
        tables = open_tables(InputTables(*pair, "state"), output)
        assert [table and table.path for table in tables] == list(pair)
    message = r"normal\.csv: column 'state' is missing"
    with pytest.raises(ValueError, match=message):
        open_tables(InputTables(None, other, "state"), output)
