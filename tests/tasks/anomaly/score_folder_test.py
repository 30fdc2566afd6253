"""Folders of Parquet files, scored file by file with an exported detector."""

import json
import os
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlunits.models import AnomalyDetector
from dlunits.tasks.anomaly import score_folder as score_folder_module
from dlunits.tasks.anomaly.score_folder import (
    MAX_PROBLEMS,
    FolderSummary,
    claim_output,
    find_parquet_files,
    parse_shard,
    partition_columns,
    score_folder,
)
from dlunits.tasks.anomaly.score_table import (
    NEW_COLUMN_TYPES,
    NEW_COLUMNS,
    load_detector,
)
from dlunits.tasks.anomaly.serve import export_detector

RATE = 0.05


def rows_of(count, seed):
    generator = np.random.default_rng(seed)
    speed = generator.normal(size=count).round(4)
    return {
        "speed": speed,
        "power": (2 * speed + 0.1 * generator.normal(size=count)).round(4),
        "road": generator.choice(["dry", "wet"], count),
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    types = {"speed": "number", "power": "number", "road": "category"}
    detector = AnomalyDetector(false_alarm_rate=RATE)
    return export_detector(
        detector.fit(rows_of(200, 0), types),
        tmp_path_factory.mktemp("models") / "road",
        data="random numbers",
        metrics={},
        command="python app.py",
    )


@pytest.fixture(scope="module")
def loaded(model):
    return load_detector(model)


@pytest.fixture
def folder(tmp_path):
    """A folder with files of two months, and the column `road` in its names."""
    for number in range(5):
        path = tmp_path / f"in/road={['dry', 'wet'][number % 2]}"
        path.mkdir(parents=True, exist_ok=True)
        table = pa.table(rows_of(40 + number, number)).drop_columns("road")
        pq.write_table(table, path / f"part-{number}.parquet")
    return tmp_path / "in"


@pytest.fixture
def score(model, loaded, folder):
    """Scores the folder; returns the summary and the lines for the user."""

    def run(output=folder.parent / "out", **options):
        lines = []
        detector, rate = loaded
        rate = options.pop("rate", rate)
        summary = score_folder(
            detector,
            rate,
            options.pop("model", model),
            options.pop("folder", folder),
            output,
            log=lines.append,
            **options,
        )
        return summary, lines

    return run


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*.parquet")
    }


def record_of(path):
    return json.loads(pq.read_metadata(path).metadata[b"dlunits.scored"])


def test_each_file_has_its_rows_with_the_new_columns(score, folder, loaded):
    summary, lines = score()
    out = folder.with_name("out")
    assert lines == []
    assert summary.num_files == summary.num_scored == 5
    assert summary.num_rows == 40 + 41 + 42 + 43 + 44
    assert files_of(out).keys() == files_of(folder).keys()
    flagged = 0
    for path in out.rglob("*.parquet"):
        name = path.relative_to(out)
        # `read_table` would add the columns of the folders' names.
        before = pq.ParquetFile(folder / name).read()
        after = pq.ParquetFile(path).read()
        assert after.column_names == [*before.column_names, *NEW_COLUMNS]
        assert after.select(before.column_names).equals(before)
        with_road = before.append_column(
            "road", pa.array([name.parts[0].removeprefix("road=")] * len(after))
        )
        expected = loaded[0].score_rows(with_road)["anomaly_score"]
        found = after["anomaly_score"].to_numpy()
        np.testing.assert_array_equal(found, expected)
        flagged += sum(after["is_anomaly"].to_pylist())
    assert summary.num_anomalies == flagged > 0


def test_the_types_of_the_new_columns_are_those_that_are_written(score, folder):
    score()
    [*_, path] = folder.with_name("out").rglob("*.parquet")
    schema = pq.read_schema(path)
    assert {n: schema.field(n).type for n in NEW_COLUMNS} == NEW_COLUMN_TYPES


def test_a_second_run_scores_nothing_and_counts_the_same(score, folder):
    first, _ = score()
    before = {p: p.stat().st_mtime_ns for p in folder.parent.rglob("*.parquet")}
    second, lines = score()
    after = {p: p.stat().st_mtime_ns for p in folder.parent.rglob("*.parquet")}
    assert after == before and lines == []
    assert (second.num_before, second.num_scored) == (5, 0)
    assert second.num_rows == first.num_rows
    assert second.num_anomalies == first.num_anomalies


