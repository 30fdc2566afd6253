"""Timestamps as evenly spaced numbers, and back."""

import datetime

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from dlunits.data.series.time_axis import TimeAxis

UTC = datetime.UTC


def months(number, day=1):
    """Seconds of one day of consecutive months."""
    return [
        datetime.datetime(
            2019 + n // 12, n % 12 + 1, day, tzinfo=UTC
        ).timestamp()
        for n in range(number)
    ]


@pytest.mark.parametrize("day", [1, 15, 28])
@pytest.mark.parametrize("step", [1, 3, 12])
def test_months_quarters_and_years_are_evenly_spaced(day, step):
    seconds = months(60, day)[::step]
    axis = TimeAxis.infer(seconds)
    assert axis.months
    gaps = np.diff(axis.to_numbers(seconds))
    np.testing.assert_allclose(gaps, step, atol=0.1)


@pytest.mark.parametrize("gap", [1, 3_600, 86_400, 7 * 86_400])
def test_shorter_steps_stay_seconds(gap):
    seconds = 1e9 + gap * np.arange(50)
    axis = TimeAxis.infer(seconds)
    assert not axis.months
    np.testing.assert_array_equal(axis.to_numbers(seconds), seconds)


def test_thirty_days_are_not_a_month():
    assert not TimeAxis.infer(30 * 86_400.0 * np.arange(40)).months


def test_numbers_that_are_no_dates_are_unchanged():
    axis = TimeAxis.infer(months(9), dates=False)
    assert not axis.months
    assert axis.format([0.1, 1e6]) == ["0.1", "1000000"]


@hypothesis.given(st.integers(-2_000_000_000, 4_000_000_000))
def test_conversion_and_back_is_exact_to_a_second(second):
    axis = TimeAxis(months=True)
    again = axis.to_seconds(axis.to_numbers([second]))
    assert again == pytest.approx([second], abs=1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ([0.0, 86_400.0], ["1970-01-01", "1970-01-02"]),
        ([0.0, 3_600.0], ["1970-01-01 00:00:00", "1970-01-01 01:00:00"]),
        ([0.5], ["1970-01-01 00:00:00.500000"]),
    ],
)
def test_dates_are_formatted_as_finely_as_needed(seconds, text):
    assert TimeAxis().format(seconds) == text
