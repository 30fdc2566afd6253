"""The threshold that a report shows; its parts are tested with the whole, in
tests/tasks/anomaly/report_test.py.
"""

import numpy as np
import pytest

from dlunits.tasks.anomaly.report_sections import threshold_of


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.5])
def test_above_the_threshold_p_values_are_at_most_the_rate(rate):
    known = np.random.default_rng(0).permutation(199).astype(float)
    threshold = threshold_of(known, rate)

    def p_value(score):
        return (1 + (known >= score).sum()) / 200

    assert p_value(threshold + 0.5) <= rate < p_value(threshold)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.5])
def test_some_of_the_scores_tell_nearly_the_same_threshold(rate):
    known = np.sort(np.random.default_rng(0).normal(size=20_000))
    ranks = np.linspace(0, 19_999, 1000).round().astype(int)
    assert threshold_of(known[ranks], rate, 20_000) == pytest.approx(
        threshold_of(known, rate), abs=0.01
    )
