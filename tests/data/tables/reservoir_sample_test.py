"""Random samples of rows, read in chunks."""

import numpy as np
import pytest

from dlunits.data.tables.reservoir_sample import ReservoirSample


def sampled(rows, most, seed, pieces):
    sample = ReservoirSample(most, seed)
    for numbers in np.array_split(np.arange(rows), pieces):
        texts = np.array([f"row {number}" for number in numbers], object)
        sample.add({"number": numbers, "text": texts})
    return sample


@pytest.mark.parametrize("most", [1, 7, 100, 1000])
def test_the_sample_does_not_depend_on_chunk_sizes(most):
    whole, *others = (sampled(500, most, 3, pieces) for pieces in (1, 2, 99))
    for other in others:
        np.testing.assert_array_equal(
            whole.columns["number"], other.columns["number"]
        )


def test_rows_stay_whole_and_in_order():
    sample = sampled(500, 40, 0, 7)
    numbers = sample.columns["number"]
    assert len(sample) == 40
    assert sample.rows_seen == 500
    assert (np.diff(numbers) > 0).all()  # in order, none twice
    assert sample.columns["text"].tolist() == [f"row {n}" for n in numbers]


def test_a_short_table_is_kept_as_it_is():
    assert sampled(20, 40, 0, 3).columns["number"].tolist() == [*range(20)]


def test_every_row_has_the_same_chance():
    counts = np.zeros(20)
    draws = 2000
    for seed in range(draws):
        counts[sampled(20, 5, seed, 4).columns["number"]] += 1
    # A count is binomial, of chance 5 / 20, with this standard deviation.
    deviation = np.sqrt(draws * 0.25 * 0.75)
    assert (abs(counts - draws * 0.25) < 4 * deviation).all()


def test_empty_chunks_are_allowed():
    sample = ReservoirSample(3)
    sample.add({"x": np.array([])})
    sample.add({"x": np.array([1.0])})
    assert sample.columns["x"].tolist() == [1.0]
