"""Selection of a period, and medians at each of its phases."""

import numpy as np
import pytest

from dlunits.data.series.seasonal_profile import DAY, WEEK, SeasonalProfile

HOUR = 3600.0


def hourly(days):
    return HOUR * np.arange(24 * days)


def noise(times, scale=0.1):
    return scale * np.random.default_rng(0).normal(size=(len(times), 1))


def test_the_profile_is_the_median_of_each_hour():
    times = hourly(9)
    values = np.sin(times / 7 * HOUR)[:, None] + 3 * (times % DAY)[:, None]
    values[5::31] += 1e5
    profile = SeasonalProfile.fit(values, times, HOUR, periods=[DAY])
    assert profile.period == DAY
    for hour in range(24):
        expected = np.median(values[hour::24])
        assert profile([hour * HOUR])[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("signal", "period"),
    [
        (lambda times: 0 * times, 0),
        (lambda times: times / DAY, 0),
        (lambda times: np.sin(2 * np.pi * times / DAY), DAY),
        (lambda times: 1.0 * (times % WEEK > 5 * DAY), WEEK),
    ],
    ids=["none", "trend", "day", "week"],
)
def test_the_period_is_selected_by_cross_validation(signal, period):
    times = hourly(8 * 7)
    values = signal(times)[:, None] + noise(times)
    assert SeasonalProfile.fit(values, times, HOUR).period == period


def test_a_daily_period_is_preferred_to_a_weekly_one():
    """A weekly profile fits as well, but from fewer values for each bin."""
    times = hourly(10 * 7)
    values = np.sin(2 * np.pi * times / DAY)[:, None] + noise(times)
    assert SeasonalProfile.fit(values, times, HOUR).period == DAY


def test_a_period_that_fits_less_than_twice_is_not_tried():
    times = hourly(13)
    values = 1.0 * (times % WEEK > 5 * DAY)[:, None] + noise(times)
    assert SeasonalProfile.fit(values, times, HOUR).period != WEEK


def test_a_period_of_fewer_than_four_steps_is_not_tried():
    times = DAY * np.arange(100)
    profile = SeasonalProfile.fit(noise(times), times, DAY, periods=[DAY])
    assert (profile.period, profile.medians.shape) == (0, (1, 1))


def test_short_steps_share_bins_and_the_profile_is_continuous():
    times = 60.0 * np.arange(60 * 24 * 6)
    values = np.sin(2 * np.pi * times / DAY)[:, None]
    profile = SeasonalProfile.fit(values, times, 60.0, periods=[DAY])
    assert len(profile.medians) == 336  # 4.3 minutes each
    fine = profile(np.arange(0, DAY, 10.0))
    # A sine rises by at most 2 pi / day a second; medians keep that.
    assert np.abs(np.diff(fine[:, 0])).max() <= 1.2 * 10 * 2 * np.pi / DAY
    np.testing.assert_allclose(profile(times), values, atol=0.03)


def test_missing_values_and_missing_hours_are_ignored():
    times = hourly(20)
    values = np.stack([np.sin(2 * np.pi * times / DAY), times % DAY], axis=1)
    values[::7, 0] = np.nan
    values[6::24, 1] = np.nan  # never any at six
    profile = SeasonalProfile.fit(values, times, HOUR)
    assert profile.period == DAY
    assert profile([3 * HOUR])[0, 1] == 3 * HOUR
    assert profile([6 * HOUR])[0, 1] == np.nanmedian(values[:, 1])
    assert np.isfinite(profile(times)).all()


@pytest.mark.parametrize("cycles", [2, 5])
def test_cross_validated_values_are_medians_of_the_other_cycles(cycles):
    times = hourly(cycles)
    values = np.sin(2 * np.pi * times / DAY)[:, None] + noise(times)
    profile = SeasonalProfile.fit(values, times, HOUR, periods=[DAY])
    assert profile.period == DAY
    expected = np.empty_like(values)
    for row in range(len(times)):
        others = [
            values[other]
            for other in range(row % 24, len(times), 24)
            if other != row
        ]
        expected[row] = np.median(others, axis=0)
    found = profile.cross_val_predict(values, times, HOUR)
    np.testing.assert_allclose(found, expected)


def test_many_cycles_are_split_into_ten_folds():
    times = hourly(40)
    values = np.sin(2 * np.pi * times / DAY)[:, None] + noise(times)
    profile = SeasonalProfile.fit(values, times, HOUR)
    others = np.arange(40) % 10 != 3
    hour = values.reshape(40, 24)[:, 7]
    found = profile.cross_val_predict(values, times, HOUR)[13 * 24 + 7, 0]
    assert found == pytest.approx(np.median(hour[others]))


def test_folds_may_lack_a_channel():
    times = hourly(11)  # day 0 and day 10 are in one fold
    wave = np.sin(2 * np.pi * times / DAY)
    values = np.stack([wave, wave], axis=1)
    values[(times // DAY) % 10 > 1, 1] = np.nan  # there on days 0, 1 and 10
    profile = SeasonalProfile.fit(values, times, HOUR)
    assert profile.period == DAY
    assert np.isfinite(profile.cross_val_predict(values, times, HOUR)).all()


def test_a_constant_profile_is_not_cross_validated():
    times = hourly(3)
    values = noise(times)
    profile = SeasonalProfile.fit(values, times, HOUR)
    assert profile.period == 0
    found = profile.cross_val_predict(values, times, HOUR)
    np.testing.assert_array_equal(found, np.median(values))


def test_the_config_restores_the_profile():
    times = hourly(20)
    values = np.sin(2 * np.pi * times / DAY)[:, None]
    profile = SeasonalProfile.fit(values, times, HOUR)
    again = SeasonalProfile(**profile.get_config())
    np.testing.assert_array_equal(again(times), profile(times))


def test_a_channel_without_values_is_refused():
    values = np.full((50, 2), [1, np.nan])
    with pytest.raises(ValueError, match="none in channel 2 of 2"):
        SeasonalProfile.fit(values, hourly(3)[:50], HOUR)
