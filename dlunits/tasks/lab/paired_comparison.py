"""Comparison of results of runs with the same seeds."""

import numpy as np

from dlunits.metrics import confidence_interval
from dlunits.typing import ArrayLike


def is_greater(values: ArrayLike, others: ArrayLike) -> bool:
    """Whether results are greater than others with the same seeds.

    The confidence interval of the mean difference must be above 0; a single
    difference must be.

    >>> is_greater([0.9, 0.8, 0.9], [0.3, 0.3, 0.3])
    True
    >>> is_greater([0.9, 0.2, 0.9], [0.3, 0.3, 0.3])
    False
    """
    mean, half = confidence_interval(np.subtract(values, others))
    return bool(mean - (0 if np.isnan(half) else half) > 0)
