"""The LeNet app as a process: training, kill, resume, bad input."""

import csv
import functools
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.tasks.lab.index_page_test import shown_units

EPOCHS = 6
FLAGS = ("--steps_per_epoch=40", f"--epochs={EPOCHS}")
RUN = f"runs/lenet_digits_modern_{EPOCHS}_epochs_seed_0"
MODELS = "saved_models/lenet_digits_modern"


@pytest.fixture(scope="module")
def app(run_app):
    """Runs the app to its end in a folder."""
    return functools.partial(run_app, "lenet_mnist.py")


@pytest.fixture(scope="module")
def trained(app, tmp_path_factory):
    """Folder of an uninterrupted run, and its process."""
    folder = tmp_path_factory.mktemp("trained")
    process = app(folder, *FLAGS)
    assert process.returncode == 0, process.stderr
    return folder, process


def last_lines(process):
    """The last lines, such as `Report: PATH`, as a dict."""
    *_, accuracy, report, model, use = process.stdout.strip().splitlines()
    lines = [line.split(":", 1) for line in (accuracy, report, model, use)]
    return {name: value.strip() for name, value in lines}


# A whole run


def test_the_last_lines_are_accuracy_report_saved_model_and_usage(trained):
    folder, process = trained
    last = last_lines(process)

    assert list(last) == ["Test accuracy", "Report", "SavedModel", "Use it"]
    assert 0.9 < float(last["Test accuracy"]) <= 1
    assert last["Report"] == f"{RUN}/report.html"
    assert last["SavedModel"] == f"{MODELS}/1"
    assert (folder / last["Report"]).is_file()
    assert (folder / last["SavedModel"] / "saved_model.pb").is_file()
    assert last["Use it"].startswith(
        f"python apps/recognize_digits.py --model={MODELS}/1"
    )


def test_the_first_line_states_the_fallback_to_embedded_digits(trained):
    _, process = trained
    first = process.stdout.splitlines()[0]
    assert "scikit-learn's 1,797 handwritten digits" in first
    assert "because MNIST is not prepared in" in first
    assert "could not be reached" in first


