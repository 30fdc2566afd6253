"""The bias-variance app: a run, a repeated run, its code and bad input."""

import csv
import functools
import html
import math
import re

import numpy as np
import pytest

TINY = (
    "--data=flowers.csv",
    "--target=kind",
    "--label_noise=0.1",
    "--widths=8,1",
    "--num_sets=2",
    "--num_examples=8",
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
    """Folder and process of a run."""
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
    process = app(folder, *TINY)
    assert process.returncode == 0, process.stderr
    return folder, process


def read_rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_tables_have_every_width_and_add_up(ran):
    folder, process = ran
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
    folder, process = ran
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
    for text in ("holds here:", "Domingos (2000)", "What helps against"):
        assert text in page, text


def test_the_code_of_the_report_gives_the_same_losses(ran, monkeypatch):
    folder, _ = ran
    page = (folder / RUN / "report.html").read_text(encoding="utf-8")
    [code] = re.findall(
        r"<summary>Keras code of the run without early stopping</summary>\s*"
        r"<pre><code>(.*?)</code></pre>",
        page,
        re.S,
    )
    monkeypatch.chdir(folder)
    namespace = {}
    exec(compile(html.unescape(code), "report", "exec"), namespace)  # noqa: S102
    rows = read_rows(folder / RUN / "example_run.csv")
    losses = [float(row["loss"]) for row in rows]
    np.testing.assert_allclose(namespace["losses"], losses, rtol=1e-4)


def test_a_repeated_run_trains_nothing(ran, app):
    folder, process = ran
    saved = {
        path: path.stat().st_mtime_ns
        for path in folder.glob("runs/*/finished/*.npz")
    }
    # Each of two widths at 5 sizes, and one run by `fit`.
    assert len(saved) == 2 * 5 + 1
    again = app(folder, *TINY)
    assert again.returncode == 0, again.stderr
    assert again.stdout == process.stdout
    assert {path: path.stat().st_mtime_ns for path in saved} == saved


def test_the_noise_of_a_regression_counts_as_bias(ran, app):
    folder, _ = ran
    process = app(
        folder,
        "--data=flowers.csv",
        "--target=price",
        "--workdir=price",
        *TINY[3:],
    )
    assert process.returncode == 0, process.stderr
    page = (folder / "price/report.html").read_text(encoding="utf-8")
    assert "The noise of these targets is not known" in page
    assert "the lowest error that was measured" in page


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
    "no target": (["--data=flowers.csv"], r"a table needs --target"),
    "data and a data set": (
        ["--dataset=digits", *TINY[:2]],
        r"--dataset has no effect beside --data",
    ),
    "noise in a regression": (
        ["--data=flowers.csv", "--target=price", "--label_noise=0.1"],
        r"Label noise needs classes",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_one_line_error(name, app, ran, assert_refused):
    folder, _ = ran
    flags, message = BAD[name]
    assert_refused(app(folder, *flags), message, OWN)
