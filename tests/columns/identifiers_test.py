"""Columns of identifiers, and of measurements."""

import numpy as np
import pytest

from dlunits.columns import infer_column_types
from dlunits.columns.identifiers import IdentifierRecognition

RANDOM = np.random.default_rng(0)
NUMBERS = np.arange(100, dtype="float64")
SHUFFLED = RANDOM.permutation(NUMBERS)
GROWING = np.cumsum(RANDOM.integers(1, 1000, 40)).astype("float64")
SPREAD = RANDOM.choice(10**9, 60, replace=False).astype("float64")


def reason_of(numbers, name="x", chunk=7):
    column = IdentifierRecognition(name)
    for start in range(0, len(numbers), chunk):
        column.update(np.asarray(numbers[start : start + chunk], "float64"))
    return column.reason


@pytest.mark.parametrize(
    ("numbers", "name", "reason"),
    [
        (NUMBERS[:10] + 7, "x", "counts the rows"),
        (GROWING, "x", "whole numbers that increase"),
        (-GROWING, "x", "whole numbers that decrease"),
        ([*GROWING, np.nan], "x", "whole numbers that increase"),
        (SHUFFLED, "x", "whole numbers that are all different"),
        (SHUFFLED[:60] + 5000, "x", "whole numbers that are all different"),
        (SPREAD, "id", "by its name: 60 different numbers in 60 rows"),
        ([*SPREAD, SPREAD[0]], "orderId", "by its name: 60 different numbers"),
    ],
)
def test_identifiers_are_recognized_with_the_reason(numbers, name, reason):
    assert reason in reason_of(numbers, name)


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        (RANDOM.normal(size=100), "x"),  # different, but with decimals
        (RANDOM.normal(size=100), "id"),
        (np.sort(RANDOM.normal(size=100)), "x"),
        (GROWING + 0.5, "x"),
        (GROWING[:19], "x"),  # too few rows
        (SHUFFLED[:19], "x"),
        (SPREAD, "unnamed_3"),  # of a table without header
        (SPREAD, "price"),  # from a range in which no two would be equal
        ([*SHUFFLED, 3], "x"),  # one number twice
        (RANDOM.integers(0, 60, 100), "id"),  # many numbers twice
        (np.where(NUMBERS % 10, NUMBERS, np.nan), "x"),  # 10 % missing
        (NUMBERS // 2, "x"),  # does not increase from row to row
        (np.full(100, 7.0), "x"),
        ([np.nan] * 100, "x"),
    ],
)
def test_measurements_are_not_identifiers(numbers, name):
    assert reason_of(numbers, name) is None


def test_identifiers_are_distinguished_from_other_columns():
    table = {
        "id": SPREAD,
        "counter": np.sort(SPREAD).astype(int),
        "energy": [f"{each:g} kWh" for each in GROWING] + ["7 kWh"] * 20,
        "price": SPREAD,
    }
    types, reasons = infer_column_types(table)
    assert types == {
        "id": "ignored",
        "counter": "ignored",
        "energy": "number [kWh]",
        "price": "number",
    }
    assert reasons["id"].startswith("is an identifier by its name")
    assert infer_column_types(table, {"id": "number"})[0]["id"] == "number"
    types, reasons = infer_column_types(table, ignore_identifiers=False)
    assert types["id"] == types["counter"] == "number" and not reasons
