"""The window that explains a row. `SeriesScorer` is tested with training, in
tests/tasks/anomaly/training_windows_test.py.
"""

import numpy as np
import pytest

from dlunits.data.series.resampling import resample
from dlunits.data.series.series_windows import SeriesWindows
from dlunits.tasks.anomaly.score_series import nearest_windows


@pytest.mark.parametrize(
    ("window", "stride"), [(2, 1), (5, 2), (8, 8), (9, 4), (30, 7)]
)
def test_the_nearest_window_agrees_with_a_loop(window, stride):
    seconds = np.r_[
        0:30, 100:103, 200:240
    ]  # gaps, and a segment shorter than the window
    series = resample(np.arange(73.0), seconds)
    windows = SeriesWindows(series, window, stride)
    for row, found in enumerate(nearest_windows(windows)):
        covering = [
            number
            for number, start in enumerate(windows.starts)
            if start <= row < start + window
        ]
        if not covering:
            assert found == -1
            continue
        distance = abs(windows.starts + (window - 1) / 2 - row)
        assert found in covering
        assert distance[found] == distance[covering].min()
