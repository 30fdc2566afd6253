"""The score threshold of a report. The sections are tested with the report,
in tests/tasks/anomaly/report_test.py.
"""

import numpy as np
import pytest

from dlunits.tasks.anomaly.report_sections import score_threshold


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.5])
def test_above_the_threshold_p_values_are_at_most_the_rate(rate):
    scores = np.random.default_rng(0).permutation(199).astype(float)
    threshold = score_threshold(scores, rate)

    def p_value(score):
        return (1 + (scores >= score).sum()) / 200

    assert p_value(threshold + 0.5) <= rate < p_value(threshold)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.5])
def test_a_subset_of_the_scores_gives_nearly_the_same_threshold(rate):
    scores = np.sort(np.random.default_rng(0).normal(size=20_000))
    ranks = np.linspace(0, 19_999, 1000).round().astype(int)
    assert score_threshold(scores[ranks], rate, 20_000) == pytest.approx(
        score_threshold(scores, rate), abs=0.01
    )