def test_the_history_has_one_row_per_epoch(trained):
    folder, _ = trained
    with (folder / RUN / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= rows[0].keys()
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    for part in ("train", "validation"):
        [events] = (folder / RUN / "logs" / part).glob("events.out.tfevents.*")
        assert events.stat().st_size > 0


def test_the_report_has_all_figures_and_facts(trained):
    folder, process = trained
    html = (folder / RUN / "report.html").read_text()
    assert shown_units(folder / RUN / "report.html", "lenet") == ["LeNet-5"]
    alternatives = re.findall(r'alt="([^"]*)"', html)
    error = 1 - float(last_lines(process)["Test accuracy"])

    assert [words.split()[0] for words in alternatives[:2]] == [
        "Training",
        "Confusion",
    ]
    assert re.search(r"most confident of \d+ errors", alternatives[2])
    assert "c1: 6 maps" in alternatives[3]
    assert "c3: 16 maps" in alternatives[3]
    assert f"<dd>{error:.2%}</dd>" in html
    assert "<dd>61,706</dd>" in html  # parameters of LeNet-5
    # C1: a kernel of 5 fits 28 times into a field of 32.
    assert re.search(r"c1</th>.*32.*5.*28", html)
    assert "scikit-learn&#39;s 1,797 handwritten digits" in html
    assert f"lenet_mnist.py {' '.join(FLAGS)}" in html
    for package in ("python", "keras", "tensorflow", "numpy"):
        assert re.search(rf"{package} \d+\.\d+", html), package
    assert re.search(r"Duration</th><td>[\d.]+ (s|min)", html)


def test_the_model_card_has_the_test_error(trained):
    folder, process = trained
    card = json.loads((folder / MODELS / "1/model_card.json").read_text())
    accuracy = float(last_lines(process)["Test accuracy"])

    assert card["metrics"]["test_error"] == pytest.approx(
        1 - accuracy,
        abs=6e-5,  # of four digits
    )
    assert card["parameters"] == 61_706
    assert "scikit-learn" in card["data"]
    assert card["command"].endswith(f"--epochs={EPOCHS}")
    assert card["license"] == "Apache-2.0"
    assert "keras" in card["versions"]


READER = """
import sys

sys.modules["dlunits"] = sys.modules["keras"] = None  # importing them fails
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
images = np.load("images.npy")
np.save("served.npy", model.serving_default(images)["scores"])
"""


def test_the_saved_model_has_that_accuracy_without_dlunits(
    trained, offline, checkpoint, tmp_path
):
    from dlunits.data.images import image_datasets
    from dlunits.data.images.augmentation import pad_to_32x32
    from dlunits.models import LeNet5

    folder, process = trained
    images, labels = image_datasets.load("digits").test
    np.save(tmp_path / "images.npy", images)
    (tmp_path / "reader.py").write_text(READER)
    subprocess.run(
        [sys.executable, "-P", "reader.py", folder / MODELS / "1"],
        cwd=tmp_path,
        env=offline,
        check=True,
        capture_output=True,
    )
    served = np.load(tmp_path / "served.npy")
    correct = served.argmax(axis=1) == labels
    assert f"{correct.mean():.4f}" == last_lines(process)["Test accuracy"]

    _, arrays = checkpoint(folder / RUN)
    model = LeNet5(input_shape=(32, 32, 1))
    model.set_weights([arrays[f"best/{i}"] for i in range(10)])
    predicted = model.predict(pad_to_32x32(images), verbose=0)
    np.testing.assert_allclose(served, predicted, atol=1e-5)


def test_a_finished_run_is_exported_again_without_training(trained, app):
    folder, process = trained
    before = (folder / RUN / "checkpoint.npz").stat().st_mtime_ns
    again = app(folder, *FLAGS)

    assert again.returncode == 0, again.stderr
    assert "Epoch" not in again.stdout
    assert (folder / RUN / "checkpoint.npz").stat().st_mtime_ns == before
    assert last_lines(again) == {
        **last_lines(process),
        "SavedModel": f"{MODELS}/2",
        "Use it": last_lines(again)["Use it"],
    }
    assert {path.name for path in (folder / MODELS).iterdir()} == {"1", "2"}


def epochs_in(run):
    history = run / "history.csv"
    return len(history.read_text().splitlines()) - 1 if history.exists() else 0


def test_a_run_killed_at_random_ends_like_an_uninterrupted_one(
    project, offline, app, trained, checkpoint, tmp_path
):
    whole, process = trained
    killed = subprocess.Popen(
        [
            sys.executable,
            project / "apps/lenet_mnist.py",
            *FLAGS,
        ],
        cwd=tmp_path,
        env=offline,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    started = time.monotonic()
    seen = []
    while len(seen) < 2:
        assert killed.poll() is None, "The run ended before it was killed."
        assert time.monotonic() - started < 200
        if epochs_in(tmp_path / RUN) > len(seen):
            seen.append(time.monotonic())
        time.sleep(0.005)
    an_epoch = seen[1] - seen[0]
    time.sleep(random.uniform(0, 2 * an_epoch))  # noqa: S311
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert 2 <= epochs_in(tmp_path / RUN) < EPOCHS
    assert not (tmp_path / MODELS / "1").exists()

    resumed = app(tmp_path, *FLAGS)
    assert resumed.returncode == 0, resumed.stderr
    assert "Epoch 2/" not in resumed.stdout  # it did not start over
    assert last_lines(resumed) == last_lines(process)
    (text, arrays), (expected_text, expected) = (
        checkpoint(folder / RUN) for folder in (tmp_path, whole)
    )
    assert text == expected_text
    assert arrays.keys() == expected.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], expected[name], name)


def test_an_interrupt_reports_that_the_run_can_resume(
    project, offline, tmp_path
):
    with subprocess.Popen(
        [
            sys.executable,
            project / "apps/lenet_mnist.py",
            *FLAGS,
            "--epochs=1000",
        ],
        cwd=tmp_path,
        env=offline,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Child processes of a suite in the background ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            wait_for(lambda: list(tmp_path.glob("runs/*/checkpoint.npz")))
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=100)
        finally:
            process.kill()
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].endswith(
        "run the same command again to resume"
    )
    assert list(tmp_path.glob("runs/*/checkpoint.npz"))


