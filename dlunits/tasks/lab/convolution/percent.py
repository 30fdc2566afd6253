"""Mean fractions with confidence intervals, in percent."""

import numpy as np

from dlunits.metrics import confidence_interval
from dlunits.typing import ArrayLike


def percent(values: ArrayLike) -> str:
    """Mean of fractions with its confidence interval, in percent.

    >>> percent([0.5]), percent([0.1, 0.2, 0.3])
    ('50.0 %', '20.0 ± 24.8 %')
    """
    mean, half = confidence_interval(values)
    if np.isnan(half):
        return f"{100 * mean:.1f} %"
    return f"{100 * mean:.1f} \N{PLUS-MINUS SIGN} {100 * half:.1f} %"
