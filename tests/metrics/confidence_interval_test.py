"""Confidence intervals against published quantiles of Student's t."""

import numpy as np
import pytest

from dlunits.metrics import confidence_interval

# Two-sided 95 % quantiles of Student's t distribution, from a published table.
QUANTILES = {2: 12.706, 5: 2.776, 31: 2.042}


@pytest.mark.parametrize("n", QUANTILES)
def test_half_width_is_the_quantile_times_the_standard_error(n):
    values = np.random.default_rng(n).normal(size=n)
    mean, half_width = confidence_interval(values)
    assert mean == pytest.approx(values.mean())
    error = values.std(ddof=1) / np.sqrt(n)
    assert half_width == pytest.approx(QUANTILES[n] * error, rel=1e-3)


def test_the_interval_contains_the_mean_with_the_given_probability():
    rng = np.random.default_rng(0)
    intervals = [confidence_interval(rng.normal(size=4)) for _ in range(2000)]
    contained = np.mean([abs(mean) <= half for mean, half in intervals])
    assert contained == pytest.approx(0.95, abs=0.015)  # 3 standard errors


def test_runs_without_a_result_are_left_out():
    assert confidence_interval([1.0, np.nan, 3.0]) == confidence_interval(
        [1.0, 3.0]
    )


def test_one_value_has_no_interval_and_none_no_mean():
    mean, half_width = confidence_interval([7.0])
    assert mean == 7
    assert np.isnan(half_width)
    assert np.isnan(confidence_interval([np.nan])).all()


def test_level_must_be_a_probability():
    with pytest.raises(ValueError, match="`level` must be between 0 and 1"):
        confidence_interval([1.0, 2.0], level=95)