def wait_for(find, seconds=200):
    started = time.monotonic()
    while not (found := find()):
        assert time.monotonic() - started < seconds
        time.sleep(0.05)
    return found


# Bad input

QUICK = ("--dataset=digits", "--steps_per_epoch=2", "--epochs=1")
OWN = "lenet_mnist.py: "

# Mistake -> flags, and the message on stderr.
BAD = {
    "negative epochs": (
        ["--epochs=-1"],
        r"flag --epochs=-1: .*range \[1, 1000000\]",
    ),
    "empty batches": (
        ["--batch_size=0"],
        r"flag --batch_size=0: .*range \[1, 1000000\]",
    ),
    "unknown variant": (["--variant=1997"], r"--variant=1997: .*modern\|1998"),
    "unknown arguments": (["mnist"], r"Unknown arguments: \['mnist'\]"),
    "unknown dataset": (
        ["--dataset=mnits"],
        OWN + r"`dataset` must be one of auto, mnist, .*dataset='mnits'",
    ),
    "dataset out of reach": (
        ["--dataset=mnist"],
        OWN + r"MNIST is not prepared in .*could not be reached.*'digits'",
    ),
    "no data_dir": (
        ["--data_dir=nowhere"],
        OWN + r".*nowhere",
    ),
    "corrupt data": (
        ["--dataset=mnist", "--data_dir=corrupt"],
        OWN + r".*corrupt/mnist/3\.0\.1",
    ),
    "a file for a workdir": (
        [*QUICK, "--workdir=file/run"],
        OWN + r".*is not writable, choose another: 'file/run'",
    ),
    "a file for an export_dir": (
        [*QUICK, "--export_dir=file"],
        OWN + r".*'file'",
    ),
    "checkpoint of another model": (
        [*FLAGS, f"--workdir={RUN}", "--variant=1998"],
        OWN + rf"{RUN} holds the checkpoint of another run: variant was "
        "'modern' and is now '1998'",
    ),
    "corrupt checkpoint": (
        [*QUICK, "--workdir=half"],
        OWN
        + r"half/checkpoint\.npz is not a checkpoint .*damaged .*: delete it",
    ),
    "loss that is not a number": (
        [*QUICK, "--learning_rate=1e38"],
        OWN + r".* is (nan|inf) at .*: reduce the learning rate",
    ),
    "full disk in training": (
        QUICK,
        OWN + r".*File too large.*checkpoint\.npz",
    ),
    "full disk at the report": (
        [*FLAGS],
        OWN + r".*File too large.*report\.html",
    ),
}
# A limit on file sizes makes a write fail like a full disk. This one, in bytes,
# is smaller than a checkpoint or a report.
FULL_DISK = 100_000


def prepare(folder):
    """Targets of the bad flags: a file, half a checkpoint, broken data."""
    (folder / "file").write_text("not a folder")
    half = (folder / RUN / "checkpoint.npz").read_bytes()[:50_000]
    (folder / "half").mkdir()
    (folder / "half/checkpoint.npz").write_bytes(half)
    mnist = folder / "corrupt/mnist/3.0.1"
    mnist.mkdir(parents=True)
    (mnist / "dataset_info.json").write_text("{")
    (mnist / "features.json").write_text("{}")


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_one_line_and_changes_nothing(
    app, trained, assert_refused, contents, tmp_path, name
):
    flags, message = BAD[name]
    folder = shutil.copytree(trained[0], tmp_path / "run")
    prepare(folder)
    before = contents(folder)
    full = FULL_DISK if "full disk" in name else None
    process = app(folder, *flags, max_file_size=full)
    after = contents(folder)

    assert_refused(process, message, OWN)
    # No output is lost or changed, and no model is exported.
    assert {path: after.get(path) for path in before} == before
    models = {path.parent for path in after if path.name == "saved_model.pb"}
    assert models == {
        path.parent for path in before if path.name == "saved_model.pb"
    }
