"""Maps of codes with known neighborhoods."""

import numpy as np
import pytest

from dlunits.diagnostics import latent_map


def test_codes_of_two_units_are_returned_unchanged():
    code = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_array_equal(latent_map(code), code)


def test_a_single_unit_is_mapped_to_a_line():
    assert latent_map([[1.0], [2.0], [4.0]]).tolist() == [
        [1, 0],
        [2, 0],
        [4, 0],
    ]


def test_neighbors_stay_neighbors_in_each_run():
    rng = np.random.default_rng(1)
    labels = np.arange(90) % 3
    code = rng.normal(size=(90, 6)) + 30 * np.eye(3, 6)[labels]
    points = latent_map(code)
    assert points.shape == (90, 2)
    for index in range(90):  # the nearest other point is of the same cluster
        distance = ((points - points[index]) ** 2).sum(axis=1)
        distance[index] = np.inf
        assert labels[distance.argmin()] == labels[index]
    np.testing.assert_array_equal(points, latent_map(code))


@pytest.mark.parametrize("examples", [1, 3, 4, 8])
def test_a_few_codes_are_accepted(examples):
    code = np.random.default_rng(2).normal(size=(examples, 5))
    points = latent_map(code)
    assert points.shape == (examples, 2)
    assert np.isfinite(points).all()


def test_equal_codes_are_mapped_to_one_point():
    assert (latent_map(np.full((50, 8), 0.3)) == 0).all()
