"""The autoencoder app as a process: one type, all types, kill, bad input."""

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
import pytest
from PIL import Image

from apps.autoencoder_mnist import AUTOENCODERS, run

EPOCHS = 4
SMALL = (f"--epochs={EPOCHS}", "--latent_dim=8", "--overcomplete_dim=784")
LABELS = "--num_labels=1000"  # few epochs, so fast
NO_LABELS = "--num_labels=5000"  # more than there are
NAME = "autoencoder_digits_{}"
RUN = "runs/" + NAME + f"_{EPOCHS}_epochs_seed_0"
MODELS = "saved_models/" + NAME


@pytest.fixture(scope="module")
def app(run_app):
    """Runs the app to its end in a folder."""
    return functools.partial(run_app, "autoencoder_mnist.py")


@pytest.fixture(scope="module")
def trained(app, tmp_path_factory):
    """Folder of a run of one type that was not interrupted, and its process."""
    folder = tmp_path_factory.mktemp("trained")
    process = app(folder, "--autoencoder=overcomplete", *SMALL, LABELS)
    assert process.returncode == 0, process.stderr
    return folder, process


def rows_in(history):
    return len(history.read_text().splitlines()) - 1 if history.exists() else 0


@pytest.fixture(scope="module")
def resumed(project, app, offline, tmp_path_factory):
    """A run of all types, killed in the third one and started again.

    Its folder, the second process, and when files were written before it.
    """
    folder = tmp_path_factory.mktemp("all")
    flags = ["--autoencoder=all", *SMALL, NO_LABELS, "--export_dir=models"]
    command = [sys.executable, project / "apps/autoencoder_mnist.py", *flags]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=offline,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as killed:
        started = time.monotonic()
        while (
            rows_in(folder / RUN.format("all") / "overcomplete/history.csv") < 2
        ):
            assert killed.poll() is None, "The run ended before it was killed."
            assert time.monotonic() - started < 600
            time.sleep(0.005)
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
    written = {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }
    process = app(folder, *flags)
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


def table(printed, heading):
    """Name of the row -> its cells, of a table that was printed."""
    lines = getattr(printed, "stdout", printed).splitlines()
    start = lines.index(heading) + 2
    end = lines.index("", start)
    return {line.split()[0]: line.split()[1:] for line in lines[start:end]}


# One type


def test_the_last_lines_are_report_saved_model_and_usage(trained):
    folder, process = trained
    run, model = RUN.format("overcomplete"), MODELS.format("overcomplete")
    assert last_lines(process) == [
        ("Report", f"{run}/report.html"),
        ("SavedModel", f"{model}/1"),
        ("Use it", f'tf.saved_model.load("{model}/1").encode(images)'),
    ]
    assert (folder / run / "report.html").is_file()
    assert (folder / model / "1/saved_model.pb").is_file()
    first = process.stdout.splitlines()[0]
    assert "scikit-learn's 1,797 handwritten digits" in first
    assert "because MNIST is not prepared in" in first
    assert not [x for x in process.stderr.splitlines() if "retracing" in x]


def test_tables_compare_with_pca_of_the_same_latent_dim(trained):
    _, process = trained
    kept = table(process, "Reconstruction and compression")
    assert kept["PCA"][:2] == ["8", "undercomplete"]
    assert kept["overcomplete"][:2] == ["784", "overcomplete"]
    few = table(process, "Few labels")
    for name in ("PCA", "overcomplete"):
        assert all(0 < float(error) < 90 for error in few[name])


def test_the_history_has_one_row_per_epoch(trained):
    folder, _ = trained
    run = folder / RUN.format("overcomplete")
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert float(rows[-1]["val_loss"]) < float(rows[0]["val_loss"])
    for part in ("train", "validation"):
        [events] = (run / "logs" / part).glob("events.out.tfevents.*")
        assert events.stat().st_size > 0


def test_the_report_describes_the_code(trained):
    folder, process = trained
    html = (folder / RUN.format("overcomplete") / "report.html").read_text()
    assert "<h1>Overcomplete autoencoder on digits</h1>" in html
    assert "<dd>overcomplete</dd>" in html
    error = table(process, "Reconstruction and compression")["overcomplete"][2]
    assert f"<dd>{error}</dd>" in html
    alternatives = " ".join(re.findall(r'alt="([^"]*)"', html))
    for figure in (
        "Training curves",
        "Weights of 40 of 784 units",
        "0 to 1, 2 to 3",
        "original, PCA, overcomplete",
        "PSNR against bits per pixel",
        "codes in the plane",
    ):
        assert figure in alternatives
    assert "autoencoder_mnist.py --autoencoder=overcomplete" in html


