"""Starts of windows and scores of rows compared with slow loops."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from dlunits.data.series.resampling import resample
from dlunits.data.series.series_windows import SeriesWindows


def series_of(lengths, channels=1):
    """A series of segments of these lengths, with gaps between them."""
    times = np.concatenate(
        [1000 * n + np.arange(length) for n, length in enumerate(lengths)]
    )
    rng = np.random.default_rng(0)
    return resample(rng.normal(size=(len(times), channels)), times)


def starts_np(lengths, window, stride):
    starts, first = [], 0
    for length in lengths:
        if length >= window:
            own = {*range(first, first + length - window, stride)}
            starts += sorted(own | {first + length - window})
        first += length
    return starts


def to_rows_np(values, starts, window, bounds, look_ahead):
    result = []
    for step in range(bounds[-1]):
        begin = max(bound for bound in bounds if bound <= step)
        covering = [
            value
            for start, value in zip(starts, values, strict=True)
            if start <= step < start + window
        ]
        ended = [
            value
            for start, value in zip(starts, values, strict=True)
            if begin <= start and start + window - 1 <= step
        ]
        if look_ahead:
            result.append(np.mean(covering) if covering else np.nan)
        else:
            result.append(ended[-1] if ended else np.nan)
    return result


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    lengths=st.lists(st.integers(2, 40), min_size=1, max_size=4),
    window=st.integers(2, 12),
    stride=st.integers(1, 12),
)
def test_starts_and_row_scores_match_a_loop(lengths, window, stride):
    hypothesis.assume(stride <= window <= max(lengths))
    hypothesis.assume(sum(lengths) > 2 * len(lengths))
    series = series_of(lengths)
    windows = SeriesWindows(series, window, stride)
    starts = starts_np(lengths, window, stride)
    assert windows.starts.tolist() == starts

    scores = np.random.default_rng(1).normal(size=len(starts))
    for look_ahead in (True, False):
        expected = to_rows_np(
            scores, starts, window, series.segment_bounds.tolist(), look_ahead
        )
        np.testing.assert_allclose(
            windows.to_rows(scores, look_ahead), expected, atol=1e-12
        )


def test_values_are_the_rows_after_each_start():
    series = series_of([20, 5, 30], channels=3)
    windows = SeriesWindows(series, 6, 4)
    expected = [series.values[start : start + 6] for start in windows.starts]
    np.testing.assert_array_equal(windows.values(0, len(windows)), expected)
    np.testing.assert_array_equal(windows.values(2, 5), expected[2:5])


def test_map_in_batches_equals_map_at_once():
    series = resample(np.random.default_rng(0).normal(size=(5000, 2)))
    windows = SeriesWindows(series, 4, 1)
    sizes = []

    def last_values(batch):
        sizes.append(len(batch))
        return batch[:, -1]

    np.testing.assert_array_equal(
        windows.map(last_values), series.values[3:].astype("float32")
    )
    assert sizes == [4096, 4997 - 4096]


def test_without_look_ahead_later_windows_have_no_effect():
    """Changing scores of windows that end after row 30 changes no row <= 30."""
    windows = SeriesWindows(series_of([60]), 8, 1)
    scores = np.random.default_rng(0).normal(size=len(windows))
    later = np.where(windows.starts + 7 > 30, scores + 1, scores)
    before, after = (
        windows.to_rows(values, look_ahead=False) for values in (scores, later)
    )
    np.testing.assert_array_equal(before[:31], after[:31])
    assert (before[31:] != after[31:]).all()


def test_rows_keep_their_original_order():
    order = np.random.default_rng(0).permutation(50)
    values = np.arange(50.0)
    sorted_series = SeriesWindows(resample(values, np.arange(50)), 5, 1)
    shuffled = SeriesWindows(resample(values[order], order), 5, 1)
    scores = np.random.default_rng(1).normal(size=len(shuffled))
    np.testing.assert_array_equal(
        shuffled.to_rows(scores), sorted_series.to_rows(scores)[order]
    )


def test_rows_in_a_gap_or_a_short_segment_get_nan():
    values = np.arange(30.0)
    values[10:15] = np.nan
    values[18:24] = np.nan  # leaves three rows alone
    rows = SeriesWindows(resample(values), 6, 2).to_rows(np.ones(4))
    assert np.flatnonzero(np.isnan(rows)).tolist() == [*range(10, 24)]


def test_a_huge_score_only_affects_the_rows_it_covers():
    windows = SeriesWindows(series_of([1000]), 10, 1)
    scores = np.full(len(windows), 1.0)
    scores[500] = 1e12
    rows = windows.to_rows(scores)
    np.testing.assert_allclose(rows[:500], 1, atol=1e-2)
    np.testing.assert_allclose(rows[510:], 1, atol=1e-2)
    np.testing.assert_allclose(rows[505], (1e12 + 9) / 10)


@pytest.mark.parametrize(
    ("window", "stride", "message"),
    [
        (1, 1, "window=1"),
        (8, 9, "stride=9"),
        (8, 0, "stride=0"),
        (31, 1, "A window of 31 rows.*at most 30 rows"),
    ],
)
def test_windows_that_do_not_fit_are_refused(window, stride, message):
    with pytest.raises(ValueError, match=message):
        SeriesWindows(series_of([30, 20]), window, stride)


@pytest.mark.parametrize("values", [np.ones(3), np.full(26, np.nan)])
def test_scores_must_be_one_finite_number_for_each_window(values):
    windows = SeriesWindows(series_of([30]), 5, 1)
    with pytest.raises(ValueError, match="each of 26 windows"):
        windows.to_rows(values)
