"""Report of a small convolutional network trained on digits."""

import dataclasses
import re

import keras
import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.data.images.augmentation import pad_to_32x32
from dlunits.tasks.digits.report import write_classifier_report


@pytest.fixture(scope="module")
def run():
    """Arguments of the report: model, history, data, scores."""
    keras.utils.set_random_seed(0)
    data = image_datasets.load("digits")
    model = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            keras.layers.Conv2D(4, 5, strides=2, activation="relu", name="c1"),
            keras.layers.Conv2D(8, 5, strides=2, activation="relu", name="c3"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax", name="output"),
        ],
        name="small",
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    (train, train_labels), (validation, validation_labels), (test, _) = (
        (pad_to_32x32(images), labels)
        for images, labels in (data.train, data.validation, data.test)
    )
    history = model.fit(
        train,
        train_labels,
        validation_data=(validation, validation_labels),
        epochs=2,
        verbose=0,
    ).history
    return {
        "model": model,
        "history": history,
        "data": data,
        "scores": model.predict(test, verbose=0),
        "example": test[0],
        "feature_layers": ["c1", "c3"],
        "command": "python apps/lenet_mnist.py --epochs=2",
        "seconds": 312.4,
    }


def written(path, run, **changed):
    """Text of the report, dict of its key figures, and its images."""
    report = write_classifier_report(path, **run | changed)
    assert report == path
    html = report.read_text(encoding="utf-8")
    summary = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    return html, dict(summary), re.findall(r'alt="([^"]*)"', html)


@pytest.fixture(scope="module")
def report(run, tmp_path_factory):
    return written(tmp_path_factory.mktemp("run") / "report.html", run)


def test_the_summary_has_the_key_figures(report, run):
    _, summary, _ = report
    predictions = run["scores"].argmax(axis=1)
    wrong = int((predictions != run["data"].test[1]).sum())

    assert summary == {
        "Test error": f"{100 * wrong / 300:.2f}%",
        "Training images": "1,372",
        "Validation images": "125",
        "Test images": "300",  # a sixth of 1,797; 125 are a twelfth of 1,497
        "Epochs": "2",
        # 4 (5*5 + 1) + 8 (4*5*5 + 1) + 10 (8*5*5 + 1): maps of 14 and 5
        "Parameters": "2,922",
    }


def test_the_figures_are_curves_confusion_errors_and_maps(report, run):
    html, _, images = report
    curves, confusion, mistakes, maps = images
    predictions = run["scores"].argmax(axis=1)
    right = int((predictions == run["data"].test[1]).sum())

    assert "Training curves, 2 epoch(s); best val_loss at epoch" in curves
    assert f"{right} of 300 examples are on the diagonal" in confusion
    assert f"most confident of {300 - right} errors" in mistakes
    assert "c1: 4 maps, 14" in maps  # (32 - 5) // 2 + 1
    assert "c3: 8 maps, 5" in maps  # (14 - 5) // 2 + 1
    name = run["data"].class_names[run["data"].test[1][0]]
    assert f"First test image: {name}." in html


def test_the_sections_are_in_order(report):
    html, _, _ = report
    assert re.findall(r"<h2.*?>(.*?)</h2>", html) == [
        "Training",
        "Test errors",
        "Feature maps",
        "Layers",
        "Run details",
    ]


def test_the_table_derives_the_output_size_of_every_layer(report):
    html, _, _ = report
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', html)
    rows = {name: re.sub(r"<.*?>|\s", " ", row) for name, row in rows}

    assert {"c1", "c3", "output"} <= rows.keys()
    # The field is 32 wide, the kernel 5, the stride 2.
    for number in ("32", "5", "2", "14", "104"):
        assert re.search(rf"\b{number}\b", rows["c1"]), (number, rows["c1"])
    assert "2,010" in rows["output"]  # 10 (200 + 1)


def test_the_report_states_command_data_and_duration(report, run):
    html, _, _ = report
    assert f"<h1>Sequential on {run['data'].name}</h1>" in html
    assert "python apps/lenet_mnist.py --epochs=2" in html
    assert "scikit-learn&#39;s 1,797 handwritten digits of 8x8" in html
    assert "5 min 12 s" in html  # 312.4 s
    assert f"keras {keras.__version__}" in html


def scores_for(answers):
    return np.eye(10, dtype="float32")[answers]


def test_a_report_without_errors_has_a_sentence(run, tmp_path):
    labels = run["data"].test[1]
    _, summary, images = written(
        tmp_path / "report.html", run, scores=scores_for(labels)
    )
    assert summary["Test error"] == "0.00%"
    assert "300 of 300 examples are on the diagonal" in images[1]
    assert images[2] == "No errors: all 300 images are classified correctly."


def test_a_report_without_correct_predictions_shows_the_first_errors(
    run, tmp_path
):
    labels = run["data"].test[1]
    _, summary, images = written(
        tmp_path / "report.html", run, scores=scores_for((labels + 1) % 10)
    )
    assert summary["Test error"] == "100.00%"
    assert "0 of 300 examples are on the diagonal" in images[1]
    assert "24 most confident of 300 errors" in images[2]
    first = labels[0]  # all are as confident, so the order stays
    assert (
        f"first is {first} predicted as {(first + 1) % 10} (100.0 %)"
        in images[2]
    )


def test_class_names_are_shown_verbatim(run, tmp_path):
    data = dataclasses.replace(
        run["data"],
        name="<signs>",
        class_names=("$\\pi$", "<b>", *"23456789"),
    )
    html, _, images = written(
        tmp_path / "report.html",
        run,
        data=data,
        scores=scores_for(np.ones(300, int)),
    )
    assert "<h1>Sequential on &lt;signs&gt;</h1>" in html
    assert "predicted as &lt;b&gt;" in images[2]
    assert "<b>" not in html


def test_a_failed_write_keeps_the_old_report(run, tmp_path):
    path = tmp_path / "report.html"
    html, _, _ = written(path, run)
    with pytest.raises(ValueError, match="No such layer: c9"):
        written(path, run, feature_layers=["c9"])
    assert path.read_text(encoding="utf-8") == html
    assert list(tmp_path.iterdir()) == [path]
