"""Windows of a series and the horizons that follow them, split by time."""

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
        train, validation, calibration, test: Integers `(origins,)`.
    """

    train: Array
    validation: Array
    calibration: Array
    test: Array


class ForecastWindows:
    """Pairs of a window of a series and the horizon that follows it.

    A time step is a valid origin, the first time step of a forecast, if the
    `window` steps before it and the `horizon` steps from it on lie in one
    segment without a gap, and there is no missing value in the window nor, of
    the targets, in the horizon.

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
                f"{longest}. Use a shorter window or horizon, or fill the gaps"
            )

    def split(self, min_calibration: int = 1) -> ForecastOrigins:
        """Splits the origins by time: 50 % training, 15 %, 15 % and 20 % test.

        Origins at the end of a part whose horizon overlaps the next part are
        dropped.

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
                "time for training, validation, calibration and test. "
                f"Received: rows for {number} windows, fewer than {required}. "
                "Use a shorter window or horizon"
            )
        return split_origins(self.origins, self.horizon, min_calibration)

    def arrays(self, origins: Array) -> tuple[Array, Array]:
        """Windows and horizons as arrays.

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
        """Mini-batches in order.

        Args:
            origins: Integers `(origins,)`.
            batch_size: Positive integer.

        Returns:
            `tf.data.Dataset` of `(windows, horizons)`. The windows are
            gathered batch by batch and never in memory together.
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
        """Mini-batches in random order.

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
    """Sizes of the parts of a split, the minimum for the training part.

    Each part but the last includes the `overlap` origins that are dropped at
    its end.
    """
    return (
        1 + overlap,
        max(round(0.15 * number), 1 + overlap),
        max(round(0.15 * number), min_calibration + overlap),
        max(round(0.2 * number), 1),
    )


def last_window(series: ResampledSeries, window: int) -> Array:
    """Last window of a series, to forecast what follows it.

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
            "A forecast from the end of the series needs values of every "
            f"channel there. Received: none in channel {missing.argmax() + 1}"
        )
    return values[None].astype("float32")
