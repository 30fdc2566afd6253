"""Results of runs with the same seeds are compared in pairs."""

import pytest

from dlunits.tasks.lab.paired_comparison import is_greater


@pytest.mark.parametrize(
    ("values", "others", "greater"),
    [
        ([0.9], [0.8], True),  # one seed: the difference
        ([0.8], [0.8], False),
        ([0.9, 0.8, 0.7], [0.5, 0.4, 0.3], True),  # paired: no deviation
        ([0.9, 0.5, 0.7], [0.8, 0.6, 0.6], False),  # 0.03 +- 0.29
    ],
)
def test_a_difference_must_exceed_its_interval(values, others, greater):
    assert is_greater(values, others) is greater
