"""Report of recurrent classifiers of digits."""

import re

import keras
import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.models import RecurrentModel
from dlunits.tasks.digits.sequence_report import (
    accuracy_table,
    write_sequence_report,
)

# The best on the validation images is not the best on the test images.
HISTORIES = {
    "rnn": {
        "loss": [2.0, 1.0, 0.5],
        "val_loss": [2.0, 1.5, 1.8],
        "val_accuracy": [0.3, 0.5, 0.9],
        "accuracy": [0.3, 0.5, 0.6],
    },
    "gru": {
        "loss": [2.0, 1.0],
        "val_loss": [1.0, 0.5],
        "val_accuracy": [0.6, 0.7],
        "accuracy": [0.6, 0.7],
    },
}
WRONG = {"rnn": 30, "gru": 45}  # of 300


@pytest.fixture(scope="module")
def data():
    return image_datasets.load("digits")


@pytest.fixture(scope="module")
def results(data):
    keras.utils.set_random_seed(0)
    labels = data.test[1]
    results = {}
    for cell, history in HISTORIES.items():
        answers = labels.copy()
        answers[: WRONG[cell]] = (answers[: WRONG[cell]] + 1) % 10
        results[cell] = {
            "model": RecurrentModel(
                "many_to_one", (28, 28), 10, cell=cell, units=(8,)
            ),
            "history": history,
            "scores": np.eye(10)[answers],
            "seconds": 61.0,
        }
    return results


def written(path, results, data):
    """Text of the report, dict of its key figures, and its images."""
    report = write_sequence_report(
        path, results=results, data=data, command="python apps/x.py --cell=all"
    )
    assert report == path
    html = report.read_text(encoding="utf-8")
    summary = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    return html, dict(summary), re.findall(r'alt="([^"]*)"', html)


@pytest.fixture(scope="module")
def report(results, data, tmp_path_factory):
    return written(tmp_path_factory.mktemp("run") / "a.html", results, data)


def test_the_table_has_accuracy_and_cost_of_each_cell(results, data):
    header, rows = accuracy_table(results, data)
    assert [dict(zip(header, row, strict=True)) for row in rows] == [
        {
            "Cell": "rnn",
            "Parameters": 8 * (28 + 8 + 1) + 10 * (8 + 1),
            # Of the second epoch, which has the smallest loss.
            "Validation accuracy": "50.00 %",
            "Test accuracy": "90.00 %",  # 270 / 300
            "Test errors": 30,
            "Epochs": 3,
            "Training time": "1 min 1 s",
        },
        {
            "Cell": "gru",
            "Parameters": 3 * 8 * (28 + 8 + 2) + 10 * (8 + 1),
            "Validation accuracy": "70.00 %",
            "Test accuracy": "85.00 %",  # 255 / 300
            "Test errors": 45,
            "Epochs": 2,
            "Training time": "1 min 1 s",
        },
    ]


def test_the_best_cell_is_chosen_by_validation_accuracy(report):
    html, summary, images = report
    assert summary["Network"] == "gru"
    assert summary["Test error"] == "15.00%"  # 45 / 300
    assert "Network with the best validation accuracy: gru." in html
    assert "255 of 300 examples are on the diagonal" in images[2]
    assert "24 most confident of 45 errors" in images[3]


def test_the_report_has_the_table_and_curves_of_each_cell(report):
    html, summary, images = report
    assert [words.split(",")[1] for words in images[:2]] == [
        " 3 epoch(s); best val_loss at epoch 2.",
        " 2 epoch(s); best val_loss at epoch 2.",
    ]
    for cell in HISTORIES:
        assert f'<th scope="row">{cell}</th>' in html
        assert f"{cell}: one point per epoch." in html
    assert "<h1>Sequences of rows: rnn, gru on digits</h1>" in html
    assert summary["Test images"] == "300"
    assert "python apps/x.py --cell=all" in html
    assert "2 min 2 s" in html  # of both


def test_a_single_network_has_no_comparison(results, data, tmp_path):
    html, summary, images = written(
        tmp_path / "a.html", {"rnn": results["rnn"]}, data
    )
    assert summary["Network"] == "rnn"
    assert "the best on" not in html
    assert len(images) == 3
