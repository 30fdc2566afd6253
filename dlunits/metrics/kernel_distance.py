"""How far two sets of features are apart, without bias."""

import math

import numpy as np

from dlunits.metrics.feature_rows import (
    BLOCK_SIZE,
    block_slices,
    check_widths,
    feature_table,
    finite_block,
)


def kernel_distance(generated, real, block_size=BLOCK_SIZE):
    """Measures the squared maximum mean discrepancy of two sets of features.

    Use it beside `frechet_distance`, and instead of it where there are few
    rows: its expectation does not depend on how many there are, and is 0 if
    the two distributions are one. With the Inception network's features it is
    the KID.

        k(a, b) = (a . b / width + 1)^3
        d^2 =   sum_{i != j} k(x_i, x_j) / (n (n - 1))
              + sum_{i != j} k(y_i, y_j) / (m (m - 1))
              - 2 sum_{i, j} k(x_i, y_j) / (n m)

    `x` are the `n` generated rows, `y` the `m` real ones. Being unbiased, it
    is below 0 about half the time if the distributions are equal.

    The standard error is the jackknife's, of the same statistic: with D_i the
    distance without x_i, E_j the one without y_j, and bars for their means,

        SE^2 = (n - 1) / n sum_i (D_i - D)^2 + (m - 1) / m sum_j (E_j - E)^2

    The paper averages subsets that share rows instead, whose spread says
    little of the error. The jackknife's square errs upwards: if the
    distributions are equal, the standard error is about 1.4 times too large.

    Every pair of rows counts, and time grows as the square of their number:
    10,000 of 84 features take seconds, of more draw 10,000. Memory is two
    blocks, their products and three numbers a row.

    Reference: Binkowski et al., 2018, "Demystifying MMD GANs",
    https://arxiv.org/abs/1801.01401; Efron and Stein, 1981, "The jackknife
    estimate of variance", https://doi.org/10.1214/aos/1176345462.

    Args:
        generated: Array `(examples, features)`, at least 3 rows.
        real: Array `(others, features)`, at least 3 rows.
        block_size: Positive integer, rows at a time.

    Returns:
        Dict: `distance`, d^2, and its `standard_error`; no unit.

    Raises:
        ValueError: If there are too few rows, a value is not finite, the
            widths differ, or `block_size` is not positive.

    Example, all products are 0 but those among the real, 1 + 1 cubed:

    >>> kernel_distance(np.zeros((3, 1)), np.ones((4, 1)))
    {'distance': 7.0, 'standard_error': 0.0}
    """
    generated = feature_table(generated, "generated", least_rows=3)
    real = feature_table(real, "real", least_rows=3)
    check_widths(generated=generated, real=real)
    n, m = len(generated), len(real)
    to_generated = sums_to_others(generated, "generated", block_size)
    to_real = sums_to_others(real, "real", block_size)
    across, back = kernel_sums(
        generated, real, ("generated", "real"), block_size
    )
    within, others = to_generated.sum(), to_real.sum()
    mean_within, mean_others = within / (n * (n - 1)), others / (m * (m - 1))
    total = across.sum()
    # Each row left out of the sums that it is part of, which in those within
    # a set it is twice.
    without_generated = (
        (within - 2 * to_generated) / ((n - 1) * (n - 2))
        + mean_others
        - 2 * (total - across) / ((n - 1) * m)
    )
    without_real = (
        mean_within
        + (others - 2 * to_real) / ((m - 1) * (m - 2))
        - 2 * (total - back) / (n * (m - 1))
    )
    variance = (n - 1) * np.var(without_generated)
    variance += (m - 1) * np.var(without_real)
    return {
        "distance": float(mean_within + mean_others - 2 * total / (n * m)),
        "standard_error": math.sqrt(variance),
    }


def sums_to_others(features, name, block_size):
    """(rows, features) -> (rows,), the kernel summed over all other rows"""
    sums, _ = kernel_sums(features, features, (name, name), block_size)
    for rows in block_slices(len(features), block_size):
        block = finite_block(features, rows, name)
        mean_square = np.mean(np.square(block), axis=1)
        sums[rows] -= cubed(mean_square + 1)
    return sums


def kernel_sums(features, others, names, block_size):
    """(n, width), (m, width) -> (n,), (m,), the kernel's sums over each"""
    sums, sums_of_others = np.zeros(len(features)), np.zeros(len(others))
    for rows in block_slices(len(features), block_size):
        block = finite_block(features, rows, names[0]) / features.shape[1]
        for columns in block_slices(len(others), block_size):
            other = finite_block(others, columns, names[1])
            kernel = cubed(block @ other.T + 1)  # (rows, columns)
            sums[rows] += kernel.sum(axis=1)
            sums_of_others[columns] += kernel.sum(axis=0)
    return sums, sums_of_others


def cubed(x):
    return x * x * x  # far faster than x**3
