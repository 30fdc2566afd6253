"""Robust centers and spreads of the columns of a table.

Each function takes an array `(rows, columns)` and returns center and spread,
both `(columns,)`, such that `(raw - center) / spread` has a standard deviation
of about 1.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from dlunits.typing import Array

TAIL = 0.05  # fraction of the rows that is clipped at each end of a column

# For z standard normal, c its quantile of 1 - TAIL and phi its density,
# E min(max(z, -c), c)^2 = (1 - 2 TAIL) - 2 c phi(c) + 2 TAIL c^2 = 0.831.
# Multiplied by 1 / sqrt(0.831) = 1.097, the winsorized standard deviation of a
# standard normal column is 1.
END = NormalDist().inv_cdf(1 - TAIL)
WIDEN = (
    1 - 2 * TAIL - 2 * END * NormalDist().pdf(END) + 2 * TAIL * END**2
) ** -0.5

MIN_SPREAD = 0.1  # of values in [-1, 1]: about that of 1 in 100 rows

# Range of spreads whose reciprocal is finite, on hardware that rounds
# subnormal numbers to 0.
SMALLEST = np.finfo("float32").tiny
LARGEST = 1 / SMALLEST


def scale_numbers(numbers: Array) -> tuple[Array, Array]:
    """Median and scaled winsorized standard deviation of columns of numbers.

    NaN is missing. The spread is 1.097 times the standard deviation after the
    lowest and highest 5 % of the values are clipped to the 5 % and 95 %
    quantiles. It is the standard deviation without clipping if most rows are
    equal, and 1 if all are.

    >>> outlier = np.array([[-1.0], [1.0]] * 50 + [[1e30]])
    >>> center, spread = scale_numbers(outlier)
    >>> center.item(), round(spread.item(), 3)  # 1.097 * 1
    (1.0, 1.097)
    """
    columns = np.sort(numbers.T.astype("float64"))  # missing values last
    count = np.sum(~np.isnan(columns), axis=1, keepdims=True)
    low, center, high = (
        quantile(columns, count, q) for q in (TAIL, 0.5, 1 - TAIL)
    )
    columns -= center  # equal values become 0, and their deviation is exactly 0
    _, unclipped = mean_and_deviation(columns)
    _, clipped = mean_and_deviation(
        np.clip(columns, low - center, high - center)
    )
    spread = np.ones_like(center)
    for deviation in (unclipped, WIDEN * clipped):
        spread = np.where(deviation >= SMALLEST, deviation, spread)
    return center[:, 0], np.minimum(spread, LARGEST)[:, 0]


def quantile(columns: Array, count: Array, q: float) -> Array:
    """Quantile of sorted columns, linear between rows; 0 without values."""
    place = q * np.maximum(count - 1, 0)
    below, above = np.floor(place).astype(int), np.ceil(place).astype(int)
    low = np.take_along_axis(columns, below, axis=1)
    high = np.take_along_axis(columns, above, axis=1)
    return np.nan_to_num(low + (place - below) * (high - low))


def mean_and_deviation(columns: Array) -> tuple[Array, Array]:
    """Mean and standard deviation without missing values, or 0 without any."""
    count = np.maximum(np.sum(~np.isnan(columns), axis=1, keepdims=True), 1)
    mean = np.nansum(columns, axis=1, keepdims=True) / count
    squares = np.nansum((columns - mean) ** 2, axis=1, keepdims=True)
    return mean, np.sqrt(squares / count)


def scale_bounded(raw: Array) -> tuple[Array, Array]:
    """Mean and standard deviation, at least 0.1, of values in [-1, 1]."""
    mean, deviation = mean_and_deviation(raw.T.astype("float64"))
    return mean[:, 0], np.maximum(deviation, MIN_SPREAD)[:, 0]


def scale_categories(
    one_hot: Array, widths: Sequence[int]
) -> tuple[Array, Array]:
    """Frequencies of categories, and the root of the sum of their variances.

    `widths` are the numbers of one-hot columns of the categorical columns. The
    first one of each is for unknown values; its spread is 0.1 if no value is
    unknown.

    >>> share, root = scale_categories(np.eye(3)[[1, 1, 2, 2]], [3])
    >>> share.tolist(), (root**2).round(3).tolist()  # 2 * 0.5 * (1 - 0.5)
    ([0.0, 0.5, 0.5], [0.01, 0.5, 0.5])
    """
    share = np.mean(one_hot, axis=0, dtype="float64")
    starts = np.cumsum((0, *widths))[:-1]
    root = np.sqrt(np.add.reduceat(share * (1 - share), starts))
    spread = np.repeat(np.maximum(root, MIN_SPREAD), np.array(widths, int))
    unknown = starts[share[starts] == 0]
    spread[unknown] = MIN_SPREAD
    return share, spread
