"""Conformal intervals: the rank by hand, the coverage by simulation."""

import keras
import numpy as np
import pytest

from dlunits.layers import ConformalInterval
from dlunits.layers.tabular.conformal_interval import (
    conformal_quantile,
    min_examples,
)


@pytest.mark.parametrize(
    ("coverage", "examples", "rank"),
    # ceil((n + 1) coverage), by hand
    [(0.9, 9, 9), (0.9, 19, 18), (0.9, 20, 19), (0.5, 3, 2), (0.95, 19, 19)],
)
def test_half_width_is_the_error_of_the_rank_by_hand(coverage, examples, rank):
    errors = np.random.default_rng(0).permutation(examples) + 1.0
    errors[::2] *= -1  # of either sign
    assert conformal_quantile(errors, coverage) == rank


def test_each_step_and_channel_has_its_own_width():
    errors = np.arange(1.0, 10)[:, None, None] * [[1.0, 10.0], [2.0, 20.0]]
    layer = ConformalInterval(0.9)
    layer.adapt(errors)
    interval = keras.ops.convert_to_numpy(layer(np.zeros((1, 2, 2))))
    np.testing.assert_array_equal(
        interval[0, ..., 1], [[9.0, 90.0], [18.0, 180.0]]
    )
    np.testing.assert_array_equal(interval[..., 0], -interval[..., 1])


def test_the_coverage_holds_for_new_examples():
    """For 19 known errors and a new one, all 20 ranks of the new error are
    equally likely, so the expected coverage is 18 / 20. The tolerance for 4,000
    draws is four standard deviations of sqrt(.9 * .1 / 4000) = .0047.
    """
    rng = np.random.default_rng(0)
    errors = rng.standard_cauchy((20, 4000))  # no mean, let alone a variance
    half = conformal_quantile(errors[:19], 0.9)
    inside = np.mean(np.abs(errors[19]) <= half)
    assert inside == pytest.approx(0.9, abs=4 * 0.0047)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_the_minimal_number_of_examples_is_minimal(coverage):
    least = min_examples(coverage)
    conformal_quantile(np.ones(least), coverage)
    if least > 1:
        with pytest.raises(ValueError, match=f"at least {least} examples"):
            conformal_quantile(np.ones(least - 1), coverage)


def test_invalid_arguments_are_rejected():
    with pytest.raises(ValueError, match=r"in \(0, 1\)"):
        ConformalInterval(1.0)
    with pytest.raises(ValueError, match="1 NaN"):
        conformal_quantile([1.0, 2.0, np.nan], 0.5)
