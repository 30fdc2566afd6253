"""Sequences of the adding task, and reproducibility of its batches."""

import numpy as np
import pytest

from dlunits.data.series.adding_task import (
    BASELINE_RMSE,
    adding_batches,
    adding_examples,
)


def batches(first_step, last_step, seed=0, **options):
    options = {"length": 7, "batch_size": 5, **options}
    return [
        (x.numpy(), y.numpy())
        for x, y in adding_batches(
            seed=seed, first_step=first_step, last_step=last_step, **options
        )
    ]


def test_the_target_is_the_sum_of_the_marked_values():
    sequences, sums = adding_examples(500, length=7, seed=0)
    marked = set()
    for sequence, [total] in zip(sequences, sums, strict=True):
        i, j = np.flatnonzero(sequence[:, 1])
        marked.update({i, j})
        assert i < 3 <= j
        assert total == sequence[i, 0] + sequence[j, 0]
    assert marked == set(range(7))  # every position is drawn
    assert set(np.unique(sequences[..., 1])) == {0, 1}
    assert 0 <= sequences[..., 0].min() < 0.01
    assert 0.99 < sequences[..., 0].max() <= 1


def test_always_predicting_1_has_the_baseline_rmse():
    _, sums = adding_examples(20_000, length=4, seed=0)
    error = np.sqrt(np.mean((sums - 1) ** 2))
    # The variance of a uniform number is 1/12, that of two 1/6. The mean of
    # 20,000 squares is off by less than 3 %, four standard deviations.
    assert pytest.approx(0.40825, abs=1e-5) == BASELINE_RMSE
    assert error == pytest.approx(BASELINE_RMSE, rel=0.015)


def test_a_batch_depends_only_on_seed_and_step():
    whole, rest = batches(0, 5), batches(3, 5)
    for (x, y), (a, b) in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(x, a)
        np.testing.assert_array_equal(y, b)
    first = [x for x, _ in (*whole, *batches(0, 1, seed=1))]
    assert len({x.tobytes() for x in first}) == 6  # all differ


def test_lengths_are_drawn_from_the_given_range():
    drawn = batches(0, 60, length=25, min_length=4)
    assert {x.shape[1] for x, _ in drawn} == {4, 14, 24}
    for x, y in drawn:
        half = x.shape[1] // 2
        np.testing.assert_array_equal(x[:, :half, 1].sum(axis=1), 1)
        np.testing.assert_array_equal(x[:, half:, 1].sum(axis=1), 1)
        np.testing.assert_allclose((x[..., 0] * x[..., 1]).sum(1), y[:, 0])
    [(again, _)] = batches(7, 8, length=25, min_length=4)
    np.testing.assert_array_equal(again, drawn[7][0])


def test_lengths_and_batch_sizes_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"at least 2.*length=1"):
        batches(0, 1, length=1)
    with pytest.raises(ValueError, match="min_length=8"):
        batches(0, 1, min_length=8)
    with pytest.raises(ValueError, match="batch_size=0"):
        batches(0, 1, batch_size=0)
