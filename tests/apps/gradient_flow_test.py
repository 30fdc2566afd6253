"""The gradient flow app: a run, a repeated run and bad input."""

import csv
import functools
import re

import pytest

from apps.gradient_flow import parse_lags

TINY = (
    "--lags=3",
    "--units=2",
    "--epochs=1",
    "--steps_per_epoch=10",
    "--dataset=text.txt",
)
RUN = "runs/gradient_flow_text_1_epochs_seed_0"


@pytest.fixture(scope="module")
def app(run_app):
    return functools.partial(run_app, "gradient_flow.py")


@pytest.fixture(scope="module")
def ran(app, tmp_path_factory):
    """Folder and process of a run."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / "text.txt").write_text("the cat sat on the mat. " * 3000)
    process = app(folder, *TINY)
    assert process.returncode == 0, process.stderr
    return folder, process


def test_every_training_run_is_printed_and_saved(ran):
    folder, process = ran
    rows = re.findall(
        r"^cell (\w+), lag (\d+),( clipnorm 1,)? rmse [\d.]+, gradient norm",
        process.stdout,
        re.M,
    )
    assert [(cell, int(lag), bool(clipped)) for cell, lag, clipped in rows] == [
        (cell, 3, clipped)
        for cell in ("rnn", "lstm", "gru")
        for clipped in (True, False)
    ]
    with (folder / RUN / "gru_lag_3_clipped/history.csv").open() as file:
        [row] = csv.DictReader(file)
    assert float(row["max_gradient_norm"]) >= float(row["gradient_norm"])


def test_the_report_shows_lags_clipping_the_graph_and_the_text(ran):
    folder, process = ran
    assert f"Report:        {RUN}/report.html" in process.stdout
    page = (folder / RUN / "report.html").read_text()
    for text in (
        "tanh, scale 1.2",
        "gru, untrained",
        "First to last ratio",
        "window of 16",
        "Recurrence unfolded over 4 time step(s).",
        "text.txt",
    ):
        assert text in page, text


def test_a_repeated_run_trains_nothing(ran, app):
    folder, process = ran
    saved = {
        path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/*.npz")
    }
    assert len(saved) == 6 + 6
    again = app(folder, *TINY)
    assert again.returncode == 0, again.stderr
    assert again.stdout == process.stdout
    assert {path: path.stat().st_mtime_ns for path in saved} == saved


def test_lags_are_parsed_and_sorted():
    assert parse_lags(["100", "5", "20"]) == [5, 20, 100]


OWN = "gradient_flow.py: "
BAD = {
    "lags that are not integers": (
        ["--lags=5,x"],
        OWN + r"--lags must be integers of at least 2.*Received: 5,x",
    ),
    "a lag of one step": (["--lags=1"], OWN + r"--lags must be.*Received: 1"),
    "unknown arguments": (["text"], r"Unknown arguments: \['text'\]"),
    "no such text": (["--dataset=nowhere.txt"], OWN + r"nowhere\.txt: no such"),
    "an empty clipnorm": (["--clipnorm=0"], r"flag --clipnorm=0"),
    "a text too short": (
        ["--dataset=short.txt", "--units=1"],
        OWN + r"At least 2,049 tokens are required",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_one_line_error(name, app, ran):
    folder, _ = ran
    (folder / "short.txt").write_text("too short " * 150)
    flags, message = BAD[name]
    process = app(folder, *flags)
    assert process.returncode != 0
    assert "Traceback" not in process.stderr
    assert re.search(message, process.stderr), process.stderr
