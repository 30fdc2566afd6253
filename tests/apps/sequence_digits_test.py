"""The sequence app as a process: one cell, all cells, kill, resume."""

import functools
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from apps.sequence_digits import CELLS, run

EPOCHS = 2
SMALL = (
    f"--epochs={EPOCHS}",
    "--units=24",
    "--learning_rate=0.01",
)
NAME = "sequence_digits_{}_unidirectional"
RUN = f"runs/{NAME}_{EPOCHS}_epochs_seed_0"
MODELS = f"saved_models/{NAME}"


@pytest.fixture(scope="module")
def app(run_app):
    """Runs the app to its end in a folder."""
    return functools.partial(run_app, "sequence_digits.py")


@pytest.fixture(scope="module")
def whole(app, tmp_path_factory):
    """Folder of an uninterrupted run of one cell, and its process."""
    folder = tmp_path_factory.mktemp("whole")
    process = app(folder, "--cell=gru", *SMALL)
    assert process.returncode == 0, process.stderr
    return folder, process


@pytest.fixture(scope="module")
def resumed(project, app, offline, tmp_path_factory):
    """A run of all cells, killed in the last one and started again.

    Its folder, the second process, and when files were written before it.
    """
    folder = tmp_path_factory.mktemp("all")
    command = [sys.executable, project / "apps/sequence_digits.py"]
    with subprocess.Popen(
        [*command, "--cell=all", *SMALL],
        cwd=folder,
        env=offline,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as killed:
        started = time.monotonic()
        while not (folder / RUN.format("all") / "gru/history.csv").exists():
            assert killed.poll() is None, "The run ended before it was killed."
            assert time.monotonic() - started < 600
            time.sleep(0.005)
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
    written = {
        path: path.stat().st_mtime_ns for path in folder.rglob("checkpoint.npz")
    }
    process = app(folder, "--cell=all", *SMALL)
    assert process.returncode == 0, process.stderr
    return folder, process, written


def last_lines(process):
    """The last lines, such as `Report: PATH`, as pairs."""
    lines = process.stdout.strip().splitlines()
    start = next(i for i, x in enumerate(lines) if x.startswith("Report:"))
    return [
        tuple(part.strip() for part in line.split(":", 1))
        for line in lines[start:]
    ]


def accuracies(process):
    """Cell -> test accuracy, from the printed table."""
    rows = re.findall(
        r"^(\w+) +[\d,]+ +[\d.]+ % +([\d.]+) %", process.stdout, re.M
    )
    return {cell: float(percent) / 100 for cell, percent in rows}


def card(folder, cell):
    path = folder / MODELS.format(cell) / "1/model_card.json"
    return json.loads(path.read_text())


# One cell


def test_the_last_lines_are_report_saved_model_and_usage(whole):
    folder, process = whole
    model = MODELS.format("gru")
    assert last_lines(process) == [
        ("Report", f"{RUN.format('gru')}/report.html"),
        ("SavedModel", f"{model}/1"),
        (
            "Use it",
            f"python apps/recognize_digits.py --model={model}/1 IMAGE...",
        ),
    ]
    assert (folder / RUN.format("gru") / "report.html").is_file()
    first = process.stdout.splitlines()[0]
    assert "scikit-learn's 1,797 handwritten digits" in first
    assert "because MNIST is not prepared in" in first


def test_the_accuracy_is_high_and_printed(whole):
    folder, process = whole
    accuracy = accuracies(process)["gru"]
    # Chance is 0.1. There are 300 test digits: 0.8 allows 60 errors.
    assert accuracy > 0.8
    of_gru = card(folder, "gru")
    assert of_gru["metrics"]["test_error"] == pytest.approx(
        1 - accuracy,
        abs=6e-5,  # of four digits
    )
    assert of_gru["parameters"] == 3 * 24 * (28 + 24 + 2) + 10 * (24 + 1)
    assert "--cell=gru" in of_gru["command"]


READER = """
import sys

sys.modules["dlunits"] = sys.modules["keras"] = None  # importing them fails
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
images = np.load("images.npy")
np.savez(
    "served.npz",
    bytes=model.serving_default(images)["class"],
    floats=model.serving_default(images.astype("float32") / 255)["class"],
    one=model.serving_default(images[0, :, :, 0])["class"],
    files=model.recognize(
        tf.stack([tf.io.encode_png(image) for image in images[:20]])
    )["class"],
)
"""


def test_the_saved_model_works_without_dlunits(whole, offline, tmp_path):
    from dlunits.data.images import image_datasets

    folder, process = whole
    images, labels = image_datasets.load("digits").test
    np.save(tmp_path / "images.npy", images)
    (tmp_path / "reader.py").write_text(READER)
    subprocess.run(
        [
            sys.executable,
            "-P",
            "reader.py",
            folder / MODELS.format("gru") / "1",
        ],
        cwd=tmp_path,
        env=offline,
        check=True,
        capture_output=True,
    )
    with np.load(tmp_path / "served.npz") as served:
        served = dict(served)
    correct = (served["bytes"] == labels).mean()
    assert correct == pytest.approx(accuracies(process)["gru"], abs=6e-5)
    np.testing.assert_array_equal(served["floats"], served["bytes"])
    np.testing.assert_array_equal(served["one"], served["bytes"][:1])
    # Images in files are centered again; most predictions stay the same.
    assert (served["files"] == labels[:20]).mean() > 0.6


# All cells, killed and resumed


def test_all_cells_are_in_one_table_and_report(resumed):
    folder, process, _ = resumed
    found = accuracies(process)
    assert list(found) == list(CELLS)
    html = (folder / RUN.format("all") / "report.html").read_text()
    for cell, accuracy in found.items():
        assert f'<th scope="row">{cell}</th>' in html
        assert f"{accuracy:.2%}".replace("%", " %") in html
        assert card(folder, cell)["metrics"]["test_error"] == pytest.approx(
            1 - accuracy, abs=6e-5
        )
    assert "examples are on the diagonal" in html
    assert [name for name, _ in last_lines(process)] == [
        *("Report", "SavedModel", "SavedModel", "SavedModel", "Use it")
    ]


def test_a_killed_run_ends_like_an_uninterrupted_one(
    resumed, whole, checkpoint
):
    folder, process, written = resumed
    expected_folder, expected = whole
    runs = folder / RUN.format("all")
    assert written.keys() == {runs / cell / "checkpoint.npz" for cell in CELLS}
    for cell in ("rnn", "lstm"):  # they had finished
        path = runs / cell / "checkpoint.npz"
        assert path.stat().st_mtime_ns == written[path]
    assert process.stdout.count("Epoch ") == EPOCHS - 1  # the rest of the GRU's
    assert accuracies(process)["gru"] == accuracies(expected)["gru"]
    (text, arrays), (expected_text, expected_arrays) = (
        checkpoint(path)
        for path in (runs / "gru", expected_folder / RUN.format("gru"))
    )
    assert text == expected_text
    assert arrays.keys() == expected_arrays.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], expected_arrays[name], name)


