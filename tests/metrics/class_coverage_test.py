"""Class frequencies against counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.metrics import class_coverage


@given(st.lists(st.integers(0, 6), min_size=1), st.floats(0.01, 1))
@settings(deadline=None, max_examples=100)
def test_frequencies_are_relative_counts(labels, min_frequency):
    frequencies = [labels.count(label) / len(labels) for label in range(7)]
    found = class_coverage(labels, 7, min_frequency=min_frequency)
    np.testing.assert_array_equal(found["frequencies"], frequencies)
    assert found["num_covered"] == sum(
        frequency >= min_frequency for frequency in frequencies
    )


def test_a_class_with_the_minimum_frequency_is_covered():
    labels = np.repeat(np.arange(3), [90, 5, 5])
    assert class_coverage(labels, 3)["num_covered"] == 3
    assert class_coverage(labels, 3, min_frequency=0.0501)["num_covered"] == 1


def test_classes_without_a_label_are_counted_as_absent():
    found = class_coverage(np.full(10, 2, "uint8"), 5)
    np.testing.assert_array_equal(found["frequencies"], [0, 0, 1, 0, 0])
    assert found["num_covered"] == 1


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0, 3], {}, "`labels` from 0 to 2. Received: labels from 0 to 3"),
        ([-1, 2], {}, "Received: labels from -1 to 2"),
        ([0.0, 1.0], {}, "argmax of probabilities. Received: float64"),
        ([[0, 1]], {}, r"Received: an array of shape \(1, 2\)"),
        (np.zeros(0, int), {}, r"Received: an array of shape \(0,\)"),
        ([0], {"num_classes": 0}, "num_classes=0"),
        ([0], {"min_frequency": 0}, "min_frequency=0"),
        ([0], {"min_frequency": 1.5}, "min_frequency=1.5"),
        ([0], {"min_frequency": float("nan")}, "min_frequency=nan"),
    ],
)
def test_rejects_invalid_arguments(labels, options, message):
    with pytest.raises(ValueError, match=message):
        class_coverage(labels, **{"num_classes": 3, **options})
