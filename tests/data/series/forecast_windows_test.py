"""Windows and horizons compared with slow loops."""

import itertools

import numpy as np
import pytest

from dlunits.data.series.forecast_windows import ForecastWindows, last_window
from dlunits.data.series.resampling import resample


def series_of(*lengths, channels=2):
    """A series of segments of these lengths, with gaps between them."""
    times = np.concatenate(
        [1000 * n + np.arange(length) for n, length in enumerate(lengths)]
    )
    values = np.random.default_rng(0).normal(size=(len(times), channels))
    return resample(values, times)


def test_windows_and_horizons_match_a_loop():
    series = series_of(9, 4, 12)
    windows = ForecastWindows(series, window=4, horizon=3, targets=[1])
    expected = [
        origin
        for first, last in ((0, 9), (9, 13), (13, 25))
        for origin in range(first, last)
        if origin - 4 >= first and origin + 3 <= last
    ]
    assert windows.origins.tolist() == expected
    x, y = windows.arrays(windows.origins)
    for n, origin in enumerate(expected):
        np.testing.assert_allclose(
            x[n], series.values[origin - 4 : origin], rtol=1e-6
        )
        np.testing.assert_allclose(
            y[n], series.values[origin : origin + 3, 1:], rtol=1e-6
        )
    [batch] = windows.batches(windows.origins)
    for tensor, array in zip(batch, (x, y), strict=True):
        np.testing.assert_array_equal(tensor, array)


def test_no_window_has_a_missing_value():
    values = np.ones((20, 2))
    values[:, 1] = np.nan
    with pytest.raises(ValueError, match="without a gap"):
        ForecastWindows(resample(values), 4, 3)


@pytest.mark.parametrize("horizon", [1, 5])
def test_forecasts_of_two_parts_do_not_overlap(horizon):
    windows = ForecastWindows(series_of(200), 8, horizon)
    parts = windows.split(min_calibration=9)
    order = (parts.train, parts.validation, parts.calibration, parts.test)
    for before, after in itertools.pairwise(order):
        assert before[-1] + horizon <= after[0]
    assert len(parts.calibration) >= 9
    assert parts.test[-1] == 200 - horizon  # the last with a whole horizon


def test_the_required_number_of_rows_is_sufficient():
    # For n windows: 5 to train, 5, 13 and n / 5: n = 29, of 12 rows more.
    with pytest.raises(ValueError, match="need at least 41 rows") as error:
        ForecastWindows(series_of(30), 8, 5).split(9)
    assert "Use a shorter window" in str(error.value)
    parts = ForecastWindows(series_of(41), 8, 5).split(9)
    assert min(map(len, (parts.train, parts.validation, parts.test))) == 1
    with pytest.raises(ValueError, match="need at least 41"):
        ForecastWindows(series_of(40), 8, 5).split(9)


def test_a_batch_does_not_depend_on_where_a_run_begins():
    windows = ForecastWindows(series_of(40), 4, 2)

    def batches(first, last):
        return list(
            windows.training_batches(
                windows.origins,
                batch_size=5,
                seed=3,
                first_step=first,
                last_step=last,
            )
        )

    whole, late = batches(0, 10), batches(8, 10)
    for (x, y), (x_late, y_late) in zip(whole[8:], late, strict=True):
        np.testing.assert_array_equal(x, x_late)
        np.testing.assert_array_equal(y, y_late)
    # An epoch of 7 batches has each window at most once.
    first_rows = [row.numpy().tobytes() for x, _ in whole[:7] for row in x]
    assert len(set(first_rows)) == 35


def test_last_window_is_the_end_of_the_series_without_a_gap():
    series = series_of(9, 4)
    np.testing.assert_allclose(
        last_window(series, 4)[0], series.values[9:], rtol=1e-6
    )
    with pytest.raises(ValueError, match="4 rows after the last gap"):
        last_window(series, 5)
