"""Resampling compared with a slow loop, and messages for unsuitable series."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from dlunits.data.series.resampling import MAX_INTERPOLATED_STEPS, resample


def segments_np(times, step):
    """Row numbers of each segment, sorted by time."""
    segments = []
    for row in sorted(range(len(times)), key=lambda row: times[row]):
        if (
            not segments
            or times[row] - times[segments[-1][-1]]
            > MAX_INTERPOLATED_STEPS * step
        ):
            segments.append([])
        segments[-1].append(row)
    return segments


def grid_np(values, times, step):
    """Values of all time steps, and the time step of each row."""
    grid, grid_indices = [], {}
    for rows in segments_np(times, step):
        rows_at = {}
        for row in rows:
            offset = int(np.round((times[row] - times[rows[0]]) / step))
            rows_at.setdefault(offset, []).append(row)
            grid_indices[row] = len(grid) + offset
        offsets = sorted(rows_at)
        means = [np.mean([values[row] for row in rows_at[k]]) for k in offsets]
        grid.extend(np.interp(range(offsets[-1] + 1), offsets, means))
    return grid, [grid_indices[row] for row in range(len(times))]


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    gaps=st.lists(
        st.sampled_from([0, 54, 60, 60, 60, 60, 63, 120, 180, 181, 9000]),
        min_size=3,
        max_size=40,
    ),
    seed=st.integers(0, 99),
)
def test_unordered_late_duplicate_and_missing_rows_match_a_loop(gaps, seed):
    rng = np.random.default_rng(seed)
    times = rng.permutation(np.cumsum([0, 60, 60, *gaps, 60, 60, 60]))
    values = rng.normal(size=len(times))
    gaps = np.diff(np.sort(times))
    hypothesis.assume(np.median(gaps[gaps > 0]) == 60)
    hypothesis.assume(np.mean(gaps[gaps > 0] <= 90) >= 0.5)
    series = resample(values, times)
    grid, grid_indices = grid_np(values, times, 60)
    np.testing.assert_allclose(series.values[:, 0], grid)
    np.testing.assert_array_equal(series.grid_indices, grid_indices)
    np.testing.assert_array_equal(
        np.diff(series.segment_bounds)[:, None] > 0,
        np.ones((len(segments_np(times, 60)), 1)),
    )


def test_a_regular_series_is_unchanged():
    values = np.random.default_rng(0).normal(size=(50, 3))
    series = resample(values, 1e9 + 300.0 * np.arange(50))
    np.testing.assert_array_equal(series.values, values)
    np.testing.assert_array_equal(series.times, 1e9 + 300.0 * np.arange(50))
    assert (series.step, series.segment_bounds.tolist()) == (300.0, [0, 50])
    assert series.irregularities == {
        "out_of_order": 0,
        "duplicates": 0,
        "interpolated": 0,
        "gaps": [],
    }


def test_irregularities_are_counted():
    times = [0, 60, 120, 240, 180, 240, 420, 480, 1000, 1060]
    found = resample(np.arange(10.0), times).irregularities
    assert found == {
        "out_of_order": 1,  # 240, 180
        "duplicates": 1,  # 240 twice
        "interpolated": 2,  # 300 and 360
        "gaps": [(480.0, 1000.0)],
    }


def test_rows_without_a_value_are_ignored():
    values = np.arange(12.0)
    values[4:8] = np.nan  # 3 and 8 are 5 steps apart
    series = resample(values)
    assert series.values[:, 0].tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert series.grid_indices.tolist() == [0, 1, 2, 3, *[-1] * 4, 4, 5, 6, 7]
    assert series.irregularities["gaps"] == [(3.0, 8.0)]
    values[5:7] = 5, 6
    series = resample(values)
    assert series.values[:, 0].tolist() == list(range(12))
    assert series.irregularities["interpolated"] == 2  # 4 and 7


def test_rows_before_and_after_all_values_have_no_time_step():
    series = resample([np.nan, 1, 2, 3, np.nan])
    assert series.grid_indices.tolist() == [-1, 0, 1, 2, -1]


def test_a_missing_channel_is_interpolated_within_a_segment():
    values = np.array(
        [[0, np.nan], [0, 2], [0, np.nan], [0, np.nan], [0, 8], [0, np.nan]]
    )
    other = np.full((3, 2), [1, np.nan])
    series = resample(
        np.concatenate([values, other]), [0, 1, 2, 3, 4, 5, 99, 100, 101]
    )
    np.testing.assert_array_equal(
        series.values[:, 1], [2, 2, 4, 6, 8, 8, np.nan, np.nan, np.nan]
    )


def test_a_given_step_is_kept():
    # The median is 61, the step of the grid is 60.
    times = 61.0 * np.arange(100)
    series = resample(np.arange(100.0), times, step=60.0)
    assert series.step == 60
    assert len(series.values) == round(61 * 99 / 60) + 1


@pytest.mark.parametrize(
    ("values", "timestamps", "message"),
    [
        ([1.0], None, "at least two rows with a value. Received: 1"),
        ([np.nan, 1.0], None, "Received: 1"),
        (np.zeros((2, 2, 2)), None, r"Received: \(2, 2, 2\)"),
        ([1, 2, np.inf], None, "an infinite value in row 3"),
        ([1, 2, 3], [0, 1], r"shape \(3,\).*\(2,\)"),
        ([1, 2, 3], [0, np.nan, 1], "Received: none in row 2"),
        ([1, 2, 3], [7, 7, 7], "different timestamps. Received: the same"),
        (
            [1, 2, 3, 4, 5],
            [0, 1, 101, 102, 302],
            r"median of 50\.5 s",
        ),
    ],
)
def test_unsuitable_series_are_refused(values, timestamps, message):
    with pytest.raises(ValueError, match=message):
        resample(values, timestamps)


def test_a_series_of_another_step_is_refused():
    with pytest.raises(
        ValueError, match=r"60 s apart\. Received: a median of 300"
    ):
        resample(np.zeros(9), 300.0 * np.arange(9), step=60.0)
