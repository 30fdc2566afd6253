"""Rows on an even grid: against a slow loop, and what is said of holes."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from dlunits.data.series.resampling import BRIDGED, resample


def stretches_np(times, step):
    """Rows sorted by time, a list of row numbers for each stretch."""
    stretches = []
    for row in sorted(range(len(times)), key=lambda row: times[row]):
        if (
            not stretches
            or times[row] - times[stretches[-1][-1]] > BRIDGED * step
        ):
            stretches.append([])
        stretches[-1].append(row)
    return stretches


def grid_np(values, times, step):
    """Values of all slots and the slot of each row, one by one."""
    grid, grid_indices = [], {}
    for rows in stretches_np(times, step):
        slots = {}
        for row in rows:
            place = int(np.round((times[row] - times[rows[0]]) / step))
            slots.setdefault(place, []).append(row)
            grid_indices[row] = len(grid) + place
        there = sorted(slots)
        means = [np.mean([values[row] for row in slots[p]]) for p in there]
        grid.extend(np.interp(range(there[-1] + 1), there, means))
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
def test_any_order_of_late_double_and_missing_rows_is_as_in_a_loop(gaps, seed):
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
        np.diff(series.bounds)[:, None] > 0,
        np.ones((len(stretches_np(times, 60)), 1)),
    )


def test_an_even_series_stays_as_it_is():
    values = np.random.default_rng(0).normal(size=(50, 3))
    series = resample(values, 1e9 + 300.0 * np.arange(50))
    np.testing.assert_array_equal(series.values, values)
    np.testing.assert_array_equal(series.times, 1e9 + 300.0 * np.arange(50))
    assert (series.step, series.bounds.tolist()) == (300.0, [0, 50])
    assert series.findings == {
        "out_of_order": 0,
        "repeated": 0,
        "bridged": 0,
        "holes": [],
    }


def test_findings_count_what_was_not_even():
    times = [0, 60, 120, 240, 180, 240, 420, 480, 1000, 1060]
    found = resample(np.arange(10.0), times).findings
    assert found == {
        "out_of_order": 1,  # 240, 180
        "repeated": 1,  # 240 twice
        "bridged": 2,  # 300 and 360
        "holes": [(480.0, 1000.0)],
    }


def test_rows_without_a_value_are_as_if_they_were_not_there():
    values = np.arange(12.0)
    values[4:8] = np.nan  # 3 and 8 are 5 steps apart
    series = resample(values)
    assert series.values[:, 0].tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert series.grid_indices.tolist() == [0, 1, 2, 3, *[-1] * 4, 4, 5, 6, 7]
    assert series.findings["holes"] == [(3.0, 8.0)]
    values[5:7] = 5, 6
    series = resample(values)
    assert series.values[:, 0].tolist() == list(range(12))
    assert series.findings["bridged"] == 2  # 4 and 7


def test_rows_before_and_after_all_values_have_no_slot():
    series = resample([np.nan, 1, 2, 3, np.nan])
    assert series.grid_indices.tolist() == [-1, 0, 1, 2, -1]


def test_one_missing_channel_goes_in_a_straight_line_up_to_holes():
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


def test_a_step_that_was_learnt_is_kept():
    # The median is 61, and yet the grid is even at 60.
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
        ([1, 2, np.inf], None, "an infinite one in row 3"),
        ([1, 2, 3], [0, 1], r"each of the 3 rows.*\(2,\)"),
        ([1, 2, 3], [0, np.nan, 1], "Received: none in row 2"),
        ([1, 2, 3], [7, 7, 7], "different times. Received: all of one"),
        ([1, 2, 3, 4, 5], [0, 1, 101, 102, 302], "40% of them|50.5 s apart"),
    ],
)
def test_refuses_what_is_no_series(values, timestamps, message):
    with pytest.raises(ValueError, match=message):
        resample(values, timestamps)


def test_refuses_another_step_than_was_learnt():
    with pytest.raises(ValueError, match=r"every 60 s. Received.* 300 s apart"):
        resample(np.zeros(9), 300.0 * np.arange(9), step=60.0)
