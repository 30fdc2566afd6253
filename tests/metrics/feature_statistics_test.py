"""Running mean and covariance against those of all rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.metrics import FeatureStatistics


def gather(*batches):
    statistics = FeatureStatistics()
    for batch in batches:
        statistics.update(batch)
    return statistics


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=50)
def test_batches_give_the_statistics_of_all_rows(sizes, width, seed):
    rng = np.random.default_rng(seed)
    batches = [rng.normal(3, 2, (size, width)) for size in (2, *sizes)]
    statistics, rows = gather(*batches), np.concatenate(batches)
    assert statistics.count == len(rows)
    np.testing.assert_allclose(statistics.mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        statistics.covariance,
        np.cov(rows, rowvar=False).reshape(width, width),
        rtol=1e-9,
        atol=1e-12,
    )


def test_a_batch_of_many_blocks_is_merged_block_by_block():
    rows = np.random.default_rng(0).normal(size=(3000, 4)).astype("float32")
    np.testing.assert_allclose(
        gather(rows).covariance,
        np.cov(rows.astype("float64"), rowvar=False),
        rtol=1e-9,
        atol=1e-12,
    )


def test_a_large_mean_does_not_reduce_accuracy():
    # Sums of squares would be 1e20, with an error of about 1e4.
    rows = np.random.default_rng(1).normal(size=(5000, 2))
    far = gather(*np.split(rows + 1e8, 50))
    np.testing.assert_allclose(
        far.covariance, np.cov(rows, rowvar=False), rtol=1e-6, atol=1e-7
    )


def test_covariance_is_symmetric_to_the_last_bit():
    rows = np.random.default_rng(2).normal(size=(500, 30))
    covariance = gather(*np.split(rows, 5)).covariance
    np.testing.assert_array_equal(covariance, covariance.T)


def test_a_rejected_batch_changes_nothing():
    statistics = gather(np.eye(3))
    bad = np.zeros((3000, 3))
    bad[2500, 0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity in row 2500"):
        statistics.update(bad)
    assert statistics.count == 3
    np.testing.assert_array_equal(statistics.mean, gather(np.eye(3)).mean)


def test_rejects_a_batch_of_another_width():
    with pytest.raises(ValueError, match="4 in `features`, 3 in `before`"):
        gather(np.eye(3), np.eye(4))


def test_rejects_a_batch_without_rows():
    with pytest.raises(ValueError, match="at least 1 rows"):
        gather(np.zeros((0, 3)))


@pytest.mark.parametrize("count", [0, 1])
def test_there_is_no_covariance_of_fewer_than_two_rows(count):
    statistics = gather(*[np.ones((1, 3))] * count)
    with pytest.raises(ValueError, match=rf"at least 2 rows.*: {count}$"):
        _ = statistics.covariance
