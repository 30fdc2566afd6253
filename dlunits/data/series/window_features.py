"""Features of the windows of a series, for anomaly detection."""

from collections.abc import Sequence

import numpy as np

from dlunits.data.series.resampling import (
    ResampledSeries,
    as_matrix,
    resample,
)
from dlunits.data.series.seasonal_profile import DAY, WEEK, SeasonalProfile
from dlunits.data.series.series_windows import SeriesWindows
from dlunits.typing import Array, ArrayLike, Config

MAX_POINTS, MAX_FEATURES = 16, 256
MIN_SPREAD = 0.05  # added to standard deviations before the logarithm


class WindowFeatures:
    """Seasonal adjustment and scaling of a series, and features of its windows.

    Each value is replaced by its standardized deviation from a seasonal
    profile:

        r_t = (x_t - profile(t)) / scale

    where x_t is the value of a channel at time t, `profile` is a
    `dlunits.data.series.seasonal_profile.SeasonalProfile`, and `scale` is the
    interquartile range of x - profile divided by 1.349, which is the standard
    deviation if x - profile is normal. For the training series itself,
    cross-validated values of the profile are used, both for `scale` and in
    `training_features`.

    `window_features` computes the features of each window of r, which are one
    row of a table for `dlunits.models.AnomalyDetector`. No feature depends on
    values after the window, except through the interpolation of one or two
    missing rows.

    Args:
        num_channels: Positive integer.
        step: Seconds between rows.
        profile: `SeasonalProfile`.
        scale: Array `(channels,)`.
        window, stride: Integers, time steps, as in
            `dlunits.data.series.series_windows.SeriesWindows`.

    Example:

    A sawtooth with one missing tooth.

    >>> saw = np.tile([0.0, 1, 2, 3, 4, 5, 6, 7], 12)
    >>> extractor = WindowFeatures.fit(saw, window=4, periods=[8])
    >>> saw[40:48] = 0
    >>> windows = extractor.windows(saw)
    >>> features = extractor.features(windows)
    >>> features.shape
    (93, 7)
    >>> level = extractor.feature_names.index("level")
    >>> float(features[44, level])  # -(4 + 5 + 6 + 7) / 4
    -5.5
    """

    def __init__(
        self,
        num_channels: int,
        step: float,
        profile: SeasonalProfile,
        scale: ArrayLike,
        window: int,
        stride: int,
    ) -> None:
        self.num_channels = num_channels
        self.step = step
        self.profile = profile
        self.scale = np.asarray(scale, "float64")
        self.window = window
        self.stride = stride
        self.num_points = min(
            window, MAX_POINTS, max(4, MAX_FEATURES // num_channels)
        )

    @classmethod
    def fit(
        cls,
        values: ArrayLike,
        timestamps: ArrayLike | None = None,
        window: int = 64,
        stride: int | None = None,
        periods: Sequence[float] | None = None,
    ) -> "WindowFeatures":
        """Estimates the profile and the scale of a normal series.

        Args:
            values: Array `(rows, channels)` or `(rows,)`; NaN where missing.
                Set rows to NaN to exclude them.
            timestamps: Seconds `(rows,)`, or `None` for rows that are one
                second apart.
            window, stride: Integers, time steps, as in `SeriesWindows`.
            periods: Candidate periods in seconds, the shortest first. `None`
                tries a day and a week if there are timestamps, and no period
                otherwise.

        Returns:
            `WindowFeatures`.

        Raises:
            ValueError: If the series cannot be resampled to a regular grid, a
                channel has no value, or no window fits.
        """
        if periods is None:
            periods = () if timestamps is None else (DAY, WEEK)
        series = resample(values, timestamps)
        windows = SeriesWindows(series, window, stride)
        profile = SeasonalProfile.fit(
            series.values, series.times, series.step, periods
        )
        residuals = series.values - profile.cross_val_predict(
            series.values, series.times, series.step
        )
        low, high = np.nanpercentile(residuals, [25, 75], axis=0)
        scale = (high - low) / 1.349
        # Channels that are constant most of the time, or always.
        scale = np.where(scale > 0, scale, np.nanstd(residuals, axis=0))
        scale = np.where(scale > 0, scale, 1.0)
        num_channels = series.values.shape[1]
        return cls(
            num_channels, series.step, profile, scale, window, windows.stride
        )

    def resample(
        self, values: ArrayLike, timestamps: ArrayLike | None = None
    ) -> ResampledSeries:
        """Resamples a series to the step of the training series.

        Args:
            values, timestamps: As in `fit`.

        Returns:
            `dlunits.data.series.resampling.ResampledSeries`.

        Raises:
            ValueError: If the number of channels or the step differs from
                that of the training series.
        """
        channels = as_matrix(values).shape[1]
        if channels != self.num_channels:
            raise ValueError(
                f"The series must have {self.num_channels} channels, like the "
                f"training series. Received: {channels} channels"
            )
        return resample(values, timestamps, self.step)

    def windows(
        self,
        values: ArrayLike,
        timestamps: ArrayLike | None = None,
        stride: int | None = None,
    ) -> SeriesWindows:
        """Sliding windows over a series.

        Args:
            values, timestamps: As in `fit`.
            stride: Integer, time steps; `None` is the stride of `fit`.

        Returns:
            `SeriesWindows`.

        Raises:
            ValueError: As `resample`, or if no window fits.
        """
        series = self.resample(values, timestamps)
        return SeriesWindows(series, self.window, stride or self.stride)

    def training_windows(
        self, values: ArrayLike, timestamps: ArrayLike | None = None
    ) -> SeriesWindows:
        """Sliding windows that overlap by about half, to train a detector on.

        Windows that share nearly all of their rows are near-duplicates: each is
        the nearest neighbor of the other, which makes p-values too small. The
        stride is the largest prime number up to half a window, so that the
        windows begin at all phases of an unknown period.

        Args:
            values, timestamps: As in `fit`.

        Returns:
            `SeriesWindows`.
        """
        return self.windows(values, timestamps, self.training_stride)

    @property
    def training_stride(self) -> int:
        """Stride of `training_windows`."""
        return largest_prime(self.window // 2)

    def features(self, windows: SeriesWindows) -> Array:
        """Features of windows of a new series.

        A channel that is missing in a whole segment is set to its profile.

        Args:
            windows: Result of the method `windows`.

        Returns:
            Float32 `(windows, features)`.
        """
        series = windows.series
        residuals = self.residuals(series.values, series.times)
        return self.features_of_residuals(residuals, windows)

    def training_features(self, windows: SeriesWindows) -> Array:
        """Features of windows of the training series, cross-validated.

        They are computed with cross-validated values of the profile. With the
        profile itself, the training windows would deviate less than new ones,
        which makes p-values too small.

        Args:
            windows: Result of `training_windows` for the series of `fit`.

        Returns:
            Float32 `(windows, features)`.
        """
        series = windows.series
        residuals = self.training_residuals(series.values, series.times)
        return self.features_of_residuals(residuals, windows)

    def residuals(self, values: Array, times: Array) -> Array:
        """Deviations of values `(time, channels)` from the profile, scaled."""
        return (values - self.profile(times)) / self.scale

    def training_residuals(self, values: Array, times: Array) -> Array:
        """Like `residuals`, with cross-validated values of the profile."""
        profile = self.profile.cross_val_predict(values, times, self.step)
        return (values - profile) / self.scale

    def features_of_residuals(
        self, residuals: Array, windows: SeriesWindows
    ) -> Array:
        """Features of the windows of residuals `(time, channels)`."""
        return windows.map(
            lambda batch: window_features(batch, self.num_points),
            np.nan_to_num(residuals),
        )

    @property
    def feature_names(self) -> list[str]:
        """Names of the features, channel by channel."""
        per_channel = [
            *(
                f"point {n + 1} of {self.num_points}"
                for n in range(self.num_points)
            ),
            "level",
            "slope",
            "spread",
        ]
        if self.num_channels == 1:
            return per_channel
        return [
            f"channel {channel + 1}, {name}"
            for channel in range(self.num_channels)
            for name in per_channel
        ]

    def get_config(self) -> Config:
        """Configuration for `from_config`, which JSON can store."""
        return {
            "num_channels": self.num_channels,
            "step": self.step,
            "profile": self.profile.get_config(),
            "scale": self.scale.tolist(),
            "window": self.window,
            "stride": self.stride,
        }

    @classmethod
    def from_config(cls, config: Config) -> "WindowFeatures":
        """Creates an instance from the result of `get_config`."""
        profile = SeasonalProfile(**config["profile"])
        return cls(**{**config, "profile": profile})


def largest_prime(limit: int) -> int:
    """Largest prime number up to a limit, or 1.

    Args:
        limit: Positive integer.

    Returns:
        Integer.

    Example:

    >>> largest_prime(32), largest_prime(7), largest_prime(1)
    (31, 7, 1)
    """
    for number in range(limit, 1, -1):
        if all(number % divisor for divisor in range(2, number)):
            return number
    return 1


def window_features(windows: ArrayLike, num_points: int = MAX_POINTS) -> Array:
    """Features of windows: piecewise means, level, slope and spread.

        point_k = mean over the k-th of `num_points` equal parts of the window
        level   = mean over the window
        slope   = 3 * mean over the window of r_t u_t
        spread  = log(0.05 + standard deviation over the window)

    where r_t is the value at time step t of the window, and u_t increases
    linearly from -1 to 1. The points describe the shape of the window. Level
    and slope respond to small but lasting deviations; the spread responds to
    short ones such as a spike, and to a flat signal.

    Args:
        windows: Array `(windows, window, channels)`, of standardized values.
        num_points: Positive integer; at most `window` points are computed.

    Returns:
        Array `(windows, channels * (num_points + 3))`, channel by channel.

    Example:

    A line that rises by 2. For long windows the slope is half of the rise, and
    the spread is log(0.05 + 2 / sqrt(12)) = -0.5.

    >>> line = np.linspace(0, 2, 1000).reshape(1, 1000, 1)
    >>> window_features(line, num_points=2).round(1).tolist()
    [[0.5, 1.5, 1.0, 1.0, -0.5]]
    """
    windows = np.asarray(windows, "float64")
    length = windows.shape[1]
    num_points = min(num_points, length)
    edges = np.linspace(0, length, num_points + 1).astype(int)
    points = np.add.reduceat(windows, edges[:-1], axis=1)
    points /= np.diff(edges)[:, None]
    u = np.linspace(-1, 1, length)
    features = np.concatenate(
        [
            points,
            windows.mean(axis=1, keepdims=True),
            3 * np.einsum("ntc,t->nc", windows, u)[:, None] / length,
            np.log(MIN_SPREAD + windows.std(axis=1, keepdims=True)),
        ],
        axis=1,
    )
    return np.swapaxes(features, 1, 2).reshape(len(windows), -1)
