"""Population stability index of two samples, from their counts."""

import math
import statistics

import numpy as np

from dlunits.typing import Array, ArrayLike


def population_stability_index(
    expected: ArrayLike, observed: ArrayLike
) -> Array:
    """Population stability index (PSI) of two histograms.

        PSI = sum over bins b of (q_b - p_b) log(q_b / p_b)
        p_b = (n_b + 1/2) / (n + bins / 2), and q_b alike

    `n_b` is the count of bin b in `expected` and n the sum of the counts.
    Adding 1/2 keeps the index finite for empty bins. A value below 0.1 is
    usually interpreted as no shift, above 0.2 as a shift. Small samples have a
    larger index by chance alone, see `stability_bound`.

    References: Siddiqi, 2006, "Credit risk scorecards"; Yurdakul and Naranjo,
    2020, "Statistical properties of the population stability index".

    Args:
        expected: Array `(..., bins)`, counts of one sample.
        observed: Array `(..., bins)`, counts of the other.

    Returns:
        Array `(...)`, at least 0.

    Example, shares of (99.5 / 200, 100.5 / 200) and (49.5 / 200, 150.5 / 200):

    >>> float(population_stability_index([99, 100], [49, 150]).round(4))
    0.2755
    """
    p, q = (
        (counts + 0.5) / (counts + 0.5).sum(axis=-1, keepdims=True)
        for counts in (np.asarray(expected), np.asarray(observed))
    )
    return ((q - p) * np.log(q / p)).sum(axis=-1)


def stability_bound(
    bins: int, num_expected: float, num_observed: float, level: float = 0.01
) -> float:
    """Critical value of the population stability index of equal distributions.

    For two samples of n and m values from one distribution,
    PSI / (1 / n + 1 / m) has approximately a chi-squared distribution with
    bins - 1 degrees of freedom. Its quantile is approximated as by Wilson and
    Hilferty (1931).

    Args:
        bins: Number of bins, at least 2.
        num_expected, num_observed: Numbers n and m.
        level: Float in (0, 1), probability of a larger index.

    Returns:
        Float, the critical value.

    Example, where the 99 % quantile for 10 degrees of freedom is 23.21:

    >>> round(stability_bound(11, 1000, 1000), 4)
    0.0465
    """
    degrees = bins - 1
    spread = 2 / (9 * degrees)
    quantile = statistics.NormalDist().inv_cdf(1 - level)
    chi_squared = degrees * (1 - spread + quantile * math.sqrt(spread)) ** 3
    return chi_squared * (1 / num_expected + 1 / num_observed)
