"""Model, training and history of the adding task."""

import numpy as np
import pytest

from dlunits.data.series.adding_task import BASELINE_RMSE, adding_examples
from dlunits.tasks.gradient_flow.train import (
    adding_error,
    adding_model,
    train_on_adding,
)
from dlunits.training import RunDirectory


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("lstm", 4)])
def test_the_number_of_parameters_matches_the_gates(cell, gates):
    model = adding_model(cell, units=5)
    assert model.count_params() == gates * 5 * (2 + 5 + 1) + 5 + 1
    assert model.predict(np.zeros((3, 7, 2)), verbose=0).shape == (3, 1)


def test_a_short_lag_is_solved_and_norms_are_in_the_history(tmp_path):
    model, history = train_on_adding(
        "gru",
        RunDirectory(tmp_path, {}),
        length=4,
        units=8,
        epochs=2,
        steps_per_epoch=150,
        clipnorm=1.0,
        seed=0,
    )
    error = adding_error(model, adding_examples(500, length=4, seed=9))
    assert error < BASELINE_RMSE / 2
    assert len(history["gradient_norm"]) == 2
    assert history["max_gradient_norm"][0] > 1.0
    assert 0 < history["clipped_fraction"][0] < 1
    header = (tmp_path / "history.csv").read_text().splitlines()[0]
    assert "max_gradient_norm" in header.split(",")
