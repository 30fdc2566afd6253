"""Windows of a series, and what comes after them."""

import dataclasses
import itertools

import numpy as np
import tensorflow as tf

from dlunits.data import batches


@dataclasses.dataclass(frozen=True)
class Origins:
    """First slots that are forecast, parted by time.

    What is forecast from one part is before all that is forecast from the
    next: no value is learnt from and judged by as well.
    """

    train: np.ndarray
    validation: np.ndarray
    calibration: np.ndarray
    test: np.ndarray


class ForecastWindows:
    """Cuts a series into windows and the steps that come after them.

    An origin is the first slot that is forecast. It counts if the `window`
    slots before it and the `horizon` slots from it on are in one stretch
    without a hole and without a missing value.

    Args:
        series: `dlunits.data.series.resampling.ResampledSeries`.
        window: Positive integer, slots that are read.
        horizon: Positive integer, slots that are forecast.
        targets: Places of the channels that are forecast, or `None` for all.

    Attributes:
        origins: Integers `(windows,)`.

    Raises:
        ValueError: If none fits.

    Example:

    >>> from dlunits.data.series.resampling import resample
    >>> series = resample([1, 2, 4, 8, 16.0])
    >>> windows = ForecastWindows(series, window=3, horizon=1)
    >>> x, y = windows.arrays(windows.origins)
    >>> x[:, :, 0].tolist(), y[:, :, 0].tolist()
    ([[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]], [[8.0], [16.0]])
    """

    def __init__(self, series, window, horizon, targets=None):
        self.values = series.values.astype("float32")
        self.window = window
        self.horizon = horizon
        channels = self.values.shape[1]
        self.targets = list(range(channels)) if targets is None else targets
        present = ~np.isnan(self.values).any(axis=1)
        before = np.r_[0, np.cumsum(present)]
        length = window + horizon
        found, longest = [], 0
        for first, last in zip(
            series.bounds[:-1], series.bounds[1:], strict=True
        ):
            longest = max(longest, last - first)
            start = np.arange(first, last - length + 1)
            whole = before[start + length] - before[start] == length
            found.append(start[whole] + window)
        self.origins = np.concatenate(found)
        if len(self.origins) == 0:
            raise ValueError(
                f"A window of {window} rows and a horizon of {horizon} need "
                f"{length} rows without a hole in time. Received: at most "
                f"{longest}. Take a shorter window or horizon, or fill the "
                "holes"
            )

    def parts(self, min_calibration=1):
        """Parts the origins: 50 % to train, 15, 15 and the last 20 %.

        Args:
            min_calibration: Fewest origins to calibrate intervals on.

        Returns:
            `Origins`.

        Raises:
            ValueError: If there are too few for one of each.
        """
        number, overlap = len(self.origins), self.horizon - 1
        sizes = part_sizes(number, min_calibration, overlap)
        if number < sum(sizes):
            least = next(
                more
                for more in itertools.count(number + 1)
                if more >= sum(part_sizes(more, min_calibration, overlap))
            )
            raise ValueError(
                f"A window of {self.window} rows and a horizon of "
                f"{self.horizon} need at least "
                f"{least + self.window + overlap} rows without a hole in "
                "time, to learn from, to stop by, to make intervals of and to "
                f"judge by. Received: rows for {number} windows, fewer than "
                f"{least}. Take a shorter window or horizon"
            )
        cuts = np.cumsum(sizes[1:][::-1])[::-1]
        parts = np.split(self.origins, number - cuts)
        for place, following in enumerate(parts[1:]):
            own = parts[place]
            parts[place] = own[own + self.horizon <= following[0]]
        return Origins(*parts)

    def arrays(self, origins):
        """Origins -> float32 windows `(origins, window, channels)` and what
        follows, `(origins, horizon, targets)`.
        """
        read = origins[:, None] + np.arange(-self.window, 0)
        come = origins[:, None] + np.arange(self.horizon)
        return self.values[read], self.values[come][:, :, self.targets]

    def batches(self, origins, batch_size=512):
        """Mini-batches in order, `tf.data.Dataset`, cut when they are asked
        for.
        """
        origins = tf.data.Dataset.from_tensor_slices(origins).batch(batch_size)
        return batches.disable_autotune(origins.map(self.cut).prefetch(2))

    def cut(self, origins):
        """As `arrays`, of tensors."""
        read = origins[:, None] + tf.range(-self.window, 0, dtype=tf.int64)
        come = origins[:, None] + tf.range(self.horizon, dtype=tf.int64)
        values = tf.constant(self.values)
        follow = tf.gather(tf.gather(values, come), self.targets, axis=2)
        return tf.gather(values, read), follow

    def training_batches(
        self, origins, *, batch_size, seed, first_step, last_step
    ):
        """Mini-batches in random order, see `batches.training_batches`.

        Returns:
            `tf.data.Dataset` of (windows, what follows).
        """
        return batches.training_batches(
            origins,
            origins,
            batch_size=batch_size,
            seed=seed,
            first_step=first_step,
            last_step=last_step,
            prepare=lambda origin, _: origin,
        ).map(lambda origin, _: self.cut(origin))


def part_sizes(number, min_calibration, overlap):
    """Origins to train, validate, calibrate and test, the fewest to train.

    What a part shares with the next is taken from it.
    """
    return (
        1 + overlap,
        max(round(0.15 * number), 1 + overlap),
        max(round(0.15 * number), min_calibration + overlap),
        max(round(0.2 * number), 1),
    )


def last_window(series, window):
    """The last slots of a series, `(1, window, channels)` of float32.

    Raises:
        ValueError: If they hold a missing value, or a hole is among them.

    Example:

    >>> from dlunits.data.series.resampling import resample
    >>> last_window(resample([1.0, 2, 3, 4]), 2).ravel().tolist()
    [3.0, 4.0]
    """
    there = series.bounds[-1] - series.bounds[-2]
    if there < window:
        raise ValueError(
            f"To go on from the end needs {window} rows without a hole in "
            f"time. Received: {there} after the last hole. Take a shorter "
            "window, or fill the hole"
        )
    values = series.values[-window:]
    missing = np.isnan(values).any(axis=0)
    if missing.any():
        raise ValueError(
            "To go on from the end every channel must have values there. "
            f"Received: none in channel {missing.argmax() + 1}"
        )
    return values[None].astype("float32")
