"""The training lab: a run, a resumed run, own data and bad input."""

import csv
import functools
import re
import signal

import keras
import pytest

TINY = ("--dataset=digits", "--epochs=2", "--units=4", "--batch_size=128")
COMPARISON = (
    *TINY,
    "--compare=learning_rate",
    "--values=0.01,1e30",
    "--optimizer=sgd",
    "--seeds=2",
)
RUN = "runs/training_lab_digits_learning_rate"


@pytest.fixture(scope="module")
def app(run_app):
    return functools.partial(run_app, "training_lab.py")


@pytest.fixture(scope="module")
def ran(app, tmp_path_factory):
    """A run, killed after its first training and started again.

    Half of the trainings diverge. Folder, process, and the files that were
    there when it was killed with their times of change.
    """
    folder = tmp_path_factory.mktemp("ran")
    pattern = f"{RUN}/finished/*.npz"
    killed = app(folder, *COMPARISON, kill_when=pattern)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    saved = {path: path.stat().st_mtime_ns for path in folder.glob(pattern)}
    process = app(folder, *COMPARISON)
    assert process.returncode == 0, process.stderr
    return folder, process, saved


def read_table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_ends_with_its_table_claims_and_report(ran):
    folder, process, _ = ran
    assert re.search(r"^0\.01 +[\d.]+ .* 0$", process.stdout, re.M)
    assert re.search(r"^1e30 .* 2$", process.stdout, re.M)  # both diverged
    assert (
        "A learning rate that is too large does not train: holds here"
        in process.stdout
    )
    assert process.stdout.endswith(
        f"Report: {RUN}/report.html\nTables: {RUN}/*.csv\n"
    )
    page = (folder / RUN / "report.html").read_text()
    assert "keras.optimizers.SGD(learning_rate=1e+30)" in page
    assert "Paths on a plane through the loss of the network" in page


def test_a_killed_run_resumes_from_the_last_finished_training(ran):
    folder, _, saved = ran
    finished = list((folder / RUN / "finished").glob("*.npz"))
    assert 0 < len(saved) < len(finished) == 4
    assert {path: path.stat().st_mtime_ns for path in saved} == saved
    history = read_table(folder / RUN / "history.csv")
    assert len(history) == 4 * 3  # before training, and after 2 epochs


def test_own_data_and_an_own_model_are_used(app, tmp_path):
    rows = [f"{row % 7},{row % 3},{'ab'[row % 7 > 2]}" for row in range(60)]
    lines = ["size,age,kind", "cm,years,", *rows]
    (tmp_path / "my.csv").write_text("\n".join(lines))
    layers = [keras.Input((2,)), keras.layers.Dense(2, name="own")]
    keras.Sequential(layers).save(tmp_path / "my_model.keras")
    process = app(
        tmp_path,
        *("--data=my.csv", "--header_rows=2", "--target=kind"),
        "--model=my_model.keras",
        *("--compare=batch_size", "--values=8", "--seeds=1", "--epochs=2"),
        "--workdir=out",
    )
    assert process.returncode == 0, process.stderr
    assert "my.csv: 60 rows, 2 feature columns" in process.stdout
    page = (tmp_path / "out/report.html").read_text()
    assert 'href="own_network_steps.html"' in page
    assert "saved = keras.saving.load_model(&#34;network_1.keras&#34;)" in page
    assert {
        row["layer"] for row in read_table(tmp_path / "out/layers.csv")
    } == {"own"}


BAD = {
    "a grid of no run": (["--seeds=0"], "The grid has 0 runs"),
    "1,000 runs": (
        ["--seeds=200", "--values=sgd,adam,rmsprop,adagrad,nesterov"],
        "The grid has 1,000 runs",
    ),
    "unknown factor": (["--compare=color"], "--compare must be one factor"),
    "values of all": (
        ["--compare=all", "--values=1"],
        "--values has no effect",
    ),
    "a value twice": (
        ["--compare=depth", "--num_layers=3"],
        "--num_layers has no effect with --compare=depth",
    ),
    "data twice": (["--data=my.csv"], "--dataset has no effect with --data"),
    "no model": (["--model=nowhere.keras"], "nowhere.keras: no such file"),
    "units of a model": (
        ["--model=my.keras", "--units=4"],
        "--units has no effect with --model",
    ),
    "depth of a model": (
        ["--model=my.keras", "--compare=depth,loss"],
        "depth and width of --model are fixed",
    ),
    "a delimiter without data": (
        ["--delimiter=;"],
        "--delimiter has no effect without --data",
    ),
    "a target without data": (["--target=kind"], "--target has no effect"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_before_anything_is_trained(
    name, app, tmp_path, assert_refused
):
    given, message = BAD[name]
    process = app(tmp_path, "--dataset=digits", *given)
    assert_refused(process, message, "training_lab.py: ")
    assert not (tmp_path / "runs").exists()
