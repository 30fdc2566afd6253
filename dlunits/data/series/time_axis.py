"""Time axis: conversion of timestamps to evenly spaced numbers."""

import functools

import numpy as np

from dlunits.data.series.time_zones import utc_offsets
from dlunits.typing import Array, ArrayLike, Config

SECONDS_PER_DAY = 86_400.0
MIN_MONTH = 27.5 * SECONDS_PER_DAY
MIN_WEEKS = 4  # minimum span of daily rows that skip days of the week
MONTH_TOLERANCE = 0.1  # deviation from a whole number of months, in months


class TimeAxis:
    """Converts timestamps to numbers with constant differences, and back.

    Monthly rows are 28 to 31 days apart, so they do not lie on a regular grid
    of seconds. They are counted in months instead:

        number = 12 year + month - 1 + s / S

    where s is the number of seconds since the beginning of the month, and S the
    length of the month in seconds. The same holds for quarterly and yearly
    rows. Daily rows that skip some days of the week, such as prices of a stock
    exchange, are counted in the other days: the number of these days since
    1970, plus the elapsed fraction of the day. A holiday is then a missing
    row, but a weekend is not. All other timestamps stay in seconds.

    Args:
        months: Whether timestamps are counted in months.
        dates: Whether timestamps are formatted as dates. If not, they are
            formatted as numbers of seconds.
        weekmask: Days of the week that are counted, from Monday on, as in
            `numpy.busday_count`: `"1111100"` for business days. `None` if days
            are not counted.
        month_offset: Seconds from the beginning of a month to each timestamp
            in it, or if negative from its end: -86,400 for the last day.
            `None` if this is not the same in all months.
        time_zone: Name of the time zone of timestamps that are local times, or
            its offset from UTC, see `dlunits.data.series.time_zones`. `None`
            without one.

    Example:

    >>> days = np.array(["2023-12-31", "2024-01-31", "2024-02-29"], "M8[s]")
    >>> axis = TimeAxis.infer(days.astype(float))
    >>> axis.months
    True
    >>> np.diff(axis.to_numbers(days.astype(float))).round(1).tolist()
    [1.0, 1.0]
    >>> axis.format(axis.to_seconds(np.array([12 * 2024.0, 12 * 2024 + 1])))
    ['2024-01-31', '2024-02-29']
    """

    def __init__(
        self,
        months: bool = False,
        dates: bool = True,
        weekmask: str | None = None,
        month_offset: float | None = None,
        time_zone: str | None = None,
    ) -> None:
        self.months = months
        self.dates = dates
        self.weekmask = weekmask
        self.month_offset = month_offset
        self.time_zone = time_zone

    @classmethod
    def infer(
        cls,
        seconds: ArrayLike,
        dates: bool = True,
        time_zone: str | None = None,
    ) -> "TimeAxis":
        """Infers from timestamps whether they are counted in months or days.

        They are counted in months if more than 90 % of them are a whole number
        of months apart, with a tolerance of 0.1 months. They are counted in
        days of the week if most are a day apart, they span at least four
        weeks, and at least one day of the week has no row.

        Args:
            seconds: Seconds since 1970 `(rows,)`, in any order.
            dates: Whether timestamps are dates. Numbers of seconds are never
                counted in months.
            time_zone: See `TimeAxis`.

        Returns:
            `TimeAxis`.
        """
        create = functools.partial(cls, dates=dates, time_zone=time_zone)
        gaps = np.diff(np.unique(seconds))
        if not dates or len(gaps) == 0:
            return create()
        if np.median(gaps) == SECONDS_PER_DAY:
            return create(weekmask=infer_weekmask(seconds))
        if np.median(gaps) < MIN_MONTH:
            return create()
        numbers = np.sort(cls(True).to_numbers(seconds))
        elapsed = numbers - numbers[0]
        deviation = np.abs(elapsed - np.round(elapsed))
        if np.mean(deviation <= MONTH_TOLERANCE) <= 0.9:
            return create()
        return create(months=True, month_offset=infer_month_offset(seconds))

    def to_numbers(self, seconds: ArrayLike) -> Array:
        """Converts seconds since 1970 `(rows,)` to numbers `(rows,)`."""
        seconds = np.asarray(seconds, "float64")
        if self.weekmask:
            days = np.floor(seconds / SECONDS_PER_DAY)
            dates = days.astype("int64").astype("M8[D]")
            counts = np.busday_count("1970-01-01", dates, self.weekmask)
            return counts + (seconds / SECONDS_PER_DAY - days)
        if not self.months:
            return seconds
        whole = np.floor(seconds).astype("int64").astype("M8[s]")
        month = whole.astype("M8[M]")
        first, length = month_bounds(month)
        return month.astype("int64") + 12 * 1970 + (seconds - first) / length

    def to_seconds(self, numbers: ArrayLike) -> Array:
        """Inverse of `to_numbers`, rounded to a second for months and days."""
        numbers = np.asarray(numbers, "float64")
        if self.weekmask:
            whole = np.floor(numbers + 1e-9)
            dates = np.busday_offset(
                "1970-01-01", whole.astype("int64"), "forward", self.weekmask
            )
            days = dates.astype("int64") + (numbers - whole)
            return np.round(days * SECONDS_PER_DAY)
        if not self.months:
            return numbers
        whole = np.floor(numbers + 1e-9)
        month = (whole.astype("int64") - 12 * 1970).astype("M8[M]")
        first, length = month_bounds(month)
        if self.month_offset is not None:
            return first + self.month_offset + length * (self.month_offset < 0)
        return np.round(first + (numbers - whole) * length)

    def format(self, seconds: ArrayLike) -> list[str]:
        """Formats timestamps for a table.

        Args:
            seconds: Seconds since 1970 `(rows,)`.

        Returns:
            List of texts. Dates have a time of day if one of them is not
            midnight, followed by the offset from UTC if there is a time zone.
            Numbers are formatted with up to 12 digits.
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
        texts = [str(time).replace("T", " ") for time in whole]
        if not self.time_zone or unit == "D":
            return texts
        offsets = utc_offsets(seconds, self.time_zone)
        return [a + b for a, b in zip(texts, offsets, strict=True)]

    def get_config(self) -> Config:
        """Arguments of the constructor."""
        return {
            "months": self.months,
            "dates": self.dates,
            "weekmask": self.weekmask,
            "month_offset": self.month_offset,
            "time_zone": self.time_zone,
        }


def infer_month_offset(seconds: ArrayLike) -> float | None:
    """Seconds from the beginning or the end of a month, if constant.

    >>> days = np.array(["2024-01-31", "2024-02-29"], "M8[s]").astype(float)
    >>> infer_month_offset(days), infer_month_offset(days + 86_400)
    (-86400.0, 0.0)
    """
    seconds = np.asarray(seconds, "float64")
    month = np.floor(seconds).astype("int64").astype("M8[s]").astype("M8[M]")
    first, length = month_bounds(month)
    for offsets in (seconds - first, seconds - first - length):
        if np.ptp(offsets) == 0:
            return float(offsets[0])
    return None


def infer_weekmask(seconds: ArrayLike) -> str | None:
    """Days of the week with rows, unless all of them have rows.

    Args:
        seconds: Seconds since 1970 of daily rows.

    Returns:
        Seven digits from Monday on, 1 for a day with rows, or `None`.

    Example:

    Four weeks and a Monday.

    >>> days = np.busday_offset("2024-01-01", np.arange(21))
    >>> infer_weekmask(days.astype("M8[s]").astype(float))
    '1111100'
    """
    days = np.unique(np.floor(np.asarray(seconds) / SECONDS_PER_DAY))
    # 1970-01-01 was a Thursday, 3 days after a Monday.
    present = np.bincount((days.astype("int64") + 3) % 7, minlength=7) > 0
    if present.all() or days[-1] - days[0] < 7 * MIN_WEEKS:
        return None
    return "".join("01"[int(day)] for day in present)


def month_bounds(month: Array) -> tuple[Array, Array]:
    """Beginning and length of months, both in seconds.

    Args:
        month: `datetime64[M]` array.
    """
    first = month.astype("M8[s]").astype("float64")
    after = (month + 1).astype("M8[s]").astype("float64")
    return first, after - first
