"""The anomaly app on folders of Parquet files, as processes that are killed."""

import functools
import pathlib
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlunits.models import TableSchema
from dlunits.serving.model_card import read_card
from dlunits.tasks.anomaly.score_table import NEW_COLUMNS

ROWS, FILES = 3_000, 12


@pytest.fixture(scope="module")
def model(project):
    return project / "saved_models/anomaly_wdbc/1"


@pytest.fixture(scope="module")
def rows(model):
    """Random rows with the columns of the shipped detector, and `id`."""
    card = read_card(model, {"columns": dict})
    names = TableSchema.from_config(card["columns"]).numbers
    generator = np.random.default_rng(0)
    columns = {
        name: generator.lognormal(size=ROWS * FILES).round(3) for name in names
    }
    return pa.table({"id": np.arange(ROWS * FILES), **columns})


@pytest.fixture(scope="module")
def tables(rows, tmp_path_factory):
    """Folder with the rows in 12 files of 3 days."""
    folder = tmp_path_factory.mktemp("tables")
    for number in range(FILES):
        path = (
            folder / f"in/day=2024-01-0{1 + number % 3}/part-{number}.parquet"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows.slice(number * ROWS, ROWS), path)
    return folder / "in"


@pytest.fixture(scope="module")
def score(run_app, model):
    """Scores a folder with the app, in its own process."""

    def run(tables, output, *flags, **options):
        return run_app(
            "anomaly_detection.py",
            tables.parent,
            f"--model={model}",
            f"--score={tables}",
            f"--output={output}",
            *flags,
            **options,
        )

    return run


@pytest.fixture(scope="module")
def whole(score, tables):
    """Folder of the scored tables of a run that nothing disturbed."""
    output = tables.with_name("whole")
    process = score(tables, output)
    assert process.returncode == 0, process.stderr
    return output, process


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def read_all(folder):
    """All rows of a folder, sorted by `id`."""
    tables = [pq.ParquetFile(path).read() for path in folder.rglob("*.parquet")]
    return pa.concat_tables(tables).sort_by("id")


def test_the_rows_are_those_of_one_file_that_is_scored(
    whole, rows, run_app, model, tmp_path
):
    output, process = whole
    pq.write_table(rows, tmp_path / "one.parquet")
    single = run_app(
        "anomaly_detection.py",
        tmp_path,
        f"--model={model}",
        "--score=one.parquet",
        "--output=scored.parquet",
    )
    assert single.returncode == 0, single.stderr
    expected = pq.read_table(tmp_path / "scored.parquet")
    found = read_all(output)
    assert found.column_names == [*rows.column_names, *NEW_COLUMNS]
    assert found.equals(expected)
    [line] = [x for x in process.stdout.splitlines() if "Anomalies:" in x]
    assert line in single.stdout.splitlines()
    assert "Files:         12 of 12 scored, 0 in earlier runs" in process.stdout


def test_folders_and_names_are_kept(whole, tables):
    scored = files_of(whole[0]).keys()
    settings = scored - files_of(tables).keys()
    assert files_of(tables).keys() <= scored
    assert [name.startswith("_scored_with_") for name in settings] == [True]


def test_a_killed_run_is_continued_and_ends_with_the_same_files(
    whole, score, tables
):
    output = tables.with_name("killed")
    killed = score(
        tables, output, kill_when="killed/day=2024-01-02/part-1.par*"
    )
    assert killed.returncode == -9
    done = {path: path.stat().st_ino for path in output.rglob("*.parquet")}
    assert 0 < len(done) < FILES
    process = score(tables, output)
    assert process.returncode == 0, process.stderr
    left = FILES - len(done)
    assert (
        f"Files:         {left} of 12 scored, {len(done)} in earlier runs"
    ) in process.stdout
    assert {path: path.stat().st_ino for path in done} == done
    assert files_of(output) == files_of(whole[0])


