"""Paired comparison of the results of runs with the same seeds."""

import numpy as np

from dlunits.metrics import confidence_interval
from dlunits.typing import ArrayLike


def is_greater(values: ArrayLike, others: ArrayLike) -> bool:
    """Whether results are greater than others with the same seeds.

    They are if the confidence interval of the mean of `values - others` is
    above 0. A single difference has no interval and must itself be above 0.

    >>> is_greater([0.9, 0.8, 0.9], [0.3, 0.3, 0.3])
    True
    >>> is_greater([0.9, 0.2, 0.9], [0.3, 0.3, 0.3])
    False
    """
    mean, half = confidence_interval(np.subtract(values, others))
    return bool(mean - (0 if np.isnan(half) else half) > 0)
