"""Numbers that stand for missing values, and numbers that do not."""

import numpy as np
import pytest

from dlunits.columns import infer_column_types, read_columns, table_chunk
from dlunits.columns.sentinel_values import SentinelRecognition

NUMBERS = np.random.default_rng(0).normal(20, 5, 100).round(2)


def value_of(*parts):
    column = SentinelRecognition()
    for part in parts:
        column.update(np.asarray(part, "float64"))
    return column.value


@pytest.mark.parametrize(
    ("numbers", "value"),
    [
        (NUMBERS, -999),
        (NUMBERS, -999.25),
        (NUMBERS, 9999),
        (-NUMBERS, -99),
        (NUMBERS * 50, -200),  # nearer than the others are, but negative
    ],
)
def test_repeated_numbers_far_from_all_others_are_sentinels(numbers, value):
    assert value_of(numbers, [value], [value, np.nan], [value]) == value


@pytest.mark.parametrize(
    "parts",
    [
        [NUMBERS, [-999, -999]],  # twice only
        [NUMBERS, [-998] * 9],  # not one of the common sentinels
        [NUMBERS * 50, [999] * 9],  # among the others
        [NUMBERS * 250, [9999] * 9],  # nearer than the others are
        [NUMBERS - 20, [-9] * 9],
        [NUMBERS[:9], [-999] * 9],  # too few others
        [[7.0] * 50, [-999] * 9],  # the others are constant
        [NUMBERS, [-999] * 101],  # most rows
        [(NUMBERS - 20) * 50, [-200] * 9],  # others are negative too
        [[np.nan] * 9],
    ],
)
def test_other_numbers_are_not_sentinels(parts):
    assert value_of(*parts) is None


def test_of_two_sentinels_the_more_frequent_one_is_found():
    assert value_of(NUMBERS, [-999] * 5, [99999] * 9) == 99999
    assert value_of(NUMBERS, [-999] * 9, [99999] * 5) == -999


def test_the_column_type_contains_the_sentinel():
    cells = [*map(str, NUMBERS), "-999", "-999.0", "-999", "NA"]
    types, _ = infer_column_types({"x": cells, "y": ["a"] * len(cells)})
    assert types["x"] == "number except -999"
    chunk = table_chunk({"x": ["1.5", "-999.0", "NA", "-9"]})
    np.testing.assert_array_equal(
        read_columns(chunk, types | {"y": "ignored"})["x"],
        [1.5, np.nan, np.nan, -9],
    )
    chunk = table_chunk({"x": ["30 kW", "-999"]})
    np.testing.assert_array_equal(
        read_columns(chunk, {"x": "number [kW] except -999"})["x"],
        [30, np.nan],
    )
    with pytest.raises(ValueError, match="expected a number, found 'fast'"):
        read_columns(table_chunk({"x": ["fast"]}), {"x": "number except -999"})
