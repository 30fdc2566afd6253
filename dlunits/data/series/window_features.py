"""Series to the features by which their windows are judged."""

import numpy as np

from dlunits.data.series.resampling import resample, two_dimensional
from dlunits.data.series.seasonal_profile import DAY, WEEK, SeasonalProfile
from dlunits.data.series.series_windows import SeriesWindows

MOST_POINTS, MOST_FEATURES = 16, 256
LEAST_SPREAD = 0.05  # of usual spreads


class WindowFeatures:
    """Learns of a series what makes its windows comparable.

    What is usual at the time is taken from each value, and the rest is
    divided by its usual spread:

        r_t = (x_t - usual(t)) / spread

    `usual` is a `dlunits.data.series.seasonal_profile.SeasonalProfile`, by the
    day, the week, or a constant, as fits best; `spread` the interquartile range
    of x - usual over 1.349. So r is the error of a seasonal forecast: of the
    series that is learnt too, where usual is taken from its other cycles alone,
    for the spread and in `training_features`. Of each window of r,
    `window_features` are what a table of windows holds, made for
    `dlunits.models.AnomalyDetector`. Nothing of it looks ahead of a window, but
    for holes of one or two rows, which are bridged.

    Args:
        channels: Positive integer.
        step: Seconds between rows.
        profile: `SeasonalProfile`.
        spread: Array `(channels,)`.
        window, stride: Integers, as in
            `dlunits.data.series.series_windows.SeriesWindows`.

    Example, a saw; one of its teeth is missing:

    >>> saw = np.tile([0.0, 1, 2, 3, 4, 5, 6, 7], 12)
    >>> inputs = WindowFeatures.fit(saw, window=4, periods=[8])
    >>> saw[40:48] = 0
    >>> windows = inputs.windows(saw)
    >>> inputs.features(windows).shape
    (93, 7)
    >>> level = inputs.features(windows)[:, inputs.names.index("level")]
    >>> float(level[44])  # -(4 + 5 + 6 + 7) / 4
    -5.5
    """

    def __init__(self, channels, step, profile, spread, window, stride):
        self.channels = channels
        self.step = step
        self.profile = profile
        self.spread = np.asarray(spread, "float64")
        self.window = window
        self.stride = stride
        self.points = min(
            window, MOST_POINTS, max(4, MOST_FEATURES // channels)
        )

    @classmethod
    def fit(cls, values, timestamps=None, window=64, stride=None, periods=None):
        """Learns from a normal series.

        Args:
            values: Array `(rows, channels)` or `(rows,)`. NaN is missing;
                so one may blot out rows that should not be learnt from.
            timestamps: Seconds `(rows,)`, or `None`.
            window, stride: Integers.
            periods: Seconds, the shortest first; `None` tries a day and a
                week, or nothing where there are no timestamps. Without
                them a row is a second.

        Returns:
            A `WindowFeatures`.

        Raises:
            ValueError: If the series cannot be put on a grid, a channel has
                no value, or no window fits.
        """
        series = resample(values, timestamps)
        if periods is None:
            periods = () if timestamps is None else (DAY, WEEK)
        profile = SeasonalProfile.fit(
            series.values, series.times, series.step, periods
        )
        rest = series.values - profile.held_out(
            series.values, series.times, series.step
        )
        low, high = np.nanpercentile(rest, [25, 75], axis=0)
        spread = (high - low) / 1.349
        # A channel that mostly stands still, or always.
        spread = np.where(spread > 0, spread, np.nanstd(rest, axis=0))
        spread = np.where(spread > 0, spread, 1.0)
        windows = SeriesWindows(series, window, stride)
        channels = series.values.shape[1]
        return cls(
            channels, series.step, profile, spread, window, windows.stride
        )

    def windows(self, values, timestamps=None, stride=None):
        """Lays windows on a series, as a `SeriesWindows`.

        Args:
            values, timestamps: As in `learn`.
            stride: Integer; `None` is the one that was learnt with.

        Raises:
            ValueError: If the series has other channels or another step.
        """
        channels = two_dimensional(values).shape[1]
        if channels != self.channels:
            raise ValueError(
                f"A series of {self.channels} channels was learnt. Received: "
                f"{channels} channels"
            )
        series = resample(values, timestamps, self.step)
        return SeriesWindows(series, self.window, stride or self.stride)

    def training_windows(self, values, timestamps=None):
        """The same, but for windows that overlap by about half.

        Windows that share nearly all of their rows are nearly one, and each
        would vouch for the other: p-values would come out too low. The stride
        is the largest prime number up to half of a window, to meet a period
        that is not known in all of its phases.
        """
        stride = largest_prime(self.window // 2)
        return self.windows(values, timestamps, stride)

    def features(self, windows):
        """Features of the windows, float32 `(windows, features)`.

        What is missing in all of a stretch counts as usual.
        """
        return self.features_beside(self.profile(windows.series.times), windows)

    def training_features(self, windows):
        """The same of windows of the series that was learnt, as if new.

        The profile has seen them: beside it they would look more usual than
        any new window, and p-values would come out too low.
        """
        series = windows.series
        usual = self.profile.held_out(series.values, series.times, series.step)
        return self.features_beside(usual, windows)

    def features_beside(self, usual, windows):
        """Features of what is left beside usual values `(slots, channels)`."""
        rest = (windows.series.values - usual) / self.spread
        return windows.map(
            lambda some: window_features(some, self.points), np.nan_to_num(rest)
        )

    @property
    def names(self):
        """Names of the features."""
        per_channel = [
            *(f"point {n + 1} of {self.points}" for n in range(self.points)),
            "level",
            "slope",
            "spread",
        ]
        if self.channels == 1:
            return per_channel
        return [
            f"channel {channel + 1}, {name}"
            for channel in range(self.channels)
            for name in per_channel
        ]

    def get_config(self):
        return {
            "channels": self.channels,
            "step": self.step,
            "profile": self.profile.get_config(),
            "spread": self.spread.tolist(),
            "window": self.window,
            "stride": self.stride,
        }

    @classmethod
    def from_config(cls, config):
        profile = SeasonalProfile(**config["profile"])
        return cls(**{**config, "profile": profile})


def largest_prime(most):
    """The largest prime number up to a number, or 1.

    >>> largest_prime(32), largest_prime(7), largest_prime(1)
    (31, 7, 1)
    """
    for number in range(most, 1, -1):
        if all(number % divisor for divisor in range(2, number)):
            return number
    return 1


def window_features(windows, points=MOST_POINTS):
    """Describes windows by their course, level, slope and spread.

        point_k = mean over part k of the window, of `points` even parts
        level   = mean over the window
        slope   = 3 * mean over the window of r_t u_t, u from -1 to 1
        spread  = log(0.05 + standard deviation over the window)

    The points are what a short code draws well or not; level and slope weigh
    what is small but lasts, the spread what is short, such as a spike, or
    silence.

    Args:
        windows: Array `(windows, window, channels)`, of usual spread 1.
        points: Positive integer; at most `window` are taken.

    Returns:
        Array `(windows, channels * (points + 3))`, channel by channel.

    Example, the slope of a line is half of its rise, 2, for long windows:

    >>> line = np.linspace(0, 2, 1000).reshape(1, 1000, 1)
    >>> window_features(line, points=2).round(1).tolist()  # spread: log .6
    [[0.5, 1.5, 1.0, 1.0, -0.5]]
    """
    windows = np.asarray(windows, "float64")
    length = windows.shape[1]
    points = min(points, length)
    edges = np.linspace(0, length, points + 1).astype(int)
    course = np.add.reduceat(windows, edges[:-1], axis=1)
    course /= np.diff(edges)[:, None]
    across = np.linspace(-1, 1, length)
    features = np.concatenate(
        [
            course,
            windows.mean(axis=1, keepdims=True),
            3 * np.einsum("ntc,t->nc", windows, across)[:, None] / length,
            np.log(LEAST_SPREAD + windows.std(axis=1, keepdims=True)),
        ],
        axis=1,
    )
    return np.swapaxes(features, 1, 2).reshape(len(windows), -1)
