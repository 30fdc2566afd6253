"""The AlexNet app as a process: folders, report, SavedModel, bad flags."""

import csv
import functools
import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.tasks.lab.index_page_test import shown_units

FLAGS = (
    "--dataset=photos",
    "--width=0.02",
    "--epochs=1",
    "--steps_per_epoch=2",
    "--batch_size=6",
    "--precision=mixed_float16",
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
    lines = process.stdout.strip().splitlines()[-6:]
    last = {
        name: value.strip()
        for name, value in (line.split(":", 1) for line in lines)
    }
    assert list(last) == [
        "Top-1 accuracy",
        "Top-5 accuracy",
        "Predictions",
        "Report",
        "SavedModel",
        "Use it",
    ]
    assert 0 <= float(last["Top-1 accuracy"]) <= float(last["Top-5 accuracy"])
    assert last["Report"] == f"{RUN}/report.html"
    assert last["SavedModel"] == "saved_models/alexnet_photos/1"
    assert (folder / RUN / "history.csv").is_file()


def test_the_predictions_of_the_test_images_are_a_table(trained):
    folder, process = trained
    with (folder / RUN / "predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6  # one of each class
    for row in rows:
        assert (folder / "photos" / row["image"]).is_file()
        assert row["image"].startswith(f"{row['class']}/")
        assert row["correct"] == str(row["class"] == row["predicted_class"])
        assert float(row["probability_of_class"]) <= float(row["probability"])
    right = sum(row["correct"] == "True" for row in rows)
    assert f"Top-1 accuracy: {right / 6:.4f}" in process.stdout


def test_the_report_has_all_figures_and_the_flops_of_the_layers(trained):
    folder, _ = trained
    html = (folder / RUN / "report.html").read_text()
    titles = (
        "Training",
        "Accuracy of one crop and of several",
        "Test errors",
        "Most confident errors",
        "Augmentation",
        "Feature maps",
        "Filters of the first layer",
        "Layers",
    )
    for title in titles:
        assert f">{title}</h2>" in html
    assert shown_units(folder / RUN / "report.html", "alexnet") == ["AlexNet"]
    assert "3 training images, each with 7 random variants" in html
    assert "The 2 kernels of conv1" in html
    assert "18 images of 6 classes in" in html
    assert re.search(r"central crop</th>.*10 crops</th>", html, re.DOTALL)
    # conv1: 15 * 15 positions, 2 maps, 11 * 11 * 3 products and a bias
    assert re.search(rf"conv1</th>.*{2 * 15 * 15 * 2 * 363:,}", html)


def test_the_saved_model_classifies_encoded_images(trained):
    import tensorflow as tf

    folder, _ = trained
    version = folder / "saved_models/alexnet_photos/1"
    card = json.loads((version / "model_card.json").read_text())
    assert card["classes"] == ["a", "b", "c", "d", "e", "\u5b57 $x$"]
    assert card["metrics"].keys() == {"test_images", "top_1", "top_5"}
    [scores] = card["signatures"]["predict"]["outputs"].values()
    assert scores["dtype"] == "float32"  # trained in mixed precision
    loaded = tf.saved_model.load(version)
    photo = (folder / "photos/a/0.jpg").read_bytes()
    outputs = loaded.signatures["classify_files"](tf.constant([photo, photo]))
    assert outputs["scores"].shape == (2, 6)
    np.testing.assert_allclose(
        tf.reduce_sum(outputs["scores"], axis=1), 1, atol=1e-5
    )


def test_image_files_are_classified_by_the_saved_model(trained, app):
    folder, process = trained
    (folder / "words.txt").write_text("no image")
    pages = [Image.new("RGB", (9, 9), color) for color in ("red", "blue")]
    pages[0].save(folder / "two.tiff", save_all=True, append_images=pages[1:])
    command = process.stdout.strip().splitlines()[-1].split()
    [model] = [word for word in command if word.startswith("--model=")]
    found = app(folder, model, "photos/a/0.jpg", "two.tiff", "words.txt")
    assert found.returncode == 1
    lines = found.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "photos/a/0.jpg",
        "two.tiff, page 1",
        "two.tiff, page 2",
    ]
    for line in lines:
        assert re.search(r": (a|b|c|d|e|\u5b57 \$x\$) \(\d+\.\d%\)$", line)
    assert "words.txt: is not an image" in found.stderr


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
        (["photos/a/0.jpg"], "Image files are classified with --model"),
        (["--model=saved_models/alexnet_photos"], "at least one image file"),
        (["--model=saved_models", "--width=1", "x.png"], "--width has no effe"),
        (["--model=nothing", "photos/a/0.jpg"], "nothing"),
    ],
)
def test_bad_flags_give_one_line(trained, app, assert_refused, flags, message):
    folder, _ = trained
    process = app(folder, *flags)
    assert_refused(process, message, "alexnet_images.py: ")
