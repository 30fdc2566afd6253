"""Conversion of timestamps to evenly spaced numbers, months included."""

import numpy as np

from dlunits.typing import Array, ArrayLike, Config

SECONDS_PER_DAY = 86_400.0
MIN_MONTH = 27.5 * SECONDS_PER_DAY
MONTH_TOLERANCE = 0.1  # deviation from a whole number of months, in months


class TimeAxis:
    """Converts timestamps to numbers with constant differences, and back.

    Monthly rows are 28 to 31 days apart, so they do not lie on a regular grid
    of seconds. They are counted in months instead:

        number = 12 year + month - 1 + s / S

    with the seconds s since the beginning of the month and the length S of the
    month in seconds. The same holds for quarterly and yearly rows. All other
    timestamps stay in seconds.

    Args:
        months: Whether timestamps are counted in months.
        dates: Whether timestamps are formatted as dates. If not, they are
            formatted as numbers of seconds.

    Example:

    >>> days = np.array(["2023-12-31", "2024-01-31", "2024-02-29"], "M8[s]")
    >>> axis = TimeAxis.infer(days.astype(float))
    >>> axis.months
    True
    >>> np.diff(axis.to_numbers(days.astype(float))).round(1).tolist()
    [1.0, 1.0]
    >>> axis.format(axis.to_seconds(np.array([12 * 2024.0, 12 * 2024 + 1])))
    ['2024-01-01', '2024-02-01']
    """

    def __init__(self, months: bool = False, dates: bool = True) -> None:
        self.months = months
        self.dates = dates

    @classmethod
    def infer(cls, seconds: ArrayLike, dates: bool = True) -> "TimeAxis":
        """Infer from timestamps whether they are counted in months.

        They are if at least 90 % of them are a whole number of months apart,
        with a tolerance of 0.1 months.

        Args:
            seconds: Seconds since 1970 `(rows,)`, in any order.
            dates: Whether timestamps are dates. Numbers of seconds are never
                counted in months.

        Returns:
            A `TimeAxis`.
        """
        gaps = np.diff(np.unique(seconds))
        if not dates or len(gaps) == 0 or np.median(gaps) < MIN_MONTH:
            return cls(False, dates)
        numbers = np.sort(cls(True).to_numbers(seconds))
        elapsed = numbers - numbers[0]
        deviation = np.abs(elapsed - np.round(elapsed))
        return cls(bool(np.mean(deviation <= MONTH_TOLERANCE) > 0.9), dates)

    def to_numbers(self, seconds: ArrayLike) -> Array:
        """Seconds since 1970 `(rows,)` to numbers `(rows,)`."""
        seconds = np.asarray(seconds, "float64")
        if not self.months:
            return seconds
        whole = np.floor(seconds).astype("int64").astype("M8[s]")
        month = whole.astype("M8[M]")
        first, length = month_bounds(month)
        return month.astype("int64") + 12 * 1970 + (seconds - first) / length

    def to_seconds(self, numbers: ArrayLike) -> Array:
        """Inverse of `to_numbers`, rounded to a second for months."""
        numbers = np.asarray(numbers, "float64")
        if not self.months:
            return numbers
        whole = np.floor(numbers + 1e-9)
        month = (whole.astype("int64") - 12 * 1970).astype("M8[M]")
        first, length = month_bounds(month)
        return np.round(first + (numbers - whole) * length)

    def format(self, seconds: ArrayLike) -> list[str]:
        """Formats timestamps for a table.

        Args:
            seconds: Seconds since 1970 `(rows,)`.

        Returns:
            List of dates, all with a time of day if one of them has one, or of
            numbers.
        """
        seconds = np.asarray(seconds, "float64")
        if not self.dates:
            return [f"{second:.12g}" for second in seconds]
        if np.all(seconds % SECONDS_PER_DAY == 0):
            unit, scale = "D", SECONDS_PER_DAY
        elif np.all(seconds == np.round(seconds)):
            unit, scale = "s", 1.0
        else:
            unit, scale = "us", 1e-6
        whole = np.round(seconds / scale).astype("int64").astype(f"M8[{unit}]")
        return [str(time).replace("T", " ") for time in whole]

    def get_config(self) -> Config:
        """Arguments of the constructor."""
        return {"months": self.months, "dates": self.dates}


def month_bounds(month: Array) -> tuple[Array, Array]:
    """Beginning and length of months, both in seconds.

    Args:
        month: `datetime64[M]` array.
    """
    first = month.astype("M8[s]").astype("float64")
    after = (month + 1).astype("M8[s]").astype("float64")
    return first, after - first
