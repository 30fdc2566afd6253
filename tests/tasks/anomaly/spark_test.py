"""Spark data frames, scored by two executors, against the app."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlunits.models import AnomalyDetector
from dlunits.tasks.anomaly.score_folder import score_folder
from dlunits.tasks.anomaly.score_table import NEW_COLUMNS, load_detector
from dlunits.tasks.anomaly.serve import ServedDetector, export_detector
from dlunits.tasks.anomaly.spark import check_data_frame

MAX_SECONDS = 600  # a job that takes longer has failed
FILES, ROWS = 8, 20_000

needs_spark = pytest.mark.skipif(
    shutil.which("java") is None or importlib.util.find_spec("pyspark") is None,
    reason="Java or pyspark is not installed.",
)


def rows_of(count, seed):
    """Columns of each type, with missing values, and one not trained on."""
    generator = np.random.default_rng(seed)
    speed = generator.normal(size=count)
    power = 2 * speed + 0.1 * generator.normal(size=count)
    minutes = generator.integers(0, 10**6, count).astype("timedelta64[m]")
    missing = generator.random((4, count)) < 0.05
    return pa.table(
        {
            "id": np.arange(count) + seed * count,
            "speed": pa.array(speed, mask=missing[0]),
            "power": pa.array(power.astype("float32"), mask=missing[1]),
            "steps": generator.integers(0, 9, count).astype("int32"),
            "on": pa.array(generator.random(count) < 0.3, mask=missing[2]),
            "time": np.datetime64("2024-01-01T00:00", "us") + minutes,
            "road": pa.array(
                generator.choice(["dry", "wet", "icy"], count), mask=missing[3]
            ),
        }
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    types = {
        **dict.fromkeys(["speed", "power", "steps"], "number"),
        "on": "boolean",
        "time": "timestamp",
        "road": "category",
    }
    return export_detector(
        AnomalyDetector().fit(rows_of(500, 99), types),
        tmp_path_factory.mktemp("models") / "pump",
        data="random numbers",
        metrics={},
        command="python app.py",
    )


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Files of other lengths than the chunks in which they are scored."""
    folder = tmp_path_factory.mktemp("tables") / "in"
    folder.mkdir()
    for number in range(FILES):
        table = rows_of(ROWS, number).slice(0, ROWS - 777 * number)
        pq.write_table(table, folder / f"{number}.parquet")
    return folder


@pytest.fixture(scope="module")
def expected(model, tables):
    """The rows that the app writes, sorted."""
    detector, rate = load_detector(model)
    output = tables.with_name("app")
    summary = score_folder(detector, rate, model, tables, output)
    assert summary.num_scored == FILES
    return read_all(output)


def read_all(folder):
    files = [pq.ParquetFile(path).read() for path in folder.rglob("*.parquet")]
    return pa.concat_tables(files).sort_by("id")


def start_job(project, model, tables, output):
    """Starts Spark with two executors in a session of processes of its own."""
    return subprocess.Popen(
        [
            *(sys.executable, project / "benchmarks/spark_job.py"),
            *(f"--model={model}", f"--score={tables}", f"--output={output}"),
        ],
        env={**os.environ, "PYTHONPATH": str(project), "TZ": "UTC"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(job):
    """Result of the job; all processes that it started are ended."""
    try:
        text, errors = job.communicate(timeout=MAX_SECONDS)
    finally:
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == job.pid:
                    process.kill()
            except (ProcessLookupError, psutil.NoSuchProcess):
                pass
    assert job.returncode == 0, errors
    return json.loads(text.splitlines()[-1])


def assert_same_rows(output, expected):
    found = read_all(output)
    assert found.column_names == [*expected.column_names]
    assert found.column_names[-len(NEW_COLUMNS) :] == list(NEW_COLUMNS)
    for name in expected.column_names:
        column = found[name].combine_chunks()
        assert column.to_pylist() == expected[name].to_pylist(), name
        if name in NEW_COLUMNS:
            assert column.type == expected[name].type


@needs_spark
def test_two_executors_give_the_rows_of_the_app_to_the_last_digit(
    project, model, tables, expected
):
    output = tables.with_name("spark")
    result = finish(start_job(project, model, tables, output))
    assert_same_rows(output, expected)
    # Each process loaded the model once, for several tasks.
    workers = result["workers"]
    assert len({worker["pid"] for worker in workers}) == 2
    assert [worker["loads"] for worker in workers] == [1, 1]
    assert sum(worker["uses"] for worker in workers) == FILES


def executors_of(job):
    return [
        process
        for process in psutil.Process(job.pid).children(recursive=True)
        if "CoarseGrainedExecutorBackend" in command_of(process)
    ]


def command_of(process):
    """Command line of a process; empty if it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@needs_spark
def test_an_executor_that_is_killed_changes_nothing(
    project, model, tables, expected
):
    output = tables.with_name("killed")
    job = start_job(project, model, tables, output)
    started = time.monotonic()
    while not any(output.glob("_temporary/0/task_*/*.parquet")):
        assert job.poll() is None, job.stderr.read()
        assert time.monotonic() - started < MAX_SECONDS
        time.sleep(0.05)
    executors = executors_of(job)
    assert len(executors) == 2
    assert not (output / "_SUCCESS").exists()
    executors[0].kill()
    finish(job)
    assert (output / "_SUCCESS").exists()
    assert_same_rows(output, expected)


def test_a_data_frame_that_cannot_be_scored_is_refused(model):
    detector = ServedDetector(model)
    columns = ["speed", "power", "steps", "on", "time", "road"]
    check_data_frame([*columns, "id"], detector, model)
    with pytest.raises(ValueError, match="column 'road' is missing"):
        check_data_frame(columns[:-1], detector, model)
    with pytest.raises(ValueError, match="already has a column 'p_value'"):
        check_data_frame([*columns, "p_value"], detector, model)
    detector.card["series"] = {}
    with pytest.raises(ValueError, match="was trained on time series"):
        check_data_frame(columns, detector, model)