# Bad input

FLAGS = {
    "cell": "gru",
    "bidirectional": False,
    "units": 24,
    "num_layers": 1,
    "dropout": 0.2,
    "dataset": "digits",
    "data_dir": None,
    "epochs": EPOCHS,
    "batch_size": 128,
    "learning_rate": 0.01,
    "augment": True,
    "patience": 20,
    "seed": 0,
    "workdir": "run",
    "export_dir": "model",
}

BAD = {
    "unknown dataset": ({"dataset": "mnits"}, "dataset='mnits'"),
    "a file for a workdir": ({"workdir": "file/run"}, "choose another"),
    "a file for an export_dir": ({"export_dir": "file"}, "'file'"),
    "checkpoint of another cell": (
        {"workdir": "whole", "cell": "lstm"},
        "another run: cell was 'gru' and is now 'lstm'",
    ),
    "loss that is not a number": (
        {"learning_rate": 1e38, "augment": False, "cell": "rnn"},
        "reduce the learning rate",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_one_line_and_exports_nothing(
    name, whole, tmp_path, monkeypatch
):
    changed, message = BAD[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "whole").symlink_to(whole[0] / RUN.format("gru"))
    with pytest.raises((ValueError, OSError), match=message) as error:
        run(**{**FLAGS, **changed})
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("saved_model.pb"))


def test_an_unknown_cell_is_refused(app, tmp_path):
    process = app(tmp_path, "--cell=elman")
    assert process.returncode != 0
    assert "--cell=elman: value should be one of <rnn|lstm|gru|all>" in (
        process.stderr
    )
    assert "Traceback" not in process.stderr
