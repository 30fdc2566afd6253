"""Sentinel values: numbers that stand for a missing value, such as -999."""

import collections
import re

import numpy as np

from dlunits.typing import Array

SENTINELS = np.array(
    [
        *(-99.0, -200.0, -999.0, -9999.0, -99999.0, -999999.0),
        *(999.0, 9999.0, 99999.0, 999999.0),
        *(-999.25, -999.9, -9999.9, 999.9, 9999.9),
    ]
)
MIN_REPETITIONS = 3
MAX_SHARE = 0.5  # of the rows
MIN_OTHERS = 10  # rows with another number

# Type of a column of numbers with a sentinel value.
TYPE = re.compile(r"(number(?: \[.+\])?) except (-?\d+(?:\.\d+)?)")


def split_sentinel(column_type: str) -> tuple[str, float | None]:
    """Splits a column type into the type without sentinel, and the sentinel.

    Args:
        column_type: Type of a column, such as `"number except -999"`.

    Returns:
        `(column_type, sentinel)`; the sentinel is `None` without one.

    Example:

    >>> split_sentinel("number [kW] except -999"), split_sentinel("number")
    (('number [kW]', -999.0), ('number', None))
    """
    match = TYPE.fullmatch(column_type)
    if match is None:
        return column_type, None
    return match[1], float(match[2])


class SentinelRecognition:
    """Recognizes a sentinel: a number that stands for a missing value.

    It is one of `SENTINELS`, it is in at least 3 rows and in at most half of
    them, at least 10 rows have other numbers, and it is far from these: its
    distance from the nearest of them is at least their range, or it is the only
    negative number.

    Example:

    >>> column = SentinelRecognition()
    >>> column.update(np.array([20.5, 21.5, 19.5, 20.0] * 3 + [-999.0] * 3))
    >>> column.value
    -999.0
    """

    def __init__(self) -> None:
        self.rows = 0
        self.counts: collections.Counter[float] = collections.Counter()
        self.lowest, self.highest = np.inf, -np.inf  # of other numbers

    def update(self, numbers: Array) -> None:
        """Reads the numbers of further rows, NaN where missing."""
        others = numbers[~np.isnan(numbers)]
        self.rows += len(others)
        if len(others) and (others.min() <= -99 or others.max() >= 999):
            may_be_sentinel = np.isin(others, SENTINELS)
            self.counts.update(others[may_be_sentinel].tolist())
            others = others[~may_be_sentinel]
        if len(others):
            self.lowest = min(self.lowest, float(others.min()))
            self.highest = max(self.highest, float(others.max()))

    @property
    def value(self) -> float | None:
        """The sentinel value, `None` if there is none."""
        for value, count in self.counts.most_common():
            if not MIN_REPETITIONS <= count <= MAX_SHARE * self.rows:
                continue
            rest = [each for each in self.counts if each != value]
            lowest = min(self.lowest, *rest, np.inf)
            highest = max(self.highest, *rest, -np.inf)
            if self.rows - count < MIN_OTHERS or not lowest < highest:
                continue
            gap = max(lowest - value, value - highest)
            if gap >= highest - lowest or value < 0 <= lowest:
                return value
        return None