def test_a_changed_file_is_scored_again_and_named(score, folder):
    score()
    path = folder / "road=dry/part-2.parquet"
    table = pq.ParquetFile(path).read()
    new = table.set_column(0, "speed", pa.array(np.full(len(table), 9.0)))
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    pq.write_table(new, path)
    os.utime(path, ns=times)  # detected by its footer
    summary, lines = score()
    assert summary.num_scored == 1
    assert lines == [f"{path}: has changed and is scored again"]
    found = pq.ParquetFile(folder.with_name("out") / path.relative_to(folder))
    assert set(found.read()["speed"].to_pylist()) == {9.0}


def test_a_file_that_was_only_touched_is_scored_again(score, folder):
    score()
    os.utime(folder / "road=wet/part-1.parquet", ns=(1, 1))
    summary, _ = score()
    assert summary.num_scored == 1


def test_outputs_of_other_settings_are_not_mixed(
    score, folder, model, tmp_path
):
    score()
    before = files_of(folder.with_name("out"))
    with pytest.raises(ValueError, match="another false_alarm_rate, see _sc"):
        score(rate=0.1)
    with pytest.raises(ValueError, match="scored with another decimal"):
        score(decimal=",")
    other = tmp_path / "other"
    folder.rename(other)
    with pytest.raises(ValueError, match="scored with another input"):
        score(folder=other)
    other.rename(folder)
    assert files_of(folder.with_name("out")) == before


def test_another_detector_is_refused_and_a_copy_is_not(
    score, folder, model, tmp_path
):
    import shutil

    score()
    copy = shutil.copytree(model, tmp_path / "road/7")
    assert score(model=copy)[0].num_before == 5
    (copy / "assets.extra/changed").write_text("other")
    with pytest.raises(ValueError, match="scored with another detector"):
        score(model=copy)


def test_processes_with_different_settings_that_start_together_both_stop(
    tmp_path, monkeypatch
):
    """The other process writes its settings after the first check."""
    write = score_folder_module.atomic_write
    other = tmp_path / "_scored_with_1.json"

    def write_second(path):
        other.write_text(json.dumps({"detector": "b"}))
        return write(path)

    monkeypatch.setattr(score_folder_module, "atomic_write", write_second)
    with pytest.raises(ValueError, match="another detector"):
        claim_output(tmp_path, {"detector": "a"})
    assert list(tmp_path.iterdir()) == [other]


def test_a_folder_with_other_files_is_refused(score, folder):
    out = folder.with_name("out")
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty, and not the output of"):
        score()
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", [".", "sub", "..", "road=dry"])
def test_neither_folder_may_be_in_the_other(score, folder, name):
    with pytest.raises(ValueError, match="must not be"):
        score(output=folder / name)


def test_shards_are_disjoint_and_complete(score, folder):
    whole, _ = score(folder.with_name("whole"))
    parts = [score(shard=(index, 3))[0] for index in range(3)]
    assert [part.num_files for part in parts] == [2, 2, 1]
    assert sum(part.num_rows for part in parts) == whole.num_rows
    assert files_of(folder.with_name("out")) == files_of(
        folder.with_name("whole")
    )


def test_a_shard_without_files_is_no_error(score):
    summary, _ = score(shard=(7, 8))
    assert summary == FolderSummary()
    assert "0 of 0 scored" in summary.messages[0]


@pytest.mark.parametrize(
    "text", ["", "1", "2/2", "-1/2", "0/0", "a/2", "1/2/3", "1.0/2", "1 / 2"]
)
def test_shards_of_another_form_are_refused(text):
    with pytest.raises(ValueError, match="A shard must be i/n"):
        parse_shard(text)


def test_files_without_rows_have_an_output_without_rows(score, folder):
    path = folder / "road=dry/empty.parquet"
    pq.write_table(pa.table({"speed": [1.0], "power": [1.0]})[:0], path)
    summary, _ = score()
    assert summary.num_scored == 6
    found = folder.with_name("out") / "road=dry/empty.parquet"
    full = folder.with_name("out") / "road=dry/part-0.parquet"
    assert pq.read_metadata(found).num_rows == 0
    assert pq.read_schema(found).equals(pq.read_schema(full))
    assert record_of(found)["rows"] == 0
    assert score()[0].num_before == 6


