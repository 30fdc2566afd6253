"""Baseline detectors on rows with known anomalies, and against loops."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dlunits.tasks.anomaly.baselines import baseline_scores


@pytest.fixture(scope="module")
def rows():
    """Training rows on a line in three dimensions; new rows on and off it."""
    generator = np.random.default_rng(0)
    t = generator.normal(size=(300, 1))
    line = t * [1.0, 10.0, -3.0] + 0.1 * generator.normal(size=(300, 3))
    off_line = line[200:] + np.array([2.0, 0.0, 6.0])
    return line[:100], np.concatenate([line[100:], off_line])


def test_every_baseline_detects_rows_off_the_line(rows):
    labels = np.repeat([0, 1], [200, 100])
    for name, scores in baseline_scores(*rows).items():
        assert roc_auc_score(labels, scores) > 0.9, name


def test_neighbors_agree_with_a_loop(rows):
    train, new = rows
    scores = baseline_scores(train, new[:20])
    deviation = train.std(0)
    for row, nearest, mean_of_5 in zip(
        new, scores["1-NN"], scores["k-NN"], strict=False
    ):
        distances = np.sort(np.linalg.norm((train - row) / deviation, axis=1))
        assert nearest == pytest.approx(distances[0])
        assert mean_of_5 == pytest.approx(distances[:5].mean())


def test_scores_do_not_depend_on_the_units_of_features(rows):
    train, new = rows
    units = np.array([1e3, 1e-3, 7.0])
    for ours, scaled in zip(
        baseline_scores(train, new).values(),
        baseline_scores(train * units, new * units).values(),
        strict=True,
    ):
        np.testing.assert_allclose(ours, scaled, rtol=1e-6)


def test_few_rows_have_fewer_neighbors():
    train = np.array([[0.0], [2.0], [4.0]])
    scores = baseline_scores(train, np.array([[2.0]]))
    # Distances 0, 2 and 2 in standard deviations of sqrt(8 / 3).
    assert scores["k-NN"][0] == pytest.approx(4 / 3 / np.sqrt(8 / 3))