def test_two_shards_at_once_are_the_whole(whole, tables, project, model):
    output = tables.with_name("sharded")
    command = [
        *(sys.executable, project / "apps/anomaly_detection.py"),
        *(f"--model={model}", f"--score={tables}", f"--output={output}"),
    ]
    processes = [
        subprocess.Popen(
            [*command, f"--shard={index}/2"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    for process in processes:
        text, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert "Files:         6 of 6 scored, 0 in earlier runs" in text
    assert files_of(output) == files_of(whole[0])


@pytest.fixture
def own_tables(tables, tmp_path):
    """A copy of the first three files, with links that cost nothing."""
    for path in sorted(tables.rglob("*.parquet"))[:3]:
        copy = tmp_path / "in" / path.relative_to(tables)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.hardlink_to(path)
    return tmp_path / "in"


def test_a_damaged_file_in_the_middle_is_named_and_the_others_are_kept(
    score, own_tables, assert_refused
):
    first, second, third = sorted(own_tables.rglob("*.parquet"))
    data = second.read_bytes()
    second.unlink()
    second.write_bytes(data[: len(data) // 2])
    output = own_tables.with_name("out")
    process = score(own_tables, output)
    assert process.returncode == 1
    assert_refused(process, rf"{second}: is a damaged Parquet", "anomaly_det")
    assert "Failed:        1 files" in process.stdout
    assert {path.name for path in output.rglob("*.parquet")} == {
        first.name,
        third.name,
    }
    second.write_bytes(data)
    process = score(own_tables, output)
    assert process.returncode == 0
    assert "1 of 3 scored, 2 in earlier runs" in process.stdout


def test_a_full_disk_ends_the_run_in_one_line_and_keeps_what_was_done(
    score, rows, own_tables, assert_refused
):
    *_, last = sorted(own_tables.rglob("*.parquet"))
    last.unlink()
    pq.write_table(rows, last)
    output = own_tables.with_name("out")
    process = score(own_tables, output, max_file_size=2_000_000)
    assert_refused(process, "could not write this file", "anomaly_detection")
    assert len(list(output.rglob("*.parquet"))) == 2
    assert not list(output.rglob("*.unfinished"))
    assert score(own_tables, output).returncode == 0


def empty(folder):
    (folder / "empty").mkdir()
    return "empty", "out"


def inside(folder):
    return "in", "in/scored"


def file(folder):
    (folder / "taken").write_text("mine")
    return "in", "taken"


def below_a_file(folder):
    (folder / "taken").write_text("mine")
    return "in", "taken/out"


def nothing_else(folder):
    return "in", "out"


@pytest.mark.parametrize(
    ("names", "flags", "message"),
    [
        (empty, [], "empty: contains no Parquet file"),
        (inside, [], "must not be .*, a folder in it"),
        (file, [], "taken: is a file"),
        (below_a_file, [], "Not a directory"),
        (nothing_else, ["--shard=2/2"], "0 <= i < n, .*Received: '2/2'"),
        (nothing_else, ["--shard=first"], "Received: 'first'"),
        (nothing_else, ["--select=fdr"], "--fdr has no effect"),
        (nothing_else, ["--delimiter=;"], "--delimiter has no effect"),
        (nothing_else, ["--label_column=id"], "--label_column has no effect"),
    ],
)
def test_wrong_folders_and_flags_are_refused_in_one_line(
    score, own_tables, assert_refused, names, flags, message
):
    folder, output = names(own_tables.parent)
    before = files_of(own_tables.parent)
    process = score(own_tables.with_name(folder), output, *flags)
    assert_refused(process, message, "anomaly_detection.py: ")
    assert files_of(own_tables.parent) == before


def test_folders_need_a_model_and_shards_need_folders(
    run_app, own_tables, model, assert_refused
):
    run = functools.partial(run_app, "anomaly_detection.py", own_tables.parent)
    [first, *_] = own_tables.rglob("*.parquet")
    process = run(f"--train={first}", "--score=in", "--output=out")
    assert_refused(process, "give --model=FOLDER", "anomaly_detection.py: ")
    process = run(
        f"--model={model}",
        f"--score={first}",
        "--output=out.csv",
        "--shard=0/2",
    )
    assert_refused(process, "--shard has no effect", "anomaly_detection.py: ")
    assert not pathlib.Path(own_tables.parent, "out").exists()