READER = """
import sys

sys.modules["dlunits"] = sys.modules["keras"] = None  # importing them fails
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
images = tf.constant(np.load("images.npy"))
codes = model.encode(images)["codes"]
np.savez(
    "served.npz",
    error=model.serving_default(images)["error"],
    codes=codes,
    images=model.decode(codes)["images"],
)
"""


def test_the_saved_model_works_without_dlunits(trained, offline, tmp_path):
    from dlunits.data.images import image_datasets

    folder, process = trained
    version = folder / MODELS.format("overcomplete") / "1"
    images, _ = image_datasets.load("digits").test
    np.save(tmp_path / "images.npy", images)
    (tmp_path / "reader.py").write_text(READER)
    subprocess.run(
        [sys.executable, "-P", "reader.py", version],
        cwd=tmp_path,
        env=offline,
        check=True,
        capture_output=True,
    )
    printed = table(process, "Reconstruction and compression")["overcomplete"]
    with np.load(tmp_path / "served.npz") as served:
        assert served["codes"].shape == (300, 784)
        assert f"{served['error'].mean():.4g}" == printed[2]
        error = ((served["images"] - images / 255) ** 2).mean()
        assert f"{error:.4g}" == printed[2]
    card = json.loads((version / "model_card.json").read_text())
    assert f"{card['metrics']['test_mse']:.4g}" == printed[2]
    assert card["command"].startswith("python apps/autoencoder_mnist.py")


def test_a_finished_run_is_neither_trained_nor_evaluated_again(trained, app):
    folder, process = trained
    run = folder / RUN.format("overcomplete")
    kept = ("checkpoint.npz", "metrics.json", "pca.json")
    before = [(run / name).stat().st_mtime_ns for name in kept]
    again = app(folder, "--autoencoder=overcomplete", *SMALL, LABELS)

    assert again.returncode == 0, again.stderr
    assert "Epoch" not in again.stdout
    assert [(run / name).stat().st_mtime_ns for name in kept] == before
    for heading in ("Reconstruction and compression", "Few labels"):
        assert table(again, heading) == table(process, heading)
    models = folder / MODELS.format("overcomplete")
    assert dict(last_lines(again))["SavedModel"].endswith("/2")
    assert {path.name for path in models.iterdir()} == {"1", "2"}


# All types


def test_all_types_are_compared_with_pca(resumed):
    folder, process, _ = resumed
    for heading in (
        "Reconstruction and compression",
        "Code",
        "Classification and clustering",
    ):
        assert list(table(process, heading)) == ["PCA", *AUTOENCODERS]
    kept = table(process, "Reconstruction and compression")
    # PCA is the best linear code for its training images.
    assert float(kept["linear"][2]) > 0.99 * float(kept["PCA"][2])
    html = (folder / RUN.format("all") / "report.html").read_text()
    assert "<h1>Autoencoders on digits</h1>" in html
    assert f"original, PCA, {', '.join(AUTOENCODERS)}." in html
    for name in AUTOENCODERS:
        assert (folder / RUN.format("all") / name / "report.html").is_file()


def test_all_types_are_exported_under_their_names(resumed):
    folder, process, _ = resumed
    named = [path for name, path in last_lines(process) if name == "SavedModel"]
    assert named == [f"models/{name}/1" for name in AUTOENCODERS]
    for path in named:
        assert (folder / path / "saved_model.pb").is_file()


def test_a_killed_run_of_all_types_resumes(resumed, trained, checkpoint):
    folder, process, before = resumed
    run = folder / RUN.format("all")
    for finished in ("linear", "undercomplete"):
        for name in ("checkpoint.npz", "metrics.json"):
            path = run / finished / name
            assert path.stat().st_mtime_ns == before[path]
    # The killed type ends like an uninterrupted run of that type alone.
    (text, arrays), (expected_text, expected) = (
        checkpoint(run / "overcomplete"),
        checkpoint(trained[0] / RUN.format("overcomplete")),
    )
    assert text == expected_text
    assert arrays.keys() == expected.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], expected[name], name)
    _, alone = trained
    for heading in ("Reconstruction and compression", "Code"):
        rows = table(process, heading), table(alone, heading)
        for name in ("PCA", "overcomplete"):
            assert rows[0][name] == rows[1][name]


# Own images


def draw_folder(folder, number, size=28):
    """Two classes: vertical and horizontal bars."""
    rng = np.random.default_rng(0)
    for name in ("standing", "lying"):
        (folder / name).mkdir(parents=True)
        for index in range(number):
            image = np.zeros((size, size), "uint8")
            start = rng.integers(4, size - 8)
            image[:, start : start + 4] = 255
            image = image if name == "standing" else image.T
            Image.fromarray(image).save(folder / name / f"{index}.png")


