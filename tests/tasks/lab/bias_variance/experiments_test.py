"""Tables of the experiments, and a run with `fit`."""

import dataclasses

import numpy as np
import pytest

from dlunits.tasks.lab.bias_variance import experiments
from dlunits.tasks.lab.bias_variance.problems import sine_problem
from dlunits.tasks.lab.bias_variance.stacked_networks import TrainedStack
from tests.tasks.lab.bias_variance.problems_test import make_data

# Two networks of the sine at three evaluations.
STACK = TrainedStack(
    epochs=np.array([0, 10, 20]),
    training_errors=np.array([[1.0, 1.0], [0.2, 0.4], [0.1, 0.1]]),
    validation_losses=np.array([[1.0, 1.0], [0.3, 0.5], [0.6, 0.4]]),
    fresh_errors=np.array([[1.0, 1.0], [0.4, 0.6], [0.8, 0.5]]),
    predictions=np.zeros((3, 2, 500)),
    fresh_example_errors=np.array([0.6, 0.7] * 1000),
)


@pytest.fixture(scope="module")
def problem():
    return dataclasses.replace(sine_problem(epochs=20), patience=10)


def test_early_stopping_takes_the_error_at_the_lowest_validation_loss(problem):
    first, second = experiments.early_stopping_rows(problem, STACK)
    assert first["best_epoch"] == 10 and first["stopped_epoch"] == 20
    assert first["error_stopped"] == 0.4 and first["error"] == 0.8
    assert second["best_epoch"] == 20 and second["error_stopped"] == 0.5


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([3, 2, 1], 1, (2, 2)),
        ([1, 2, 0], 1, (0, 1)),
        ([1, 2, 0], 2, (2, 2)),  # the loss of epoch 2 is known when it ends
        ([1, 1, 1, 1], 2, (0, 2)),  # equal is not better
        ([2, float("nan"), 1], 5, (2, 2)),
    ],
)
def test_training_stops_after_patience_epochs(losses, patience, expected):
    epochs = range(len(losses))
    found = experiments.stopping_point(losses, list(epochs), patience)
    assert found == expected


def test_learning_curve_rows_are_means_over_networks(problem):
    row = experiments.learning_curve_row(problem, STACK, size=7, stopped=True)
    assert row["size"] == 7
    assert row["error"] == pytest.approx((0.4 + 0.5) / 2)
    assert row["training_error"] == pytest.approx((0.2 + 0.1) / 2)


def test_the_sum_and_the_measured_error_are_compared(problem):
    number = experiments.num_parameters(problem, width=3)
    row = experiments.complexity_row(problem, STACK, 3, number)
    # Predictions of 0: bias^2 is the mean of sin^2, and there is no variance.
    bias = (problem.decomposed[1] ** 2).mean()
    assert row["bias_squared"] == pytest.approx(bias, rel=1e-5)
    assert row["variance"] == 0
    assert row["sum"] == pytest.approx(bias + 0.09, rel=1e-5)
    assert row["measured_error"] == pytest.approx(0.65)
    # 1.96 s / sqrt(n) of both sides.
    sides = 1.96 * (problem.decomposed[1] ** 2).std() / np.sqrt(500)
    half_width = np.hypot(sides, 1.96 * 0.05 / np.sqrt(2000))
    assert row["half_width"] == pytest.approx(half_width, rel=0.01)
    assert row["adds_up"] == (abs(row["sum"] - 0.65) <= row["half_width"])
    assert row["parameters"] == 3 * 2 + 4


def test_a_diverged_training_has_no_verdict(problem):
    row = {"training_error": float("nan"), "error": 1.0}
    assert experiments.verdict(problem, [row], 0.1) is None


def test_a_finished_training_is_not_repeated(problem, tmp_path):
    options = {"num_networks": 2, "width": 1, "size": 5, "seed": 0}
    first = experiments.trained_stack(tmp_path, problem, **options)
    [path] = tmp_path.glob("*.npz")
    saved = path.stat().st_mtime_ns
    again = experiments.trained_stack(tmp_path, problem, **options)
    assert path.stat().st_mtime_ns == saved
    assert (first.predictions == again.predictions).all()
    changed = dataclasses.replace(problem, learning_rate=0.5)
    experiments.trained_stack(tmp_path, changed, **options)
    assert path.stat().st_mtime_ns != saved


def test_learning_curves_stay_within_the_training_examples(problem):
    few = dataclasses.replace(problem, max_examples=50)
    runs = experiments.trainings(few, [1, 2, 8], num_sets=20, size=20)
    assert [run["width"] for run in runs[:3]] == [1, 2, 8]
    assert all(run["num_networks"] == 20 for run in runs[:3])
    curve = runs[3:]
    assert [run["size"] for run in curve] == [5, 10, 20, 40] * 2
    assert [run["width"] for run in curve] == [1] * 4 + [8] * 4
    assert {run["num_networks"] for run in curve} == {10}


@pytest.mark.parametrize("num_classes", [0, 3])
def test_fit_with_early_stopping_follows_the_run_without(num_classes):
    options = {
        "size": 30,
        "batch_size": 10,
        "epochs": 12,
        "learning_rate": 0.1,
        "seed": 1,
    }
    data = make_data(num_classes)
    full, stopped = (
        experiments.fit_one_network(
            data,
            lambda: experiments.dense_network(data, width=20),
            patience=patience,
            **options,
        )
        for patience in (None, 2)
    )
    assert len(full["loss"]) == 12
    epochs = len(stopped["loss"])
    assert epochs < 12
    np.testing.assert_allclose(
        full["val_loss"][:epochs], stopped["val_loss"], rtol=1e-5
    )
    # The labels are random: the best epoch is 2 before the last one.
    assert stopped["val_loss"].argmin() == epochs - 1 - 2
