"""Validation of feature arrays, and blocks of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.metrics.feature_rows import (
    block_slices,
    check_widths,
    feature_table,
    finite_block,
)


@given(st.integers(0, 50), st.integers(1, 60))
@settings(deadline=None, max_examples=50)
def test_blocks_hold_every_row_once_and_none_is_larger(num_rows, block_size):
    slices = block_slices(num_rows, block_size)
    rows = [row for these in slices for row in range(num_rows)[these]]
    assert rows == list(range(num_rows))
    assert all(s.stop - s.start <= block_size for s in slices)


def test_a_table_is_not_copied():
    features = np.zeros((2, 3), "float32")
    assert feature_table(features, "real") is features


@pytest.mark.parametrize("shape", [(4,), (4, 2, 2), (4, 0), ()])
def test_rejects_arrays_that_are_no_tables(shape):
    with pytest.raises(ValueError, match="flatten arrays with more axes"):
        feature_table(np.zeros(shape), "real")


def test_rejects_too_few_rows():
    with pytest.raises(
        ValueError, match=r"at least 3 rows in `real`. Received: 2"
    ):
        feature_table(np.zeros((2, 4)), "real", min_rows=3)


def test_rejects_different_widths():
    with pytest.raises(ValueError, match="3 in `generated`, 4 in `real`"):
        check_widths(generated=np.zeros((2, 3)), real=np.zeros((2, 4)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rows", [slice(2, 6), np.array([1, 4])])
def test_names_the_row_that_is_not_finite(rows, bad):
    table = np.zeros((6, 3), "float32")
    table[4, 1] = bad
    with pytest.raises(ValueError, match=r"`real`.*infinity in row 4$"):
        finite_block(table, rows, "real")


def test_a_block_is_in_double_precision():
    block = finite_block(np.full((3, 2), 255, "uint8"), slice(1, 3), "real")
    np.testing.assert_array_equal(block, np.full((2, 2), 255.0))
    assert block.dtype == "float64"


def test_rejects_a_block_size_of_zero():
    with pytest.raises(ValueError, match="block_size=0"):
        block_slices(4, 0)
