"""The forecasting app: whole runs, resumed runs, serving and bad input."""

import csv
import functools
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

TINY = ("--window=12", "--horizon=4", "--epochs=2", "--method=linear")
RUN = "runs/forecast_load_linear_12_4_2_epochs_seed_0"
MODELS = "saved_models/forecast_load"


@pytest.fixture(scope="module")
def app(run_app):
    return functools.partial(run_app, "forecast_series.py")


def load(rows, season=6):
    """An hourly series of two channels; the second follows the first."""
    rng = np.random.default_rng(0)
    first = np.sin(2 * np.pi * np.arange(rows + 1) / season)
    first += 0.1 * rng.normal(size=rows + 1)
    times = np.datetime64("2024-01-01T00") + np.arange(rows)
    return times, 100 + 10 * first[1:], first[:-1]


def write(path, rows=300, keep=None, **more):
    times, load_, lagging = load(rows)
    columns = {"time": times, "load": load_, "lagging": lagging, **more}
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        cells = list(zip(*columns.values(), strict=True))
        table.writerows(
            cells[row] for row in (range(rows) if keep is None else keep)
        )
    return path


@pytest.fixture(scope="module")
def trained(app, tmp_path_factory):
    """Folder and process of a complete run."""
    folder = tmp_path_factory.mktemp("trained")
    write(folder / "load.csv")
    process = app(
        folder,
        "--train=load.csv",
        "--timestamp_column=time",
        "--output=forecast.csv",
        *TINY,
    )
    assert process.returncode == 0, process.stderr
    return folder, process


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_output_names_files_and_includes_naive_forecasts(trained):
    folder, process = trained
    out = process.stdout
    assert "300 rows of 2 channels, one every 3600 s" in out
    rows = re.findall(r"^(.*): MSE ([\d.]+), MAE", out, re.MULTILINE)
    # The period of the sine is found.
    names = ["naive", "seasonal naive, 6 steps", "theta", "linear"]
    assert [name for name, _ in rows] == names
    last = dict(re.findall(r"^(.*?): +(.*)$", out, re.MULTILINE)[-4:])
    assert last["Forecast"] == "forecast.csv"
    assert (folder / last["Report"]).is_file()
    assert last["SavedModel"] == f"{MODELS}/1"
    card = json.loads((folder / MODELS / "1/model_card.json").read_text())
    for name, error in rows:
        assert card["metrics"][name]["mse"] == pytest.approx(
            float(error), abs=6e-5
        )


def test_the_forecast_starts_where_the_table_ends(trained):
    folder, _ = trained
    rows = rows_of(folder / "forecast.csv")
    assert [row["time"] for row in rows] == [
        f"2024-01-13 {hour}:00:00" for hour in (12, 13, 14, 15)
    ]  # 300 hours are 12 days and 12 hours
    for row in rows:
        for name in ("load", "lagging"):
            low, center, high = (
                float(row[name + ending]) for ending in (" low", "", " high")
            )
            assert low <= center <= high
        assert 80 < float(row["load"]) < 120


def test_the_report_has_backtest_and_plots(trained):
    folder, _ = trained
    html = (folder / RUN / "report.html").read_text()
    for text in (
        "rolling origins",
        "seasonal naive, 6 steps",
        "Errors by step of the horizon",
        "Forecast of the next 4 steps of load, lagging",
        "Mean squared error by step",
        "Errors in the units of the series",
    ):
        assert text in html, text


READER = """
import sys

sys.modules["dlunits"] = sys.modules["keras"] = None  # importing them fails
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
outputs = model.signatures["serving_default"](history=np.load("history.npy"))
np.save("served.npy", outputs["forecast"])
"""


