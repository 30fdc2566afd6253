"""The anomaly app: trained in a process, then used with many inputs."""

import csv
import functools
import json
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from apps.anomaly_detection import (
    DATASET_FLAGS,
    TRAINING_FLAGS,
    check_flags,
    run,
)
from dlunits.data.images import image_datasets
from dlunits.data.tables.table_files import open_table
from dlunits.metrics import benjamini_hochberg
from dlunits.tasks.anomaly.score_table import (
    NEW_COLUMNS,
    TableScorer,
    score_table,
)
from dlunits.tasks.anomaly.serve import ServedDetector
from dlunits.training import lock_run

HEADER = ("time", "speed", "power", "on", "road", "constant", "nothing")
FLAGS = ("--train=normal.csv", "--label_column=state")
MODEL = "saved_models/anomaly_normal"


def rows_of(count, seed, faults=0.2):
    """Rows of a pump with labels; the power of a fault is too high."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        fault = generator.random() < faults
        speed = generator.normal()
        power = 2 * speed + 0.1 * generator.normal() + 5 * fault
        rows.append(
            {
                "time": f"2024-{1 + number % 12:02}-03 {number % 24:02}:30",
                "speed": f"{speed:.4f}" if generator.random() < 0.9 else "NA",
                "power": f"{power:.4f}",
                "on": generator.choice(["yes", "no"]),
                "road": generator.choice(["dry", "wet", "icy"]),
                "constant": "7",
                "nothing": "",
                "state": "fault" if fault else "ok",
            }
        )
    return rows


def write(path, rows, header=(*HEADER, "state"), **options):
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(
            file, header, extrasaction="ignore", lineterminator="\n", **options
        )
        table.writeheader()
        table.writerows(rows)


def read(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def app(run_app):
    """Runs the app to its end in a folder."""
    return functools.partial(run_app, "anomaly_detection.py")


@pytest.fixture(scope="module")
def trained(app, tmp_path_factory):
    """Folder of a run with 400 training rows and 200 rows to score."""
    folder = tmp_path_factory.mktemp("trained")
    write(folder / "normal.csv", rows_of(400, 0))
    write(folder / "new.csv", rows_of(200, 1))
    process = app(folder, *FLAGS, "--score=new.csv", "--output=scored.csv")
    assert process.returncode == 0, process.stderr
    return folder, process


def output_lines(process):
    """Lines like `Report: PATH`, as a dict."""
    lines = re.findall(r"^([A-Z][\w ]+): +(.*)$", process.stdout, re.M)
    return {name: value.strip() for name, value in lines}


# A whole run


def test_the_outputs_are_printed_at_the_end(trained):
    folder, process = trained
    last = output_lines(process)
    assert last["Scored table"] == "scored.csv"
    assert last["Report"] == "runs/anomaly_normal/report.html"
    assert last["SavedModel"] == f"{MODEL}/1"
    assert last["Use it"].startswith(
        f"python apps/anomaly_detection.py --model={MODEL}/1 --score="
    )
    assert (folder / MODEL / "1/saved_model.pb").is_file()


def test_the_training_data_and_ignored_columns_are_printed(trained):
    _, process = trained
    faults = sum(row["state"] == "fault" for row in rows_of(400, 0))
    assert (
        f"normal.csv: 400 rows, {400 - faults} used for training; 6 of 8 "
        f"columns used. {faults} rows labeled as anomalies are excluded."
    ) in process.stdout
    lines = [line.split() for line in process.stdout.splitlines()]
    assert ["nothing", "ignored", "holds", "no", "value"] in lines
    assert ["constant", "number", "7"] in lines
    assert ["Column", "Type", "Example"] in lines


def test_rows_are_unchanged_with_a_score_each(trained):
    folder, _ = trained
    rows, before = read(folder / "scored.csv"), read(folder / "new.csv")
    assert tuple(rows[0]) == (*before[0], *NEW_COLUMNS)
    assert [{n: row[n] for n in before[0]} for row in rows] == before
    for row in rows:
        assert np.isfinite(float(row["anomaly_score"]))
        is_anomaly = float(row["p_value"]) <= 0.01
        assert row["is_anomaly"] == str(is_anomaly).lower()


def test_faults_are_detected_and_explained(trained):
    folder, process = trained
    assert float(output_lines(process)["AUC"]) > 0.9
    found = [
        x for x in read(folder / "scored.csv") if x["is_anomaly"] == "true"
    ]
    right = [x for x in found if x["state"] == "fault"]
    assert len(right) > 0.8 * len(found) > 5
    causes = [{x[f"column_{rank}"] for rank in (1, 2)} for x in right]
    assert np.mean([bool({"power", "speed"} & c) for c in causes]) > 0.9


def test_report_and_card_hold_what_was_printed(trained):
    folder, process = trained
    html = (folder / "runs/anomaly_normal/report.html").read_text()
    card = json.loads((folder / MODEL / "1/model_card.json").read_text())
    assert f"{card['metrics']['AUC']:.4f}" == output_lines(process)["AUC"]
    assert f"<dd>{card['metrics']['AUC']:.4g}</dd>" in html
    assert "--train=normal.csv --label_column=state" in html
    assert "isolation forest" in html
    assert "normal.csv: 400 rows" in html
    assert f">{HEADER[1]}<" in html


# Scoring with an exported detector


DEFAULTS = {
    "train": None,
    "score": None,
    "output": None,
    "model": None,
    "data_dir": None,
    "dataset": "wdbc",
    "false_alarm_rate": None,
    "contamination": 0.0,
    "label_column": None,
    "normal_class": None,
    "column_type": [],
    "delimiter": None,
    "encoding": None,
    "decimal": None,
    "header": None,
    "header_rows": None,
    "escape_formulas": False,
    "invalid_cells": None,
    "dry_run": False,
    "select": "rate",
    "fdr": None,
    "shard": None,
    "timestamp_column": None,
    "series_column": None,
    "window": 16,
    "seed": 0,
    "image_size": 28,
    "num_folds": 5,
    "workdir": "run",
    "export_dir": "models",
}


@pytest.fixture
def score(trained, tmp_path, monkeypatch):
    """Scores `new.csv` with the trained model; flags are keywords."""
    monkeypatch.chdir(tmp_path)
    asked = {"model": trained[0] / MODEL / "1", "score": "new.csv"}

    def run_on(output="scored.csv", **flags):
        flags = asked | flags | {"output": output}
        check_flags({name for name, value in flags.items() if value})
        run(**DEFAULTS | flags)
        return read(tmp_path / output) if output.endswith("csv") else None

    return run_on


def test_a_dry_run_prints_the_columns_and_writes_nothing(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "normal.csv", rows_of(200, 0))
    flags = {"train": "normal.csv", "label_column": "state", "dry_run": True}
    run(**DEFAULTS | flags)
    output = capsys.readouterr().out
    assert re.search(r"^nothing +ignored +holds no value$", output, re.M)
    assert output.endswith("nothing was trained or written\n")
    assert [path.name for path in tmp_path.iterdir()] == ["normal.csv"]
    with pytest.raises(ValueError, match="needs at least 999"):
        run(**DEFAULTS | flags | {"false_alarm_rate": 0.001})
    with pytest.raises(ValueError, match="column 'fault' is missing"):
        run(**DEFAULTS | flags | {"label_column": "fault"})
    with pytest.raises(ValueError, match="--dry_run has no effect without"):
        check_flags({"dry_run"})


def test_the_exported_model_gives_the_same_scores(trained, score, tmp_path):
    shutil.copy(trained[0] / "new.csv", tmp_path)
    expected = read(trained[0] / "scored.csv")
    for row, other in zip(score(), expected, strict=True):
        for name in ("anomaly_score", "p_value"):
            assert float(row[name]) == pytest.approx(
                float(other[name]), abs=1e-4
            )
        assert row["column_1"] == other["column_1"]


def test_the_report_of_an_exported_model_has_the_same_threshold(
    trained, score, tmp_path
):
    shutil.copy(trained[0] / "new.csv", tmp_path)
    score()
    texts = [
        (folder / name / "report.html").read_text()
        for folder, name in (
            (trained[0], "runs/anomaly_normal"),
            (tmp_path, "run"),
        )
    ]
    thresholds = [
        re.search(
            r"above the threshold ([\d.]+): ([\d.]+ % of calibration)", text
        )
        for text in texts
    ]
    assert thresholds[0].groups() == thresholds[1].groups()
    known = [re.search(r"Calibration rows</dt><dd>(\d+)", t)[1] for t in texts]
    assert known[0] == known[1]


def test_columns_may_be_in_any_order_among_others(
    trained, score, tmp_path, capsys
):
    rows = [{**row, "note": "hm"} for row in read(trained[0] / "new.csv")]
    write(tmp_path / "new.csv", rows, ("note", *HEADER[::-1]), delimiter=";")
    expected = read(trained[0] / "scored.csv")
    score("scored.parquet")
    table = pa.parquet.read_table(tmp_path / "scored.parquet").to_pydict()
    np.testing.assert_allclose(
        table["anomaly_score"],
        [float(row["anomaly_score"]) for row in expected],
        atol=1e-4,
    )
    assert table["note"] == ["hm"] * 200
    assert "Unused:        'note'" in capsys.readouterr().out


def test_a_parquet_table_is_scored_too(trained, score, tmp_path):
    rows = read(trained[0] / "new.csv")[:20]
    columns = {name: [row[name] for row in rows] for name in HEADER}
    columns["power"] = [float(value) for value in columns["power"]]
    columns["on"] = [value == "yes" for value in columns["on"]]
    columns["speed"] = [
        None if value == "NA" else float(value) for value in columns["speed"]
    ]
    pa.parquet.write_table(pa.table(columns), tmp_path / "new.parquet")
    scored = score(score="new.parquet")
    expected = read(trained[0] / "scored.csv")[:20]
    for row, other in zip(scored, expected, strict=True):
        assert float(row["anomaly_score"]) == pytest.approx(
            float(other["anomaly_score"]), abs=1e-4
        )


def test_one_row_with_new_and_missing_values_is_scored(score, tmp_path):
    row = dict.fromkeys(HEADER, "") | {"road": "flooded", "power": "1e300"}
    write(tmp_path / "new.csv", [row], HEADER)
    [scored] = score()
    assert scored["is_anomaly"] == "true"
    assert np.isfinite(float(scored["anomaly_score"]))
    assert scored["seen_1"] in ("flooded", "missing", "1e+300", "3.402823e+38")


def test_rows_are_flagged_at_the_rate_of_the_flag(trained, score, tmp_path):
    shutil.copy(trained[0] / "new.csv", tmp_path)
    for rate in (0.05, 0.2):
        rows = score(false_alarm_rate=rate)
        for row in rows:
            alarm = float(row["p_value"]) <= rate
            assert row["is_anomaly"] == str(alarm).lower()


def test_rows_are_flagged_by_the_false_discovery_rate_of_the_flag(
    trained, score, tmp_path, capsys
):
    shutil.copy(trained[0] / "new.csv", tmp_path)
    rows = score(select="fdr", fdr=0.2, label_column="state")
    p_values = np.array([float(row["p_value"]) for row in rows])
    flags = [row["is_anomaly"] == "true" for row in rows]
    assert flags == benjamini_hochberg(p_values, 0.2).tolist()
    printed = capsys.readouterr().out
    rule = "Benjamini-Hochberg, false discovery rate 0.2: p-values up to"
    assert f"Selection:     {rule}" in printed
    assert re.search(r"False discoveries: [\d.]+% of the alarms", printed)
    assert rule in (tmp_path / "run/report.html").read_text()


def test_a_time_series_is_trained_on_and_scored(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for name, fault in (("normal", 0), ("new", 30)):
        wave = np.sin(np.arange(1200) / 6) + 0.1 * generator.normal(size=1200)
        wave[600 : 600 + fault] = 0
        labels = (np.arange(1200) // fault == 20) if fault else np.zeros(1200)
        table = pa.table({"t": np.arange(1200), "x": wave, "fault": labels})
        pa.parquet.write_table(table, f"{name}.parquet")
    flags = {"score": "new.parquet", "label_column": "fault"}
    run(
        **DEFAULTS
        | flags
        | {"train": "normal.parquet", "timestamp_column": "t"}
        | {"output": "scored.csv", "false_alarm_rate": 0.05}
    )
    assert "windows of 16 rows used for training" in capsys.readouterr().out
    html = (tmp_path / "run/report.html").read_text()
    assert "1 of 1 labeled ranges holds an alarm" in html
    assert "VUS-PR" in html
    run(**DEFAULTS | flags | {"model": "models/1", "output": "again.csv"})
    rows, again = read(tmp_path / "scored.csv"), read(tmp_path / "again.csv")
    assert len(rows) == 1200
    found = np.array([row["is_anomaly"] == "true" for row in rows])
    assert found[605:625].mean() > 0.9
    assert found[:590].mean() < 0.15
    for row, other in zip(rows, again, strict=True):
        assert float(row["anomaly_score"]) == pytest.approx(
            float(other["anomaly_score"]), abs=1e-3
        )


def test_many_series_are_trained_on_and_scored_by_the_saved_model(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 2)) * [1, 1000]
    rows = [
        f"{name},{time},{value:.4f}"
        for time, pair in enumerate(values)
        for name, value in zip("ab", pair, strict=True)
    ]
    rows[700:703] = [line + "9" for line in rows[700:703]]
    (tmp_path / "t.csv").write_text("\n".join(["pump,t,x", *rows]))
    flags = {"score": "t.csv", "output": "scored.csv"}
    options = {"train": "t.csv", "timestamp_column": "t", "window": 8}
    run(
        **DEFAULTS
        | flags
        | options
        | {"series_column": "pump", "false_alarm_rate": 0.02}
    )
    output = capsys.readouterr().out
    assert "2 series in column 'pump'." in output
    assert "P-values:" not in output
    html = (tmp_path / "run/report.html").read_text()
    assert "Series a." in html and "its own" in html
    card = json.loads((tmp_path / "models/1/model_card.json").read_text())
    scores = card["series"]["calibration_scores"]
    assert [len(scores[name]) for name in "ab"] == [132, 132]
    run(**DEFAULTS | {"model": "models/1"} | flags | {"output": "again.csv"})
    rows, again = read(tmp_path / "scored.csv"), read(tmp_path / "again.csv")
    assert [row["pump"] for row in rows] == ["a", "b"] * 400
    for row, other in zip(rows, again, strict=True):
        assert float(row["p_value"]) == pytest.approx(float(other["p_value"]))


def test_images_of_one_class_are_trained_on_and_others_detected(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    flags = {"dataset": "digits", "normal_class": "0"}
    run(**DEFAULTS | flags | {"false_alarm_rate": 0.1})
    output = capsys.readouterr().out
    assert "Class 0 is normal" in output
    assert float(re.search(r"AUC: +([\d.]+)", output)[1]) > 0.95
    assert "Most anomalous images" in (tmp_path / "run/report.html").read_text()
    assert (tmp_path / "run/scored.csv").is_file()


def test_folders_of_images_are_trained_on_and_scored(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    data = image_datasets.load("digits")
    ones = data.train[0][data.train[1] == 1]
    folders = {
        "parts": ones[:60],
        "more/good": ones[60:80],
        "more/bent": data.train[0][data.train[1] == 0][:20],
    }
    for folder, images in folders.items():
        (tmp_path / folder).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(image[..., 0]).save(f"{folder}/{number}.png")
    (tmp_path / "more/bent/broken.png").write_bytes(b"no image")
    flags = {"train": "parts", "score": "more", "output": "found.csv"}
    flags |= {"false_alarm_rate": 0.1}
    assert run(**DEFAULTS | flags) == 1  # one image was not read
    output = capsys.readouterr().out
    assert "broken.png" in output
    assert float(re.search(r"AUC: +([\d.]+)", output)[1]) > 0.95
    rows = read(tmp_path / "found.csv")
    assert [row["image"].split("/")[0] for row in rows] == (
        ["bent"] * 20 + ["good"] * 20
    )
    flags = {"model": "models/1", "score": "parts", "output": "again.csv"}
    assert run(**DEFAULTS | flags) == 0
    rows = read(tmp_path / "again.csv")
    assert len(rows) == 60 and "0.png" in {row["image"] for row in rows}


NUMBER = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["", "NA", " 1.5 ", "-0"]),
)
TEXT = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r"),
    max_size=8,
)
ROW = st.fixed_dictionaries(
    {
        "time": st.datetimes().map(lambda t: t.isoformat(" ", "seconds"))
        | st.just(""),
        "speed": NUMBER,
        "power": NUMBER,
        "on": st.sampled_from(["yes", "NO", "true", "0", ""]),
        "road": TEXT,
        "constant": NUMBER,
        "nothing": TEXT,
    }
)


@pytest.fixture(scope="module")
def served(trained):
    return ServedDetector(trained[0] / MODEL / "1")


@settings(deadline=None, max_examples=20)
@given(
    rows=st.lists(ROW, min_size=1, max_size=8),
    header=st.permutations(HEADER),
)
def test_any_table_keeps_its_rows_and_gets_finite_scores(
    served, tmp_path_factory, rows, header
):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    scores = []
    for names in (HEADER, header):
        write(path, rows, names)
        output = path.with_name("any_scored.csv")
        table = open_table(path, delimiter=",", decimal=".")
        score_table(TableScorer(served, 0.01), table, output)
        found = read(output)
        assert [row["road"] for row in found] == [row["road"] for row in rows]
        scores.append([float(row["anomaly_score"]) for row in found])
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(*scores, rtol=1e-5, atol=1e-5)


# Invalid input: one line, and no output


def swap(old, new):
    return lambda text: text.replace(old, new, 1)


def line_3(new):
    """Puts text in place of the third line."""
    return lambda text: "\n".join(
        [*text.splitlines()[:2], new, *text.splitlines()[3:]]
    )


BAD_TABLES = {
    "missing column": (
        lambda text: "\n".join(
            line.partition(",")[2] for line in text.splitlines()
        ),
        r"new\.csv: column 'time' is missing",
    ),
    "renamed column": (
        swap("power", "Power "),
        r"new\.csv: column 'power' is missing\. Did you mean 'Power'",
    ),
    "text among numbers": (
        line_3("2024-01-01,fast,1,yes,dry,7,,ok"),
        r"new\.csv, line 3, column 'speed': expected a number, found 'fast'.* "
        r"Or set --invalid_cells=missing, so that",
    ),
    "infinity": (
        line_3("2024-01-01,1,-inf,yes,dry,7,,ok"),
        r"new\.csv, line 3, column 'power': expected a finite number",
    ),
    "no date": (
        line_3("noon,1,1,yes,dry,7,,ok"),
        r"new\.csv, line 3, column 'time': expected a date",
    ),
    "neither true nor false": (
        line_3("2024-01-01,1,1,maybe,dry,7,,ok"),
        r"new\.csv, line 3, column 'on': expected true or false",
    ),
    "too many cells": (
        line_3("2024-01-01,1,1,yes,dry,7,,ok,more"),
        r"new\.csv, line 3: expected 8 cells.*found 9",
    ),
    "empty file": (lambda text: "", r"new\.csv: is empty"),
    "header only": (
        lambda text: text.splitlines()[0],
        r"new\.csv: contains column names but no row",
    ),
    "column names twice": (
        swap("power", "speed"),
        r"new\.csv, line 1: columns 2 and 3 are both named 'speed'",
    ),
    "broken encoding": (
        line_3("2024-01-01,1,1,yes,süß\udcff,7,,ok"),
        r"new\.csv, line 3: byte 0xFF is not UTF-8",
    ),
    "unclear label": (
        line_3("2024-01-01,1,1,yes,dry,7,,perhaps"),
        r"new\.csv, line 3, column 'state': expected .*found 'perhaps'",
    ),
    "scored before": (
        swap("nothing", "p_value"),
        r"new\.csv: already has a column 'p_value'",
    ),
}


@pytest.mark.parametrize("what", BAD_TABLES)
def test_a_bad_table_is_refused_in_one_line_and_nothing_is_written(
    what, trained, score, tmp_path
):
    change, message = BAD_TABLES[what]
    text = change((trained[0] / "new.csv").read_text())
    path = tmp_path / "new.csv"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    (tmp_path / "scored.csv").write_text("what was there before")
    with pytest.raises(ValueError, match=message) as refused:
        score(label_column="state")
    assert len(str(refused.value).splitlines()) == 1
    assert (tmp_path / "scored.csv").read_text() == "what was there before"
    assert not list(tmp_path.rglob("report.html"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"delimiter": ";"}, r"new\.csv, line 1: is one cell.*but 8 with ','"),
        ({"delimiter": ";;"}, "must be one character"),
        ({"encoding": "utf-9"}, "'utf-9' is unknown"),
        ({"label_column": "stat"}, r"column 'stat' is missing.*'state'"),
        ({"score": "none.csv"}, r"none\.csv: no such file"),
        ({"score": "cut.parquet"}, r"cut\.parquet: is a damaged Parquet"),
        ({"output": "new.csv"}, "--output would replace the file of --score"),
        ({"output": "scored.xlsx"}, "--output must end in .csv or .tsv"),
        ({"output": "none/scored.csv"}, r"scored\.csv: cannot be written"),
        ({"output": ""}, "--score=TABLE and --output=TABLE"),
        ({"score": None}, "--score=TABLE and --output=TABLE"),
        ({"train": "new.csv"}, "either --train=TABLE or --model"),
        ({"model": None}, "either --train=TABLE or --model"),
        ({"model": None, "score": None}, "either --train=TABLE or --model"),
        ({"model": "none/1"}, "none/1: is not the folder of an exported"),
        ({"label_column": "road"}, r"new\.csv: column 'road' is an input"),
        ({"num_folds": 3}, "--num_folds has no effect with --model"),
        (
            {"column_type": ["a=ignored"]},
            "--column_type has no effect with --mo",
        ),
        (
            {"contamination": 0.1},
            "--contamination has no effect with --model",
        ),
        ({"timestamp_column": "time"}, "--timestamp_column has no effect wi"),
        ({"false_alarm_rate": 1e-4}, "no row would be flagged at"),
        (
            {"select": "rate", "fdr": 0.2},
            "--fdr has no effect without --select=fdr",
        ),
        (
            {"select": "fdr", "false_alarm_rate": 0.1},
            "--false_alarm_rate has no effect with --model and --select",
        ),
        ({"workdir": "new.csv"}, "new.csv"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(
    flags, message, trained, score, tmp_path
):
    shutil.copy(trained[0] / "new.csv", tmp_path)
    whole = tmp_path / "whole.parquet"
    pa.parquet.write_table(pa.table({"a": [1.0] * 99}), whole)
    (tmp_path / "cut.parquet").write_bytes(whole.read_bytes()[:-9])
    with pytest.raises((OSError, ValueError), match=message) as refused:
        score(**flags)
    assert len(str(refused.value).splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} <= {
        "new.csv",
        "whole.parquet",
        "cut.parquet",
        "run",
    }
    assert not list(tmp_path.rglob("report.html"))


@pytest.mark.parametrize(
    ("rows", "flags", "message"),
    [
        (1, {}, r"normal\.csv: leaves 1 rows for calibration"),
        (19, {"false_alarm_rate": 0.4}, r"normal\.csv: leaves 19 rows"),
        (90, {}, r"rate of 0\.01 needs at least 99"),
        (
            90,
            {"column_type": ["speed=numbr"]},
            r"'speed' must be one of.*'numbr'",
        ),
        (90, {"column_type": ["speed"]}, "NAME=TYPE"),
        (
            90,
            {"column_type": ["road=number"]},
            r"normal\.csv, line 2, column 'road'",
        ),
        (90, {"label_column": "state"}, r"column 'state' labels all 90 rows"),
        (90, {"export_dir": "normal.csv"}, r"normal\.csv"),
        (90, {"dataset": "mnist"}, "--dataset has no effect with --train"),
        (90, {"select": "fdr"}, "--select has no effect without --score"),
        (
            90,
            {"select": "fdr", "timestamp_column": "a"},
            "--select has no effect with --timestamp_column: rows of",
        ),
        (90, {"window": 8}, "--window has no effect without --timestamp_col"),
        (
            90,
            {"normal_class": "ok"},
            "--normal_class has no effect without --label",
        ),
        (90, {"num_folds": 1}, r"leaves 23 rows for .* rate of 0\.042"),
    ],
)
def test_unusable_training_data_are_refused_in_one_line(
    rows, flags, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "normal.csv", rows_of(rows, 0, faults=1.0))
    flags = {"train": "normal.csv"} | flags
    with pytest.raises((OSError, ValueError), match=message) as refused:
        check_flags(flags.keys())
        run(**DEFAULTS | flags)
    assert len(str(refused.value).splitlines()) == 1
    assert not list(tmp_path.rglob("report.html"))
    assert not list(tmp_path.rglob("saved_model.pb"))


def test_flags_without_effect_exist_and_are_refused_at_once(
    app, project, tmp_path
):
    process = app(tmp_path, "--help")
    for name in (*DATASET_FLAGS, *TRAINING_FLAGS):
        assert re.search(rf"--(\[no\])?{name}:", process.stdout), name
    flags = (
        "--model=m/1",
        "--score=a.csv",
        "--output=b.csv",
        "--num_folds=5",
    )
    process = subprocess.run(  # fails before anything heavy is loaded
        [sys.executable, project / "apps/anomaly_detection.py", *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    assert process.stderr == (
        "anomaly_detection.py: --num_folds has no effect with --model: "
        "nothing is trained\n"
    )


def test_ten_thousand_columns_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    numbers = np.random.default_rng(0).integers(0, 9, (120, 10_000))
    names = ",".join(f"c{number}" for number in range(10_000))
    np.savetxt("wide.csv", numbers, "%d", ",", header=names, comments="")
    with pytest.raises(ValueError, match=r"wide\.csv: .* 5,000 columns"):
        run(**DEFAULTS | {"train": "wide.csv"})


def test_a_process_ends_with_status_1_and_one_line(app, tmp_path):
    (tmp_path / "normal.csv").write_text("a,b\n1,2\n3\n")
    process = app(tmp_path, "--train=normal.csv")
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    *_, last = process.stderr.splitlines()
    assert last.startswith(
        "anomaly_detection.py: normal.csv, line 3: expected 2 cells"
    )


def test_a_bad_row_to_score_does_not_undo_the_training(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "normal.csv", rows_of(120, 0, faults=0))
    rows = rows_of(50, 1)
    rows[40]["power"] = "high"
    write(tmp_path / "new.csv", rows)
    flags = {"train": "normal.csv", "score": "new.csv", "output": "scored.csv"}
    flags |= {"column_type": ["state=ignored"]}
    with pytest.raises(ValueError, match=r"new\.csv, line 42, column 'power'"):
        run(**DEFAULTS | flags)
    assert not (tmp_path / "scored.csv").exists()
    assert "SavedModel:    models/1" in capsys.readouterr().out
    rows[40]["power"] = "1.0"
    write(tmp_path / "new.csv", rows)
    flags = {"model": "models/1", "score": "new.csv", "output": "scored.csv"}
    run(**DEFAULTS | flags)
    assert len(read(tmp_path / "scored.csv")) == 50


@pytest.fixture
def training(project, offline, trained, tmp_path):
    """A process in `tmp_path` that has read its table and trains."""
    for name in ("normal.csv", "new.csv"):
        shutil.copy(trained[0] / name, tmp_path)
    (tmp_path / "scored.csv").write_text("what was there before")
    errors = (tmp_path / "errors.txt").open("wb")
    with (
        errors,
        subprocess.Popen(
            [
                sys.executable,
                project / "apps/anomaly_detection.py",
                *(
                    "--train=normal.csv",
                    "--score=new.csv",
                    "--output=scored.csv",
                ),
                *(
                    "--workdir=run",
                    "--export_dir=models",
                ),
            ],
            cwd=tmp_path,
            env=offline,
            stdout=subprocess.PIPE,
            stderr=errors,
            # Child processes of a suite in the background ignore the signal.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process,
    ):
        started = time.monotonic()
        for line in process.stdout:
            assert time.monotonic() - started < 300
            if line.startswith(b"Column "):
                break
        yield process
        process.kill()


def test_a_killed_run_keeps_the_old_output_and_can_be_repeated(
    training, tmp_path, monkeypatch
):
    training.kill()
    assert training.wait() == -signal.SIGKILL
    output = tmp_path / "scored.csv"
    assert output.read_text() == "what was there before"
    assert not list((tmp_path / "models").iterdir())

    monkeypatch.chdir(tmp_path)
    flags = {"train": "normal.csv", "score": "new.csv", "output": "scored.csv"}
    run(**DEFAULTS | flags)
    assert len(read(output)) == 200
    assert (tmp_path / "models/1/saved_model.pb").is_file()


def test_an_interrupted_run_ends_with_one_line(training, tmp_path):
    training.send_signal(signal.SIGINT)
    training.stdout.read()
    assert training.wait() == 1
    *_, last = (tmp_path / "errors.txt").read_text().splitlines()
    assert last == "anomaly_detection.py: stopped"


def test_a_workdir_in_use_is_refused(run_app, tmp_path, assert_refused):
    (tmp_path / "run").mkdir()
    lock = lock_run(tmp_path / "run")
    process = run_app("anomaly_detection.py", tmp_path, "--workdir=run")
    assert_refused(process, "in use by another run", "anomaly_detection.py: ")
    assert lock.is_locked
    assert not list((tmp_path / "run").glob("report*"))
