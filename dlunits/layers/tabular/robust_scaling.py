"""Centers and spreads of columns, from the rows that are known.

Each function takes `(rows, columns)` and gives center and spread, twice
`(columns,)`, by which `(raw - center) / spread` is of spread about 1.
"""

from statistics import NormalDist

import numpy as np

TAIL = 0.05  # share of rows at each end of a column that are pulled in

# For z standard normal, c its quantile of 1 - TAIL and phi its density,
# E min(max(z, -c), c)^2 = (1 - 2 TAIL) - 2 c phi(c) + 2 TAIL c^2 = 0.831.
# One over the root of it, 1.097, makes 1 of the spread of a normal column.
END = NormalDist().inv_cdf(1 - TAIL)
WIDEN = (
    1 - 2 * TAIL - 2 * END * NormalDist().pdf(END) + 2 * TAIL * END**2
) ** -0.5

LEAST = 0.1  # spread of what lies in -1 ... 1: that of 1 in 100 rows, about

# Spreads of which one over them is a number too, as chips take it that round
# to 0 what is smaller.
FINEST = np.finfo("float32").tiny
WIDEST = 1 / FINEST


def scale_of_numbers(numbers):
    """Median, and the standard deviation less what a few outliers add.

    NaN is missing. Of a column where most rows are equal the spread is the
    plain standard deviation, where all are, 1.

    >>> outlier = np.array([[-1.0], [1.0]] * 50 + [[1e30]])
    >>> center, spread = scale_of_numbers(outlier)
    >>> center.item(), round(spread.item(), 3)  # 1.097 * 1
    (1.0, 1.097)
    """
    columns = np.sort(numbers.T.astype("float64"))  # missing values last
    count = np.sum(~np.isnan(columns), axis=1, keepdims=True)
    low, center, high = (
        quantile(columns, count, share) for share in (TAIL, 0.5, 1 - TAIL)
    )
    columns -= center  # exactly 0 of equal values, and so is their deviation
    _, plain = mean_and_deviation(columns)
    _, pulled_in = mean_and_deviation(
        np.clip(columns, low - center, high - center)
    )
    spread = np.ones_like(center)
    for deviation in (plain, WIDEN * pulled_in):
        spread = np.where(deviation >= FINEST, deviation, spread)
    return center[:, 0], np.minimum(spread, WIDEST)[:, 0]


def quantile(columns, count, share):
    """Of sorted columns, linear between rows; 0 of one without values."""
    place = share * np.maximum(count - 1, 0)
    below, above = np.floor(place).astype(int), np.ceil(place).astype(int)
    low = np.take_along_axis(columns, below, axis=1)
    high = np.take_along_axis(columns, above, axis=1)
    return np.nan_to_num(low + (place - below) * (high - low))


def mean_and_deviation(columns):
    """Of the values that are not missing; 0 of a column without values."""
    count = np.maximum(np.sum(~np.isnan(columns), axis=1, keepdims=True), 1)
    mean = np.nansum(columns, axis=1, keepdims=True) / count
    squares = np.nansum((columns - mean) ** 2, axis=1, keepdims=True)
    return mean, np.sqrt(squares / count)


def scale_of_bounded(raw):
    """Mean and standard deviation of sines, or of zeros and ones."""
    mean, deviation = mean_and_deviation(raw.T.astype("float64"))
    return mean[:, 0], np.maximum(deviation, LEAST)[:, 0]


def scale_of_categories(one_hot, widths):
    """Shares of values, and the root of the sum of their variances.

    Each category has as many columns as `widths` says, one for each value.

    >>> share, root = scale_of_categories(np.eye(3)[[1, 1, 2, 2]], [3])
    >>> share.tolist(), (root**2).round(3).tolist()  # 2 * 0.5 * (1 - 0.5)
    ([0.0, 0.5, 0.5], [0.5, 0.5, 0.5])
    """
    share = np.mean(one_hot, axis=0, dtype="float64")
    starts = np.cumsum((0, *widths))[:-1]
    root = np.sqrt(np.add.reduceat(share * (1 - share), starts))
    return share, np.repeat(np.maximum(root, LEAST), np.array(widths, int))
