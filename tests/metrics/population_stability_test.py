"""Population stability index: value, bound under no shift, and power."""

import numpy as np
import pytest
from scipy.stats import chi2

from dlunits.metrics.population_stability import (
    population_stability_index,
    stability_bound,
)


def test_equals_the_sum_over_bins():
    expected, observed = np.array([[3, 0, 7], [5, 5, 0]]), np.array([9, 1, 0])
    found = population_stability_index(expected, observed)
    for row, value in zip(expected, found, strict=True):
        total = 0.0
        for n, m in zip(row, observed, strict=True):
            p, q = (n + 0.5) / 11.5, (m + 0.5) / 11.5
            total += (q - p) * np.log(q / p)
        assert value == pytest.approx(total)
    assert population_stability_index(observed, observed) == 0


@pytest.mark.parametrize("bins", [2, 12, 53])
def test_the_bound_is_the_quantile_of_chi_squared(bins):
    for level in (0.01, 1e-5):
        expected = chi2.ppf(1 - level, bins - 1) * (1 / 200 + 1 / 50)
        assert stability_bound(bins, 200, 50, level) == pytest.approx(
            expected, rel=0.12
        )


def test_samples_of_one_distribution_exceed_the_bound_rarely():
    generator = np.random.default_rng(0)
    shares = np.full(12, 1 / 12)
    some, others = (
        generator.multinomial(size, shares, 2000) for size in (500, 300)
    )
    index = population_stability_index(some, others)
    exceeded = np.mean(index > stability_bound(12, 500, 300, 0.05))
    assert exceeded == pytest.approx(0.05, abs=0.015)
