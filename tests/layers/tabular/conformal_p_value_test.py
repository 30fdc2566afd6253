"""Conformal p-values, by hand and on exchangeable rows."""

import numpy as np
import pytest
from keras import ops

from dlunits.layers import ConformalPValue


def p_values(layer, scores):
    return ops.convert_to_numpy(layer(np.asarray(scores, "float32")))


def test_it_counts_scores_that_are_at_least_as_high_fold_by_fold():
    rng = np.random.default_rng(0)
    known, new = rng.integers(0, 9, 11), rng.integers(0, 9, (6, 3))
    layer = ConformalPValue(11, num_folds=3)
    layer.adapt(known)
    expected = []
    for row in new:
        count = 1
        for number, score in enumerate(known):
            count += score >= row[number % 3]
        expected.append(count / 12)
    np.testing.assert_allclose(p_values(layer, new), expected, rtol=1e-6)


def test_scores_that_differ_by_rounding_count_as_equal():
    layer = ConformalPValue(4)
    layer.adapt([1.0, 2.0, 2.0, 3.0])
    about_2 = np.array([[2.0], [2 - 5e-5], [2 + 5e-5]])
    np.testing.assert_allclose(p_values(layer, about_2), 4 / 5)
    np.testing.assert_allclose(p_values(layer, [[2.001]]), 2 / 5)
    exact = ConformalPValue(4, tolerance=0)
    exact.adapt([1.0, 2.0, 2.0, 3.0])
    np.testing.assert_allclose(
        p_values(exact, about_2)[:, None], [[4 / 5], [4 / 5], [2 / 5]]
    )


def test_the_highest_score_has_the_smallest_p_value_and_the_lowest_has_1():
    layer = ConformalPValue(99)
    layer.adapt(np.arange(99.0))
    np.testing.assert_allclose(
        p_values(layer, [[1e9], [np.inf], [-1e9]]), [0.01, 0.01, 1.0]
    )


def test_p_values_of_exchangeable_rows_are_uniform():
    """P(p <= a) is the largest multiple of 1 / (n + 1) that a reaches."""
    rng = np.random.default_rng(0)
    rate, below = 0.1, []
    layer = ConformalPValue(19)
    for _ in range(300):
        layer.adapt(rng.normal(size=19))
        below.append(np.mean(p_values(layer, rng.normal(size=(50, 1))) <= rate))
    assert np.mean(below) == pytest.approx(
        rate, abs=3 * np.std(below) / np.sqrt(300)
    )


@pytest.mark.parametrize(("rows", "folds"), [(0, 1), (3, 4), (3, 0)])
def test_numbers_out_of_range_are_refused(rows, folds):
    with pytest.raises(ValueError, match=f"num_rows={rows}"):
        ConformalPValue(rows, folds)


def test_a_negative_tolerance_is_refused():
    with pytest.raises(ValueError, match="tolerance=-1"):
        ConformalPValue(3, tolerance=-1)


@pytest.mark.parametrize("scores", [np.zeros(4), [0.0, np.nan, 1.0]])
def test_other_than_one_score_a_row_is_rejected(scores):
    with pytest.raises(ValueError, match="must be 3 scores"):
        ConformalPValue(3).adapt(scores)
