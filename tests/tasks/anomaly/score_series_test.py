"""Which window a row has its reasons from; the rest is tested with the recipe
that makes what a scorer needs, in tests/tasks/anomaly/train_series_test.py.
"""

import numpy as np
import pytest

from dlunits.data.series.resampling import resample
from dlunits.data.series.series_windows import SeriesWindows
from dlunits.tasks.anomaly.score_series import middle_windows


@pytest.mark.parametrize(
    ("window", "stride"), [(2, 1), (5, 2), (8, 8), (9, 4), (30, 7)]
)
def test_it_is_the_window_whose_middle_is_nearest(window, stride):
    seconds = np.r_[0:30, 100:103, 200:240]  # holes, and a stretch too short
    series = resample(np.arange(73.0), seconds)
    windows = SeriesWindows(series, window, stride)
    for row, found in enumerate(middle_windows(windows)):
        covering = [
            number
            for number, start in enumerate(windows.starts)
            if start <= row < start + window
        ]
        if not covering:
            assert found == -1
            continue
        away = abs(windows.starts + (window - 1) / 2 - row)
        assert found in covering
        assert away[found] == away[covering].min()
