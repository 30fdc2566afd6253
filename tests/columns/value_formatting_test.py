"""Values of columns as short texts."""

import numpy as np
import pytest

from dlunits.columns import category_labels, format_values


@pytest.mark.parametrize("column_type", ["timestamp", "timestamp_day_first"])
def test_timestamps_are_weekdays_and_minutes(column_type):
    last_minute = 604_800 - 60.0
    assert format_values(np.array([0, last_minute]), column_type, 4) == [
        "Mon 00:00",
        "Sun 23:59",
    ]


@pytest.mark.parametrize("column_type", ["number", "boolean", "timestamp"])
def test_nan_is_missing_in_every_column_type(column_type):
    assert format_values(np.array([np.nan]), column_type, 4) == ["missing"]


def test_numbers_have_significant_digits():
    values = np.array([1234.5678, 0.00012345, 1e10])
    assert format_values(values, "number", 4) == ["1235", "0.0001234", "1e+10"]


def test_the_first_category_id_is_an_unknown_value():
    assert category_labels(("", "dry")) == ["another value", "missing", "dry"]
    assert category_labels(()) == ["another value"]
    assert category_labels(("dry", "wet"), 2) == ["another value", "dry", "wet"]
