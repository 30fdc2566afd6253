"""Confidence interval of a mean, by Student's t distribution."""

import numpy as np
from scipy import special

from dlunits.typing import ArrayLike


def confidence_interval(
    values: ArrayLike, level: float = 0.95
) -> tuple[float, float]:
    """Student's t confidence interval of a mean: mean and half width.

        interval = mean +- t(n - 1, (1 + level) / 2) * s / sqrt(n)

    where n is the number of independent values, s their standard deviation with
    n - 1 degrees of freedom and t the quantile of Student's t distribution. The
    interval is exact for normally distributed values. It is wide for few
    values.

    Reference: Student, 1908, "The probable error of a mean",
    https://doi.org/10.1093/biomet/6.1.1.

    Args:
        values: Array `(n,)`, such as the result of each run. NaN is left out.
        level: Probability that the interval contains the mean, in (0, 1).

    Returns:
        `(mean, half_width)`. The half width is NaN for a single value, and
        both are NaN without one.

    Raises:
        ValueError: If `level` is out of range.

    Example, t = 4.303 for 3 values, and s / sqrt(3) = 1 / 1.732:

    >>> mean, half_width = confidence_interval([1.0, 2.0, 3.0])
    >>> mean, round(half_width, 3)
    (2.0, 2.484)
    """
    if not 0 < level < 1:
        raise ValueError(
            f"`level` must be between 0 and 1. Received: level={level}"
        )
    array = np.asarray(values, "float64").ravel()
    array = array[~np.isnan(array)]
    if not len(array):
        return float("nan"), float("nan")
    mean = float(array.mean())
    if len(array) == 1:
        return mean, float("nan")
    t = special.stdtrit(len(array) - 1, (1 + level) / 2)
    return mean, float(t * array.std(ddof=1) / np.sqrt(len(array)))
