"""The bias-variance app: a run, a repeated run, its code and bad input."""

import csv
import functools
import html
import math
import re
import signal

import keras
import numpy as np
import pytest

from tests.tasks.lab.index_page_test import shown_units

TINY = (
    "--data=flowers.csv",
    "--target=kind",
    "--label_noise=0.1",
    "--widths=8,1",
    "--num_sets=2",
    "--num_examples=40",
    "--epochs=4",
    "--patience=1",
)
RUN = "runs/bias_variance_flowers_4_epochs_seed_0"
OWN = "bias_variance.py: "


@pytest.fixture(scope="module")
def app(run_app):
    return functools.partial(run_app, "bias_variance.py")


@pytest.fixture(scope="module")
def ran(app, tmp_path_factory):
    """A run, killed after its first training and started again.

    Folder, process, and the files that were there when it was killed with
    their times of change.
    """
    folder = tmp_path_factory.mktemp("ran")
    rng = np.random.default_rng(0)
    lines = ["length,width,kind,price"]
    for number in range(90):
        kind = number % 3
        length, width = rng.normal(kind, 0.3, 2)
        lines.append(
            f"{length:.3f},{width:.3f},{'abc'[kind]},{length + width:.4f}"
        )
    (folder / "flowers.csv").write_text("\n".join(lines) + "\n")
    pattern = f"{RUN}/finished/*.npz"
    killed = app(folder, *TINY, kill_when=pattern)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    saved = {path: path.stat().st_mtime_ns for path in folder.glob(pattern)}
    process = app(folder, *TINY)
    assert process.returncode == 0, process.stderr
    return folder, process, saved


def read_rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_tables_have_every_width_and_add_up(ran):
    folder, process, _ = ran
    rows = read_rows(folder / RUN / "flowers_complexity.csv")
    assert [int(row["width"]) for row in rows] == [1, 8]
    for row in rows:
        parts = ("bias", "variance_unbiased", "noise")
        total = sum(float(row[part]) for part in parts)
        total -= float(row["variance_biased"])
        assert math.isclose(total, float(row["sum"]), abs_tol=1e-9)
    assert len(read_rows(folder / RUN / "claims.csv")) == 7
    assert re.search(
        r"^flowers\nwidth +bias +net variance", process.stdout, re.M
    )


def test_the_report_shows_trade_off_curves_and_early_stopping(ran):
    folder, process, _ = ran
    assert f"Report:  {RUN}/report.html" in process.stdout
    page = (folder / RUN / "report.html").read_text(encoding="utf-8")
    for anchor in (
        "claims-and-measurements",
        "flowers-bias-variance-trade-off",
        "flowers-bias-and-variance-over-training-time",
        "flowers-learning-curves",
        "flowers-early-stopping",
        "early-stopping-of-one-run",
    ):
        assert f'id="{anchor}"' in page, anchor
    report = folder / RUN / "report.html"
    assert shown_units(report, "bias_variance") == [
        "Bias-variance trade-off",
        "Early stopping",
    ]
    for text in (
        "The claim holds here.",
        "Domingos (2000)",
        "Remedies for",
    ):
        assert text in page, text


def losses_of_code(folder, monkeypatch):
    """Losses that the code of a report gives, and the code."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    [code] = re.findall(
        r"<summary>Keras code of the run without early stopping</summary>\s*"
        r"<pre><code>(.*?)</code></pre>",
        page,
        re.S,
    )
    code = html.unescape(code)
    monkeypatch.chdir(folder)
    namespace = {}
    exec(compile(code, "report", "exec"), namespace)  # noqa: S102
    return namespace["losses"], code


def test_the_code_of_the_report_gives_the_same_losses(ran, monkeypatch):
    folder, _, _ = ran
    rows = read_rows(folder / RUN / "example_run.csv")
    losses, _ = losses_of_code(folder / RUN, monkeypatch)
    expected = [float(row["loss"]) for row in rows]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_a_killed_run_resumes_from_the_last_finished_training(ran):
    folder, _, saved = ran
    finished = list((folder / RUN / "finished").glob("*.npz"))
    # Each of two widths at 3 sizes, and one run by `fit`.
    assert 0 < len(saved) < len(finished) == 2 * 3 + 1
    assert {path: path.stat().st_mtime_ns for path in saved} == saved


def test_an_own_model_of_a_regression_is_measured(ran, app, monkeypatch):
    folder, _, _ = ran
    layers = [keras.Input((2, 3)), keras.layers.Flatten()]
    layers += [keras.layers.Dense(5, "relu"), keras.layers.Dense(1)]
    keras.Sequential(layers).save(folder / "mine.keras")
    text = (folder / "flowers.csv").read_text()
    (folder / "blumen.csv").write_text(text.replace(",", ";"))
    process = app(
        folder,
        *("--data=blumen.csv", "--delimiter=;", "--target=price"),
        *("--model=mine.keras", "--workdir=price", *TINY[3:]),
    )
    assert process.returncode == 0, process.stderr
    assert re.search(r"^own model  +[\d.]+", process.stdout, re.M)
    page = (folder / "price/report.html").read_text(encoding="utf-8")
    assert "The noise of these targets is not known" in page
    assert "the lowest measured error" in page
    rows = read_rows(folder / "price/blumen_complexity.csv")
    assert [row["width"] for row in rows] == ["1", "8", "own model"]
    networks = read_rows(folder / "price/blumen_learning_curves.csv")
    assert {row["network"] for row in networks} == {
        "width 1",
        "own model",
        "own model, early stopping",
    }
    losses, code = losses_of_code(folder / "price", monkeypatch)
    assert 'load_model("own_model.keras")' in code
    rows = read_rows(folder / "price/example_run.csv")
    expected = [float(row["loss"]) for row in rows]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


BAD = {
    "one width": (["--widths=4,4"], r"--widths must be at least two.*: 4,4"),
    "widths that are no integers": (["--widths=1,x"], r"--widths must.*: 1,x"),
    "a thousand training sets too many": (
        ["--num_sets=2000"],
        r"flag --num_sets=2000",
    ),
    "more examples than there are": (
        [*TINY[:2], "--num_examples=500"],
        r"--num_examples must be at most 69.*Received: 500",
    ),
    "too many networks of an own model": (
        ["--model=mine.keras", "--num_sets=101"],
        r"--num_sets must be at most 100 with --model. Received: 101",
    ),
    "an own model of other data": (
        ["--dataset=digits", "--model=other.keras"],
        r"other.keras: no such file",
    ),
    "no target": (["--data=flowers.csv"], r"a table needs --target"),
    "data and a data set": (
        ["--dataset=digits", *TINY[:2]],
        r"--dataset has no effect with --data",
    ),
    "noise in a regression": (
        ["--data=flowers.csv", "--target=price", "--label_noise=0.1"],
        r"Label noise needs classes",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_one_line_error(name, app, ran, assert_refused):
    folder, _, _ = ran
    flags, message = BAD[name]
    assert_refused(app(folder, *flags), message, OWN)
