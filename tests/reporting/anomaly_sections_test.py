"""The threshold that a report shows; its parts are tested with the whole, in
tests/reporting/anomaly_report_test.py.
"""

import numpy as np
import pytest

from dlunits.reporting.anomaly_sections import threshold_of


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.5])
def test_above_the_threshold_p_values_are_at_most_the_rate(rate):
    known = np.random.default_rng(0).permutation(199).astype(float)
    threshold = threshold_of(known, rate)

    def p_value(score):
        return (1 + (known >= score).sum()) / 200

    assert p_value(threshold + 0.5) <= rate < p_value(threshold)