DEFAULTS = {
    "autoencoder": "linear",
    "dataset": "digits",
    "data_dir": None,
    "latent_dim": 32,
    "overcomplete_dim": 784,
    "epochs": 1,
    "batch_size": 128,
    "learning_rate": 2e-3,
    "patience": 20,
    "num_labels": [5000],
    "seed": 0,
    "workdir": "runs/{autoencoder}",
    "export_dir": "saved_models/{autoencoder}",
}


def test_a_folder_may_have_fewer_images_than_the_code_has_units(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    draw_folder(tmp_path / "bars", 12)
    own = {"dataset": "bars", "autoencoder": "contractive", "batch_size": 4}
    run(**DEFAULTS | own | {"workdir": "runs/{dataset}_{autoencoder}_{seed}"})

    printed = capsys.readouterr().out
    assert "24 images of 2 classes in" in printed
    kept = table(printed, "Reconstruction and compression")
    assert 1 < int(kept["PCA"][0]) < 24  # as many as there are images
    assert "Few labels" not in printed
    report = tmp_path / "runs/bars_contractive_0/report.html"
    assert "0 to 1" not in report.read_text()
    assert "lying to sta…ing" in report.read_text()
    card = tmp_path / "saved_models/contractive/1/model_card.json"
    assert "24 images of 2 classes" in json.loads(card.read_text())["data"]


# Bad input

# Mistake -> flags by name, and the message.
REFUSED = {
    "unknown dataset": (
        {"dataset": "mnits"},
        r"`dataset` must be one of auto, mnist, .*dataset='mnits'",
    ),
    "a file that is no image": (
        {"dataset": "torn"},
        r"readable images only.*torn/standing/0\.png",
    ),
    "fewer labels than classes": (
        {"num_labels": [100, 9]},
        r"number of classes, 10\. Received: 9",
    ),
    "a loss that is not a number": (
        {"learning_rate": 1e38, "latent_dim": 2},
        r"is (nan|inf) at .*: reduce the learning rate",
    ),
    "a file for a workdir": ({"workdir": "file/run"}, r"choose another.*file"),
    "a file for an export_dir": (
        {"export_dir": "file"},
        "choose another.*file",
    ),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_cannot_be_done_is_refused_and_nothing_exported(
    wrong, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    spoil(tmp_path)
    asked, message = REFUSED[wrong]
    with pytest.raises((ValueError, OSError), match=message) as caught:
        run(**DEFAULTS | asked)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("saved_model.pb"))
    assert (tmp_path / "file").read_text() == "not a folder"


OWN = "autoencoder_mnist.py: "

# Mistake -> flags, and the message on stderr.
BAD = {
    "unknown type": (
        ["--autoencoder=sparce"],
        r"--autoencoder=sparce: .*linear\|under",
    ),
    "empty code": (["--latent_dim=0"], r"--latent_dim=0: .*range \[1, 783\]"),
    "narrow code as wide as the image": (
        ["--latent_dim=784"],
        r"--latent_dim=784: .*range \[1, 783\]",
    ),
    "overcomplete code smaller than the image": (
        ["--overcomplete_dim=783"],
        r"--overcomplete_dim=783: .*range \[784",
    ),
    "no labels": (["--num_labels=0"], r"--num_labels=0: .*positive"),
    "unknown arguments": (["mnist"], r"Unknown arguments: \['mnist'\]"),
    "an image with NaN": (
        ["--dataset=nan"],
        OWN + r".*readable images only.*nan/lying/bad\.tif "
        r".*do not lie between 0 and 1, .*: nan to nan",
    ),
    "checkpoint of another run": (
        [
            "--autoencoder=overcomplete",
            f"--epochs={EPOCHS}",
            "--overcomplete_dim=800",
            f"--workdir={RUN.format('overcomplete')}",
        ],
        OWN + r".* holds the checkpoint of another run: latent_dim was 784 "
        "and is now 800",
    ),
}


def spoil(folder):
    """Writes the bad input: a file, an image with NaN, half an image."""
    (folder / "file").write_text("not a folder")
    for name in ("nan", "torn"):
        draw_folder(folder / name, 3)
    values = np.full((28, 28), np.nan, "float32")
    Image.fromarray(values).save(folder / "nan/lying/bad.tif")
    torn = folder / "torn/standing/0.png"
    torn.write_bytes(torn.read_bytes()[:40])


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_one_line_and_changes_nothing(
    app, trained, assert_refused, contents, tmp_path, name
):
    flags, message = BAD[name]
    run = RUN.format("overcomplete")
    (tmp_path / run).mkdir(parents=True)
    shutil.copy(trained[0] / run / "checkpoint.npz", tmp_path / run)
    spoil(tmp_path)
    before = contents(tmp_path)
    process = app(tmp_path, *flags)
    after = contents(tmp_path)

    assert_refused(process, message, OWN)
    assert {path: after.get(path) for path in before} == before
    assert not [path for path in after if path.name == "saved_model.pb"]
