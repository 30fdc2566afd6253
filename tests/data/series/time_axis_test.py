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


@pytest.mark.parametrize("day", [1, 15, "last"])
def test_forecasts_of_months_are_on_the_same_day(day):
    """Of months of 28 to 31 days; the first one has 28."""
    first = np.arange("2019-02", "2023-02", dtype="M8[M]").astype("M8[D]")
    after = np.arange("2019-03", "2023-03", dtype="M8[M]").astype("M8[D]")
    dates = after - 1 if day == "last" else first + (day - 1)
    seconds = dates.astype("M8[s]").astype(float)
    axis = TimeAxis.infer(seconds[:24])
    start = axis.to_numbers(seconds[:1])[0]
    ahead = TimeAxis(**axis.get_config()).to_seconds(start + np.arange(48))
    assert axis.format(ahead) == [str(date) for date in dates]


@pytest.mark.parametrize("hour", [0, 17.5])
def test_business_days_are_evenly_spaced(hour):
    dates = np.busday_offset("1969-12-01", np.arange(60), "forward")
    seconds = dates.astype("M8[s]").astype(float) + 3600 * hour
    axis = TimeAxis.infer(seconds)
    assert axis.weekmask == "1111100"
    numbers = axis.to_numbers(seconds)
    np.testing.assert_allclose(np.diff(numbers), 1)
    np.testing.assert_allclose(axis.to_seconds(numbers), seconds)
    # Every day, or two weeks only: days of seconds.
    daily = 86_400.0 * np.arange(60)
    assert TimeAxis.infer(daily).weekmask is None
    assert TimeAxis.infer(seconds[:10]).weekmask is None


def test_thirty_days_are_not_a_month():
    assert not TimeAxis.infer(30 * 86_400.0 * np.arange(40)).months


def test_numbers_that_are_not_dates_are_unchanged():
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
