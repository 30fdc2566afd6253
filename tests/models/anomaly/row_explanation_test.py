"""Explanations as text: all column types, missing and unknown values."""

import numpy as np
import pytest

from dlunits.models import TableSchema
from dlunits.models.anomaly.row_explanation import explain_rows

TABLE = {
    "speed": [1.5, 2.5, float("nan")],
    "on": [True, False, True],
    "road": ["dry", "wet", "dry"],
}


@pytest.fixture(scope="module")
def known():
    return TableSchema.from_table(TABLE)


def found(share):
    """Attribution, in the order of the columns: on, speed, road."""
    rows = len(share)
    return {
        "share": np.array(share),
        "numbers": np.tile([[0.9, 2.0]], (rows, 1)),
        "category_ids": np.full((rows, 1), 2),
    }


def test_the_columns_that_differ_most_come_first(known):
    assert known.columns == ("on", "speed", "road")
    share = [[0.1, 0.7, 0.2], [0.5, 0.1, 0.4], [0, 0, 1]]
    explained = explain_rows(known, TABLE, known.inputs(TABLE), found(share), 2)
    assert explained["column"].tolist() == [
        ["speed", "road"],
        ["on", "road"],
        ["road", "on"],
    ]
    assert explained["share"].tolist() == [[0.7, 0.2], [0.5, 0.4], [1, 0]]
    assert explained["expected"].tolist() == [
        ["2", "wet"],
        ["true", "wet"],
        ["wet", "true"],
    ]
    assert explained["seen"].tolist() == [
        ["1.5", "dry"],
        ["false", "wet"],
        ["dry", "true"],
    ]


def test_there_are_no_more_columns_than_the_table_has(known):
    share = found([[0.2, 0.3, 0.5]] * 3)
    explained = explain_rows(known, TABLE, known.inputs(TABLE), share, 9)
    assert explained["column"].shape == (3, 3)


def test_missing_and_unknown_values_are_named(known):
    table = {**TABLE, "road": ["icy", None, ""], "on": [True, None, False]}
    differences = found([[0.3, 0.3, 0.4]] * 3)
    differences["category_ids"][:] = 0
    explained = explain_rows(known, table, known.inputs(table), differences, 3)
    of_column = {
        name: explained["seen"][explained["column"] == name].tolist()
        for name in known.columns
    }
    assert of_column == {
        "road": ["icy", "missing", "missing"],
        "on": ["true", "missing", "false"],
        "speed": ["1.5", "2.5", "missing"],
    }
    assert explained["expected"][:, 0].tolist() == ["another value"] * 3


def test_a_missing_value_may_be_expected():
    table = {"road": ["dry", "", None]}
    known = TableSchema.from_table(table)
    differences = {
        "share": np.ones((3, 1)),
        "category_ids": np.array([[0], [1], [2]]),
    }
    explained = explain_rows(known, table, known.inputs(table), differences, 1)
    expected = explained["expected"][:, 0].tolist()
    assert expected == ["another value", "missing", "dry"]
