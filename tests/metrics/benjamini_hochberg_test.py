"""Benjamini-Hochberg: the selection, its bound, rounding and ties."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from dlunits.metrics import benjamini_hochberg
from dlunits.metrics.benjamini_hochberg import selection_threshold


@pytest.mark.parametrize("fdr", [0.05, 0.3])
def test_equals_adjusted_p_values(fdr):
    generator = np.random.default_rng(0)
    p_values = generator.uniform(size=200) ** 3
    np.testing.assert_array_equal(
        benjamini_hochberg(p_values, fdr),
        false_discovery_control(p_values) <= fdr,
    )


def conformal_p_values(scores, calibration):
    higher = (calibration >= scores[:, None]).sum(axis=1)
    return (1 + higher) / (1 + len(calibration))


def test_the_share_of_false_discoveries_is_fdr_times_the_normal_share():
    """Mean of 200 tables of 80 % normal rows, one calibration set each."""
    generator, shares = np.random.default_rng(0), []
    for _ in range(200):
        calibration = generator.normal(size=1000)
        scores = generator.normal(size=250) + np.repeat([0, 4], [200, 50])
        found = benjamini_hochberg(conformal_p_values(scores, calibration), 0.1)
        shares.append(found[:200].sum() / max(1, found.sum()))
    assert np.mean(shares) == pytest.approx(0.08, abs=0.01)


def test_too_few_calibration_rows_select_nothing():
    # 1 / 20 is above 0.1 * 4 / 10, and at most 0.1 * 5 / 10, which single
    # precision rounds to less.
    p_values = np.full(10, 0.5, "float32")
    p_values[:4] = 1 / 20
    assert not benjamini_hochberg(p_values, 0.1).any()
    p_values[4] = 1 / 20
    assert benjamini_hochberg(p_values, 0.1).sum() == 5


def test_rows_without_a_p_value_are_not_counted():
    found = benjamini_hochberg([np.nan, 0.1, np.nan, 0.9], 0.2)
    assert found.tolist() == [False, True, False, False]
    assert not benjamini_hochberg([np.nan], 0.2).any()


def test_counts_stand_for_repeated_p_values():
    p_values = np.round(np.random.default_rng(0).uniform(0.01, 1, 90) ** 4, 2)
    p_values = np.maximum(p_values, 0.01)
    values, counts = np.unique(p_values, return_counts=True)
    counts = dict(zip(values.tolist(), counts.tolist(), strict=True))
    threshold = selection_threshold(counts, 0.2)
    np.testing.assert_array_equal(
        p_values <= threshold, benjamini_hochberg(p_values, 0.2)
    )


@pytest.mark.parametrize(
    ("p_values", "fdr", "message"),
    [([0.5], 0, "fdr=0"), ([0.5], 1.0, "fdr=1"), ([0.0, 2.0], 0.1, "from 0")],
)
def test_numbers_out_of_range_are_rejected(p_values, fdr, message):
    with pytest.raises(ValueError, match=message):
        benjamini_hochberg(p_values, fdr)
