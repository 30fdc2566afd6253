"""Paths on surfaces and on a plane through the loss of a network."""

import dataclasses

import numpy as np
import pytest

from dlunits.tasks.lab.training.descent import (
    STEPS,
    SURFACES,
    overshoot,
    plane_paths,
    surface_paths,
)
from dlunits.tasks.lab.training.recipes import Recipe
from dlunits.tasks.lab.training.train import Trainers
from tests.tasks.lab.training.comparison_runs import (
    made_comparison,
    made_data,
    made_result,
)


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_has_its_minimum_at_the_stated_point(name):
    surface = SURFACES[name]
    minimum = np.array(surface.minimum)
    assert surface.function(minimum) == 0
    around = minimum + np.array([[0.1, 0], [-0.1, 0], [0, 0.1], [0, -0.1]])
    assert (surface.function(around) > 0).all()


def test_paths_start_together_and_descend():
    paths = surface_paths("ravine", ["sgd", "adam"])
    assert [name.partition(",")[0] for name in paths.paths] == ["sgd", "adam"]
    for name, path in paths.paths.items():
        assert path.shape == (STEPS + 1, 2)
        assert tuple(path[0]) == SURFACES["ravine"].start
        assert paths.losses[name][-1] < 0.05 * paths.losses[name][0]


def test_overshoot_is_the_way_beyond_the_minimum():
    assert overshoot(np.array([[0, 2], [0, -0.5], [0, 0.25]])) == 0.5
    assert overshoot(np.array([[0, 2], [0, 1]])) == 0


def test_the_plane_contains_the_paths_of_the_runs():
    data = made_data()
    recipe = Recipe(epochs=3, batch_size=4, units=3, num_layers=1)
    trainers = Trainers(data)
    results = {
        label: trainers.fit(
            dataclasses.replace(recipe, learning_rate=float(label)), True
        )
        for label in ("0.01", "0.1")
    }
    comparison = made_comparison(["learning_rate"], "0.01,0.1", results, 1)
    paths, plane = plane_paths(comparison)
    assert 0.5 < plane.explained <= 1
    for name, path in paths.paths.items():
        np.testing.assert_allclose(path[0], 0, atol=1e-6)
        assert len(path) == 4
        np.testing.assert_array_equal(
            paths.losses[name], results[name].validation_loss
        )
    # All paths are inside the grid, and the loss at their start is correct.
    start = paths.heights[np.abs(paths.y).argmin(), np.abs(paths.x).argmin()]
    assert start == pytest.approx(results["0.1"].validation_loss[0], rel=0.1)


def test_runs_without_a_common_start_have_no_plane():
    results = dict.fromkeys(("sgd", "adam"), made_result())
    assert plane_paths(made_comparison(["optimizer"], "sgd,adam", results)) is (
        None
    )
