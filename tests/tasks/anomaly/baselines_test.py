"""Other detectors: each beside what it should find."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dlunits.tasks.anomaly.baselines import baseline_scores


@pytest.fixture(scope="module")
def rows():
    """Known ones on a line in three dimensions, new ones on it and beside."""
    generator = np.random.default_rng(0)
    t = generator.normal(size=(300, 1))
    line = t * [1.0, 10.0, -3.0] + 0.1 * generator.normal(size=(300, 3))
    beside = line[200:] + np.array([2.0, 0.0, 6.0])
    return line[:100], np.concatenate([line[100:], beside])


def test_every_detector_finds_rows_beside_the_known_ones(rows):
    labels = np.repeat([0, 1], [200, 100])
    for name, scores in baseline_scores(*rows).items():
        assert roc_auc_score(labels, scores) > 0.9, name


def test_neighbors_are_those_that_a_loop_finds(rows):
    known, new = rows
    scores = baseline_scores(known, new[:20])
    deviation = known.std(0)
    for row, nearest, mean_of_5 in zip(
        new, scores["nearest row"], scores["k-NN"], strict=False
    ):
        distances = np.sort(np.linalg.norm((known - row) / deviation, axis=1))
        assert nearest == pytest.approx(distances[0])
        assert mean_of_5 == pytest.approx(distances[:5].mean())


def test_units_do_not_matter(rows):
    known, new = rows
    units = np.array([1e3, 1e-3, 7.0])
    for ours, scaled in zip(
        baseline_scores(known, new).values(),
        baseline_scores(known * units, new * units).values(),
        strict=True,
    ):
        np.testing.assert_allclose(ours, scaled, rtol=1e-6)


def test_few_rows_have_fewer_neighbors():
    known = np.array([[0.0], [2.0], [4.0]])
    scores = baseline_scores(known, np.array([[2.0]]))
    # Distances 0, 2 and 2 in standard deviations of sqrt(8 / 3).
    assert scores["k-NN"][0] == pytest.approx(4 / 3 / np.sqrt(8 / 3))
