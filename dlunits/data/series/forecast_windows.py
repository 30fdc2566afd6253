"""Forecast windows: input windows and horizons of a series, split by time."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.data import batches
from dlunits.data.series.resampling import ResampledSeries
from dlunits.typing import Array


@dataclasses.dataclass(frozen=True)
class ForecastOrigins:
    """Forecast origins of each part of a split by time.

    An origin is the first time step of a forecast. All forecasts of one part
    end before the first forecast of the next part begins, so no value is both
    trained on and evaluated on.

    Args:
        train, validation, calibration, test: Integers `(origins,)`, time
            steps. `calibration` is for prediction intervals.

    Example:

    >>> from dlunits.data.series.resampling import resample
    >>> series = resample(np.arange(23.0))
    >>> origins = ForecastWindows(series, window=3, horizon=1).split()
    >>> len(origins.train), len(origins.test)  # 50 % and 20 % of 20
    (10, 4)
    """

    train: Array
    validation: Array
    calibration: Array
    test: Array


class ForecastWindows:
    """Pairs of a window of a series and the horizon that follows it.

    A forecast origin is the first time step of a forecast. It is valid if the
    `window` steps before it and the `horizon` steps from it on lie in one
    segment without a gap in time, and no value is missing: of all channels in
    the window, and of the targets in the horizon.

    Args:
        series: `dlunits.data.series.resampling.ResampledSeries`.
        window: Positive integer, time steps that a forecast is made from.
        horizon: Positive integer, time steps that are forecast.
        targets: Indices of the channels that are forecast, or `None` for all.

    Attributes:
        origins: Integers `(origins,)`, all valid origins.

    Raises:
        ValueError: If there is no valid origin.

    Example:

    >>> from dlunits.data.series.resampling import resample
    >>> series = resample([1, 2, 4, 8, 16.0])
    >>> windows = ForecastWindows(series, window=3, horizon=1)
    >>> x, y = windows.arrays(windows.origins)
    >>> x[:, :, 0].tolist(), y[:, :, 0].tolist()
    ([[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]], [[8.0], [16.0]])
    """

    def __init__(
        self,
        series: ResampledSeries,
        window: int,
        horizon: int,
        targets: Sequence[int] | None = None,
    ) -> None:
        self.values = series.values.astype("float32")
        self.window = window
        self.horizon = horizon
        channels = self.values.shape[1]
        self.targets = list(range(channels)) if targets is None else targets
        missing = np.isnan(self.values)
        in_windows = np.r_[0, np.cumsum(missing.any(axis=1))]
        in_horizons = np.r_[0, np.cumsum(missing[:, self.targets].any(axis=1))]
        length = window + horizon
        valid, longest = [], 0
        for first, last in zip(
            series.segment_bounds[:-1], series.segment_bounds[1:], strict=True
        ):
            longest = max(longest, last - first)
            start = np.arange(first, last - length + 1)
            origin = start + window
            counts = in_windows[origin] - in_windows[start]
            counts += in_horizons[start + length] - in_horizons[origin]
            valid.append(origin[counts == 0])
        self.origins = np.concatenate(valid)
        if len(self.origins) == 0:
            raise ValueError(
                f"A window of {window} rows and a horizon of {horizon} need "
                f"{length} rows without a gap in time. Received: at most "
                f"{longest} rows. Use a shorter window or horizon, or fill the "
                "gaps"
            )

    def split(self, min_calibration: int = 1) -> ForecastOrigins:
        """Splits the origins by time.

        The parts are 50 % training, 15 % validation, 15 % calibration and 20 %
        test. Origins at the end of a part whose horizon overlaps the next part
        are dropped.

        Args:
            min_calibration: Minimum number of origins for the calibration of
                prediction intervals.

        Returns:
            `ForecastOrigins`.

        Raises:
            ValueError: If there are too few origins.
        """
        number, overlap = len(self.origins), self.horizon - 1
        if number < sum(split_sizes(number, min_calibration, overlap)):
            required = next(
                larger
                for larger in itertools.count(number + 1)
                if larger >= sum(split_sizes(larger, min_calibration, overlap))
            )
            raise ValueError(
                f"A window of {self.window} rows and a horizon of "
                f"{self.horizon} need at least "
                f"{required + self.window + overlap} rows without a gap in "
                "time for training, validation, calibration and test: "
                f"{required} windows. Received: rows for {number} windows. Use "
                "a shorter window or horizon"
            )
        return split_origins(self.origins, self.horizon, min_calibration)

    def arrays(self, origins: Array) -> tuple[Array, Array]:
        """Windows and horizons of origins, as arrays.

        Args:
            origins: Integers `(origins,)`.

        Returns:
            `(windows, horizons)`, float32 arrays `(origins, window, channels)`
            and `(origins, horizon, targets)`.
        """
        past = origins[:, None] + np.arange(-self.window, 0)
        future = origins[:, None] + np.arange(self.horizon)
        return self.values[past], self.values[future][:, :, self.targets]

    def batches(self, origins: Array, batch_size: int = 512) -> Any:
        """Mini-batches of windows and horizons, in the order of the origins.

        Args:
            origins: Integers `(origins,)`.
            batch_size: Positive integer, windows of a mini-batch.

        Returns:
            `tf.data.Dataset` of `(windows, horizons)`. Only the windows of a
            few batches are in memory at a time.
        """
        dataset = tf.data.Dataset.from_tensor_slices(origins).batch(batch_size)
        return batches.disable_autotune(dataset.map(self.gather).prefetch(2))

    def gather(self, origins: Any) -> tuple[Any, Any]:
        """Same as `arrays`, for tensors."""
        past = origins[:, None] + tf.range(-self.window, 0, dtype=tf.int64)
        future = origins[:, None] + tf.range(self.horizon, dtype=tf.int64)
        values = tf.constant(self.values)
        horizons = tf.gather(tf.gather(values, future), self.targets, axis=2)
        return tf.gather(values, past), horizons

    def training_batches(
        self,
        origins: Array,
        *,
        batch_size: int,
        seed: int,
        first_step: int,
        last_step: int,
    ) -> Any:
        """Mini-batches of windows and horizons, shuffled.

        Args:
            origins: Integers `(origins,)`.
            batch_size, seed, first_step, last_step: As in
                `dlunits.data.batches.training_batches`.

        Returns:
            `tf.data.Dataset` of `(windows, horizons)`.
        """
        return batches.training_batches(
            origins,
            origins,
            batch_size=batch_size,
            seed=seed,
            first_step=first_step,
            last_step=last_step,
            prepare=lambda origin, _: origin,
        ).map(lambda origin, _: self.gather(origin))


def split_origins(
    origins: Array, horizon: int, min_calibration: int
) -> ForecastOrigins:
    """Splits origins by time, see `ForecastWindows.split`.

    Args:
        origins: Integers `(origins,)`, as many as `split_sizes` needs.
        horizon: Positive integer, time steps that are forecast.
        min_calibration: See `ForecastWindows.split`.

    Returns:
        `ForecastOrigins`.
    """
    sizes = split_sizes(len(origins), min_calibration, horizon - 1)
    cuts = np.cumsum(sizes[1:][::-1])[::-1]
    parts = np.split(origins, len(origins) - cuts)
    for part, following in enumerate(parts[1:]):
        own = parts[part]
        parts[part] = own[own + horizon <= following[0]]
    return ForecastOrigins(*parts)


def split_sizes(
    number: int, min_calibration: int, overlap: int
) -> tuple[int, int, int, int]:
    """Numbers of origins of the parts of a split.

    Args:
        number: Number of origins.
        min_calibration: Minimum number of origins for calibration.
        overlap: Number of origins that are dropped at the end of each part
            but the last, and are included in its size.

    Returns:
        `(train, validation, calibration, test)`. The first one is the minimum.

    Example:

    >>> split_sizes(100, min_calibration=10, overlap=2)
    (3, 15, 15, 20)
    """
    return (
        1 + overlap,
        max(round(0.15 * number), 1 + overlap),
        max(round(0.15 * number), min_calibration + overlap),
        max(round(0.2 * number), 1),
    )


def last_window(series: ResampledSeries, window: int) -> Array:
    """Last window of a series, for a forecast of the steps after its end.

    Args:
        series: `dlunits.data.series.resampling.ResampledSeries`.
        window: Positive integer, time steps.

    Returns:
        Float32 `(1, window, channels)`.

    Raises:
        ValueError: If there is a missing value or a gap in the window.

    Example:

    >>> from dlunits.data.series.resampling import resample
    >>> last_window(resample([1.0, 2, 3, 4]), 2).ravel().tolist()
    [3.0, 4.0]
    """
    length = series.segment_bounds[-1] - series.segment_bounds[-2]
    if length < window:
        raise ValueError(
            f"A forecast from the end of the series needs {window} rows "
            f"without a gap in time. Received: {length} rows after the last "
            "gap. Use a shorter window, or fill the gap"
        )
    values = series.values[-window:]
    missing = np.isnan(values).any(axis=0)
    if missing.any():
        raise ValueError(
            "A forecast from the end of the series needs the values of every "
            f"channel in the last {window} rows. Received: a missing value in "
            f"channel {missing.argmax() + 1}"
        )
    return values[None].astype("float32")
