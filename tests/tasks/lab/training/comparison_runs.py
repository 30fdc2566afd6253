"""Results of runs with given numbers, for tests."""

import dataclasses

import numpy as np

from dlunits.tasks.lab.sources import LabData
from dlunits.tasks.lab.training.recipes import Recipe, make_runs
from dlunits.tasks.lab.training.results import Comparison
from dlunits.tasks.lab.training.train import RunResult

EPOCHS = 3


def made_result(loss=0.5, **changes):
    """Result of a run whose loss decreases from twice its final value."""
    losses = loss * np.linspace(2, 1, EPOCHS)
    result = RunResult(
        layers=["hidden_1", "output"],
        activations=["hidden_1", "output"],
        loss=losses,
        score=1 - losses / 4,
        validation_loss=np.array([2.0, 1.0, 0.5, 0.75]),
        validation_score=np.array([0.1, 0.5, 0.75, 0.7]),
        seconds=np.arange(1.0, 1 + EPOCHS),
        updates=5 * np.arange(1, 1 + EPOCHS),
        gradient_norm=np.full((EPOCHS + 1, 2), 0.5),
        update_ratio=np.full((EPOCHS, 2), 1e-3),
        saturated=np.full((EPOCHS + 1, 2), 0.25),
        dead=np.zeros((EPOCHS + 1, 2)),
        update=np.array([5, 10, 15]),
        update_loss=losses,
        loss_deviation=0.1,
        path=np.zeros((0, 0), "float32"),
        train_loss=loss,
        train_score=0.9,
        test_loss=loss + 0.2,
        test_score=0.8,
        diverged=False,
    )
    return dataclasses.replace(result, **changes)


def made_data():
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    y = np.arange(16, dtype="int32") % 2
    return LabData("points", "Points.", ("a", "b"), *[(x, y)] * 3)


def made_comparison(factors, values, results, num_seeds=2, data=None):
    """Comparison with a result for each run, or for each label."""
    data = data or made_data()
    recipe = Recipe(epochs=EPOCHS, batch_size=4, units=3, num_layers=1)
    runs = make_runs(factors, values, recipe, data, num_seeds)
    if isinstance(results, dict):
        results = [results[run.label] for run in runs]
    return Comparison(factors, runs, results, data)