def test_damaged_files_are_named_and_the_others_scored(score, folder):
    cut = folder / "road=dry/part-2.parquet"
    cut.write_bytes(cut.read_bytes()[:-100])
    inside = folder / "road=wet/part-1.parquet"
    data = inside.read_bytes()
    inside.write_bytes(
        data[:4] + bytes(len(data) // 2) + data[4:][len(data) // 2 :]
    )
    text = folder / "road=wet/text.parquet"
    text.write_text("speed,power\n1,2\n")
    summary, lines = score()
    assert summary.num_scored == 3
    assert lines == summary.problems
    assert [line.split(":")[0] for line in lines] == list(
        map(str, (cut, inside, text))
    )
    assert all("\n" not in line for line in lines)
    assert len(files_of(folder.with_name("out"))) == 3


def test_a_run_stops_after_many_files_that_cannot_be_scored(score, folder):
    for number in range(MAX_PROBLEMS + 5):
        (folder / f"bad-{number:02}.parquet").write_text("no table")
    with pytest.raises(ValueError, match="stopped after 10 files"):
        score()


def test_rows_with_invalid_cells_are_refused_or_skipped(score, folder):
    path = folder / "road=dry/bad.parquet"
    bad = {"speed": ["1.5", "ERR", "2"], "power": [1.0, 2.0, 3.0]}
    pq.write_table(pa.table(bad), path)
    summary, [line] = score()
    assert summary.num_scored == 5
    assert "bad.parquet, row 2, column 'speed'" in line
    assert "--invalid_cells=missing" in line
    summary, _ = score(skip_invalid=True)
    assert (summary.num_before, summary.num_scored) == (5, 1)
    assert summary.num_skipped == 1
    out = folder.with_name("out") / "road=dry/bad.parquet"
    scores = pq.ParquetFile(out).read()["anomaly_score"].to_pylist()
    assert [score is None for score in scores] == [False, True, False]
    _, [line] = score()  # refused again
    assert "bad.parquet" in line


def test_a_missing_column_and_an_old_score_are_named(score, folder):
    pq.write_table(pa.table({"speed": [1.0]}), folder / "a.parquet")
    scored = {"speed": [1.0], "power": [1.0], "p_value": [0.5]}
    pq.write_table(pa.table(scored), folder / "road=dry/b.parquet")
    _, lines = score()
    assert "a.parquet: column 'power' (and 1 more) is missing" in lines[0]
    assert "b.parquet: already has a column 'p_value'" in lines[1]


def test_a_file_that_changes_while_it_is_read_is_not_written(
    score, folder, monkeypatch
):
    class Scorer(score_folder_module.TableScorer):
        def __call__(self, chunk):
            os.utime(chunk.source, ns=(1, 1))
            return super().__call__(chunk)

    monkeypatch.setattr(score_folder_module, "TableScorer", Scorer)
    summary, lines = score()
    assert summary.num_scored == 0
    assert all("changed while it was scored" in line for line in lines)
    assert files_of(folder.with_name("out")) == {}


def test_scored_tables_whose_file_is_gone_are_named(score, folder):
    score()
    (folder / "road=dry/part-0.parquet").unlink()
    summary, [line] = score()
    assert summary.num_before == 4
    assert "1 files have no input file in" in line and "part-0.parquet" in line
    assert len(files_of(folder.with_name("out"))) == 5


def test_hidden_files_are_left_out_and_others_named(folder):
    (folder / "_SUCCESS").touch()
    (folder / ".part.parquet").touch()
    (folder / "_temporary").mkdir()
    (folder / "_temporary/0.parquet").touch()
    (folder / "notes.txt").touch()
    lines = []
    files = find_parquet_files(folder, lines.append)
    assert len(files) == 5 and files == sorted(files)
    assert lines == [f"{folder}: 1 other files are ignored, such as notes.txt"]


def test_partition_folders_are_read_as_hive_writes_them():
    path = "a=1/plain/b=x%3Dy%2F/c=__HIVE_DEFAULT_PARTITION__/d=4.parquet"
    assert partition_columns(pathlib.Path(path)) == {
        "a": "1",
        "b": "x=y/",
        "c": None,
    }


def test_a_column_of_the_file_counts_before_that_of_the_folder(
    score, folder, loaded
):
    path = folder / "road=dry/own.parquet"
    pq.write_table(pa.table(rows_of(30, 9)), path)
    score()
    out = pq.ParquetFile(folder.with_name("out") / "road=dry/own.parquet")
    np.testing.assert_array_equal(
        out.read()["anomaly_score"].to_numpy(),
        loaded[0].score_rows(rows_of(30, 9))["anomaly_score"],
    )


def test_the_score_of_a_row_does_not_depend_on_the_rows_beside_it(loaded):
    rows = rows_of(5000, 3)
    together = loaded[0].score_rows(rows)
    why = loaded[0].explain(rows)
    for part in (slice(0, 1), slice(7, 20), slice(1000, 4999)):
        some = {name: column[part] for name, column in rows.items()}
        alone = loaded[0].score_rows(some)
        for name, values in alone.items():
            np.testing.assert_array_equal(values, together[name][part])
        for name, values in loaded[0].explain(some).items():
            np.testing.assert_array_equal(values, why[name][part])