def test_the_saved_model_works_without_dlunits(trained, tmp_path):
    folder, _ = trained
    _, *channels = load(300)
    history = np.stack(channels, axis=1)[None, -12:].astype("float32")
    np.save(tmp_path / "history.npy", history)
    process = subprocess.run(
        [sys.executable, "-c", READER, folder / MODELS / "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    expected = [float(row["load"]) for row in rows_of(folder / "forecast.csv")]
    served = np.load(tmp_path / "served.npy")[0, :, 0]
    np.testing.assert_allclose(served, expected, rtol=1e-5)


def test_a_model_forecasts_from_another_table(trained, app, tmp_path):
    folder, _ = trained
    write(tmp_path / "new.csv", rows=40)
    process = app(
        tmp_path,
        f"--model={folder / MODELS / '1'}",
        "--history=new.csv",
        "--output=new_forecast.csv",
    )
    assert process.returncode == 0, process.stderr
    [first, *_] = rows_of(tmp_path / "new_forecast.csv")
    assert first["time"] == "2024-01-02 16:00:00"


def assert_refused(process, message):
    assert process.returncode == 1, process.stdout
    error = process.stderr.splitlines()[-1]
    assert error.startswith("forecast_series.py: ")
    assert message in error
    assert "Traceback" not in process.stderr


# Refused before TensorFlow is loaded.
WRONG_FLAGS = {
    ("--train=a.csv", "--model=b"): "Expected only one of --train, --model",
    ("--train=a.csv",): "--train needs --timestamp_column",
    ("--model=b",): "--model needs --history=TABLE and --output=CSV",
    ("--history=a.csv",): "--history has no effect with --train, the default",
    ("--model=b", "--history=a.csv", "--output=c.csv", "--epochs=3"): (
        "--epochs has no effect with --model: it belongs to --train"
    ),
    ("--target=load",): "--target has no effect without --train",
}


@pytest.mark.parametrize("given", WRONG_FLAGS, ids=" ".join)
def test_flags_that_cannot_be_combined_are_refused(app, tmp_path, given):
    assert_refused(app(tmp_path, *given), WRONG_FLAGS[given])


CALLS = """
import pathlib
import sys

sys.path[:0] = [sys.argv[1], f"{sys.argv[1]}/apps"]
import _main
from apps import forecast_series as app

FLAGS = _main.FLAGS
app.define_flags()
names = [f.name for f in FLAGS.get_key_flags_for_module(app.__name__)]
for line in pathlib.Path("calls.txt").read_text().splitlines():
    for name in names:
        FLAGS[name].unparse()
    FLAGS(["app", *line.split()])
    try:
        app.run(**{name: FLAGS[name].value for name in names})
    except (OSError, ValueError) as error:
        print("result:", error)
    else:
        print("result: no error")
"""

# Table -> flags, and the error.
TABLES = {
    "short": ((), "need 16 rows without a gap in time. Received: at most 10"),
    "few": ((), "need at least"),
    "gaps": ((), "need 16 rows without a gap in time. Received: at most 12"),
    "late_gap": ((), "3 rows after the last gap"),
    "constant": (("--target=still",), "'still' is always 7 in the training"),
    "good": (("--target=laod",), "'laod' is missing. Did you mean 'load'?"),
    "no_time": ((), "column 'time' is missing"),
}
OTHERS = {
    "--train=good.csv --output=x/y.csv": (
        "x/y.csv: the forecast must be written to"
    ),
    "--train=good.csv --method=gru --units=3": "and `units` even",
    "--train=good.csv --minimum=95": "Received: ",
    "--train=short.csv --season=10 --method=naive": "must be less than",
    "--train=gone.csv": "gone.csv: no such file",
    "--model=saved --history=short.csv --output=y.csv": (
        "short.csv: A forecast from the end of the series needs 12 rows"
    ),
    "--model=saved --history=lacking.csv --output=y.csv": (
        "lacking.csv: column 'load' is missing"
    ),
    "--model=. --history=good.csv --output=y.csv": "is not a SavedModel of a",
}
# Valid calls.
MANY_TO_ONE = (
    "--train=good.csv --target=load --method=gru --units=4 --segment_length=6"
)
EMBEDDED = ""
SHORT = "--train=short.csv --method=auto"
AUTO = (
    "--train=constant.csv --method=auto --minimum=-5 --units=4 "
    "--segment_length=6"
)


@pytest.fixture(scope="module")
def called(project, offline, trained, tmp_path_factory):
    """Folder, process and result of each call; one process runs them all."""
    folder = tmp_path_factory.mktemp("called")
    times = np.arange(300)
    write(folder / "short.csv", rows=10)
    write(folder / "few.csv", rows=25)
    write(folder / "gaps.csv", keep=np.flatnonzero(times % 20 < 12))
    write(folder / "late_gap.csv", keep=np.delete(times, range(280, 297)))
    write(folder / "constant.csv", still=[7] * 300)
    text = write(folder / "good.csv").read_text()
    (folder / "no_time.csv").write_text(text.replace("time,", "clock,", 1))
    (folder / "lacking.csv").write_text(text.replace(",load,", ",height,", 1))
    shutil.copytree(trained[0] / MODELS / "1", folder / "saved")
    calls = [
        *map(table_call, TABLES),
        *OTHERS,
        MANY_TO_ONE,
        EMBEDDED,
        SHORT,
        AUTO,
    ]
    lines = []
    for call in calls:
        time_column = ["--timestamp_column=time"] if "--train" in call else []
        lines.append(" ".join([*TINY, *time_column, call]))
    (folder / "calls.txt").write_text("\n".join(lines) + "\n")
    process = subprocess.run(
        [sys.executable, "-c", CALLS, project],
        cwd=folder,
        env=offline,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    results = re.findall("^result: (.*)$", process.stdout, re.MULTILINE)
    return folder, process, dict(zip(calls, results, strict=True))


def table_call(name):
    return " ".join([f"--train={name}.csv", *TABLES[name][0]])


@pytest.mark.parametrize("name", TABLES)
def test_an_unsuitable_table_is_a_one_line_error(called, name):
    assert TABLES[name][1] in called[2][table_call(name)]


@pytest.mark.parametrize("call", OTHERS)
def test_an_invalid_call_is_a_one_line_error(called, call):
    assert OTHERS[call] in called[2][call]
    assert not (called[0] / "y.csv").exists()


def test_a_recurrent_network_forecasts_one_column_from_all(called):
    folder, _, results = called
    assert results[MANY_TO_ONE] == "no error"
    run = folder / "runs/forecast_good_gru_12_4_2_epochs_seed_0"
    assert "Training curves" in (run / "report.html").read_text()
    [first, *_] = rows_of(run / "forecast.csv")
    assert list(first) == ["time", "load", "load low", "load high"]
    card = folder / "saved_models/forecast_good/1/model_card.json"
    inputs = json.loads(card.read_text())["signatures"]["serving_default"]
    assert inputs["inputs"]["history"]["shape"] == [None, 12, 2]


def test_without_a_table_the_embedded_series_is_used(called):
    folder, process, results = called
    assert results[EMBEDDED] == "no error"
    assert "Matplotlib's example of an electroencephalogram" in process.stdout
    html = folder / "runs/forecast_eeg_linear_12_4_2_epochs_seed_0/report.html"
    assert "electroencephalogram" in html.read_text()
    card = folder / "saved_models/forecast_eeg/1/model_card.json"
    card = json.loads(card.read_text())
    assert "electroencephalogram" in card["data"]
    naive, seasonal, theta, trained_model = card["metrics"]
    assert (naive, seasonal[:14], theta, trained_model) == (
        "naive",
        "seasonal naive",
        "theta",
        "linear",
    )


def test_a_short_series_is_forecast_by_a_baseline(called):
    folder, process, results = called
    assert results[SHORT] == "no error"
    assert "Too few rows to train on: A window of 12 rows" in process.stdout
    run = folder / "runs/forecast_short_auto_12_4_2_epochs_seed_0"
    assert "is that of a baseline" in (run / "report.html").read_text()
    rows = rows_of(run / "forecast.csv")
    assert [row["time"] for row in rows] == [
        f"2024-01-01 {hour}:00:00" for hour in (10, 11, 12, 13)
    ]
    for row in rows:
        assert float(row["load low"]) < float(row["load"])


def test_the_selected_method_is_printed_and_exported(called):
    folder, process, results = called
    assert results[AUTO] == "no error"
    assert "Ignored: still, is always 7 in the training rows" in process.stdout
    [selected] = re.findall("^Selected: ([a-z]*)", process.stdout, re.MULTILINE)
    [headline] = re.findall("^(MSE of .*)$", process.stdout, re.MULTILINE)[-1:]
    assert headline.startswith(f"MSE of {selected} ")
    assert "the best baseline" in headline
    card = folder / "saved_models/forecast_constant/1/model_card.json"
    series = json.loads(card.read_text())["series"]
    assert (series["method"], series["minimum"]) == (selected, -5.0)
    assert list(series["column_types"]) == ["time", "load", "lagging"]


def test_a_dry_run_prints_the_columns_and_writes_nothing(app, tmp_path):
    write(tmp_path / "load.csv", 30, road=["x"] * 30)
    process = app(
        tmp_path, "--train=load.csv", "--timestamp_column=time", "--dry_run"
    )
    assert process.returncode == 0, process.stderr
    lines = [line.split() for line in process.stdout.splitlines()]
    assert lines[0] == ["Column", "Type", "Example"]
    assert ["road", "ignored", "x", "is", "not", "a", "number"] in lines
    assert [path.name for path in tmp_path.iterdir()] == ["load.csv"]


def test_a_column_that_is_known_over_the_horizon_is_read(app, tmp_path):
    write(tmp_path / "load.csv", rows=120)
    flags = (
        *("--train=load.csv", "--timestamp_column=time", "--target=load"),
        *("--known_future_columns=lagging", *TINY),
    )
    process = app(tmp_path, *flags)
    assert process.returncode == 0, process.stderr
    assert (
        "Forecast:      none. The table does not contain lagging for 4 rows"
        in (process.stdout)
    )
    for more, message in (
        ("--output=x.csv", "Add these rows, or leave out --output"),
        ("--method=theta", "--method=theta does not use --known_future"),
        ("--channels=independent", "--channels=independent does not use"),
    ):
        process = app(tmp_path, *flags, more, "--workdir=other")
        assert process.returncode == 1 and message in process.stderr
