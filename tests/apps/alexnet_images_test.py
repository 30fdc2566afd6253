"""The AlexNet app as a process: folders, report, SavedModel, bad flags."""

import functools
import json
import re

import numpy as np
import pytest
from PIL import Image

FLAGS = (
    "--dataset=photos",
    "--width=0.02",
    "--epochs=1",
    "--steps_per_epoch=2",
    "--batch_size=6",
)
RUN = "runs/alexnet_photos_grouped_0.02_67_pixels_1_epochs_seed_0"


@pytest.fixture(scope="module")
def app(run_app):
    """Runs the app to its end in a folder."""
    return functools.partial(run_app, "alexnet_images.py")


@pytest.fixture(scope="module")
def trained(app, tmp_path_factory):
    """Folder of a run on photos of six classes, and its process."""
    folder = tmp_path_factory.mktemp("trained")
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "d", "e", "\u5b57 $x$"):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(3):
            pixels = rng.integers(0, 256, (90, 80, 3), dtype="uint8")
            Image.fromarray(pixels).save(folder / "photos" / name / f"{i}.jpg")
    process = app(folder, *FLAGS)
    assert process.returncode == 0, process.stderr
    return folder, process


def test_the_last_lines_are_accuracies_report_and_saved_model(trained):
    folder, process = trained
    lines = process.stdout.strip().splitlines()[-4:]
    last = {
        name: value.strip()
        for name, value in (line.split(":", 1) for line in lines)
    }
    assert list(last) == [
        "Top-1 accuracy",
        "Top-5 accuracy",
        "Report",
        "SavedModel",
    ]
    assert 0 <= float(last["Top-1 accuracy"]) <= float(last["Top-5 accuracy"])
    assert last["Report"] == f"{RUN}/report.html"
    assert last["SavedModel"] == "saved_models/alexnet_photos/1"
    assert (folder / RUN / "history.csv").is_file()


def test_the_report_has_all_figures_and_the_flops_of_the_layers(trained):
    folder, _ = trained
    html = (folder / RUN / "report.html").read_text()
    for title in ("Training", "Test errors", "Filters of the first layer"):
        assert f">{title}</h2>" in html
    assert "The 2 kernels of conv1" in html
    assert "18 images of 6 classes in" in html
    assert "the mean over 10 crops" in html
    # conv1: 15 * 15 positions, 2 maps, 11 * 11 * 3 products and a bias
    assert re.search(rf"conv1</th>.*{2 * 15 * 15 * 2 * 363:,}", html)


def test_the_saved_model_classifies_encoded_images(trained):
    import tensorflow as tf

    folder, _ = trained
    version = folder / "saved_models/alexnet_photos/1"
    card = json.loads((version / "model_card.json").read_text())
    assert card["classes"] == ["a", "b", "c", "d", "e", "\u5b57 $x$"]
    assert card["metrics"].keys() == {"test_images", "top_1", "top_5"}
    loaded = tf.saved_model.load(version)
    photo = (folder / "photos/a/0.jpg").read_bytes()
    outputs = loaded.signatures["classify_files"](tf.constant([photo, photo]))
    assert outputs["scores"].shape == (2, 6)
    np.testing.assert_allclose(
        tf.reduce_sum(outputs["scores"], axis=1), 1, atol=1e-5
    )


def test_the_same_command_again_trains_nothing_more(trained, app):
    folder, _ = trained
    history = (folder / RUN / "history.csv").read_bytes()
    again = app(folder, *FLAGS)
    assert again.returncode == 0, again.stderr
    assert "Epoch 1/1" not in again.stdout
    assert (folder / RUN / "history.csv").read_bytes() == history
    assert (folder / "saved_models/alexnet_photos/2").is_dir()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset=photos/a"], "at least two classes"),
        (["--dataset=nothing"], "Received: 'nothing'"),
        (["--crop_size=66"], "crop_size=66"),
        (["--width=0"], "width=0"),
        (["--width=nan"], "width must be a finite number"),
        (["--precision=float8"], "precision=float8"),
    ],
)
def test_bad_flags_give_one_line(trained, app, assert_refused, flags, message):
    folder, _ = trained
    process = app(folder, *flags)
    assert_refused(process, message, "alexnet_images.py: ")
