"""Sections, tables and code of the bias-variance report."""

import csv

import numpy as np
import pytest

from dlunits.tasks.lab.bias_variance import experiments, report
from dlunits.tasks.lab.bias_variance.problems import sine_problem


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return experiments.measure(
        tmp_path_factory.mktemp("finished"),
        sine_problem(epochs=3),
        widths=(1, 2),
        num_sets=2,
        size=4,
        seed=0,
    )


@pytest.fixture(scope="module")
def example():
    losses = {
        "loss": np.array([3.0, 2.0, 1.0]),
        "val_loss": np.array([3.0, 2.0, 4.0]),
        "test_error": np.array(0.4),
    }
    stopped = {**losses, "test_error": np.array(0.3)}
    return report.example_arrays(losses, stopped, patience=1)


def test_the_verdict_is_given_for_each_size(result):
    section = report.learning_curve_section(result)
    sizes = [row["examples"] for row in section.table]
    assert sizes == [1, 2, 4, 8, 16][1:] * 3
    assert {row["verdict"] for row in section.table} <= {
        "high bias",
        "high variance",
        "well fitted",
    }


def test_the_table_of_the_trade_off_answers_whether_it_adds_up(result):
    section = report.complexity_section(result)
    assert [row["width"] for row in section.table] == [1, 2]
    assert {row["adds_up"] for row in section.table} <= {"yes", "no"}
    assert len(section.figures) == 2  # the functions, and the parts


def test_the_example_names_its_epochs_and_errors(example):
    section = report.example_section(example, "a network", "code")
    assert "lowest at epoch 2" in section.text
    assert "0.3 with early stopping and 0.4 without" in section.text
    [(_, code), (_, stopping)] = section.code
    assert code == "code"
    assert 'EarlyStopping(\n    "val_loss", patience=1' in stopping
    compile(stopping, "code", "exec")


def test_every_number_is_in_a_table(result, example, tmp_path):
    paths = report.write_tables(tmp_path, [result], example)
    names = [path.name for path in paths]
    assert names == [
        "claims.csv",
        "sine_complexity.csv",
        "sine_training_time.csv",
        "sine_early_stopping.csv",
        "sine_learning_curves.csv",
        "example_run.csv",
    ]
    with (tmp_path / "sine_training_time.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert float(rows[-1]["sum"]) == result.training_time[-1]["sum"]
