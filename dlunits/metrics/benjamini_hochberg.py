"""Control of the false discovery rate (Benjamini and Hochberg, 1995)."""

from collections.abc import Mapping

import numpy as np

from dlunits.typing import Array, ArrayLike

ROUNDING = 1e-6  # relative error of p-values in single precision


def benjamini_hochberg(p_values: ArrayLike, fdr: float) -> Array:
    """Benjamini-Hochberg procedure: selects rows at a false discovery rate.

    Use it instead of a fixed false-alarm rate where each alarm has a cost. It
    bounds the false discovery rate, the expected fraction of false alarms among
    the alarms, not their fraction among the normal rows. Rows are selected if
    their p-value is at most p_(k), the k-th smallest of m p-values, with

        k = max {i: p_(i) <= fdr * i / m}

    The bound, on average over calibration rows and tables, is `fdr` times the
    fraction of normal rows. For conformal p-values it holds if normal rows are
    exchangeable with the calibration rows, and the score was not fitted to
    these: p-values from the same calibration rows are positively dependent, for
    which the procedure is valid. With cross-fitted scores it holds
    approximately.

    A conformal p-value is at least 1 / (n + 1) for n calibration rows. So
    nothing is selected unless at least m / (fdr (n + 1)) rows have this
    p-value: detecting few anomalies among many rows needs many calibration
    rows.

    References: Benjamini and Hochberg, 1995, "Controlling the false discovery
    rate", https://doi.org/10.1111/j.2517-6161.1995.tb02031.x; Bates et al.,
    2023, "Testing for outliers with conformal p-values",
    https://arxiv.org/abs/2104.08279.

    Args:
        p_values: Array `(rows,)`, NaN for rows that are not tested.
        fdr: Float in (0, 1), bound of the false discovery rate.

    Returns:
        Boolean array `(rows,)`, true for selected rows.

    Raises:
        ValueError: If `fdr` or a p-value is out of range.

    Example, with the bounds 0.05, 0.1, 0.15 and 0.2. The third smallest p-value
    is above its bound, the fourth is not:

    >>> benjamini_hochberg([0.01, 0.16, 0.02, 0.18], fdr=0.2).tolist()
    [True, True, True, True]
    >>> benjamini_hochberg([0.01, 0.16, 0.02, 0.9], fdr=0.2).tolist()
    [True, False, True, False]
    """
    p_values = np.asarray(p_values)
    tested = p_values[~np.isnan(p_values)]
    values, counts = np.unique(tested, return_counts=True)
    number = dict(zip(values.tolist(), counts.tolist(), strict=True))
    return p_values <= selection_threshold(number, fdr)


def selection_threshold(counts: Mapping[float, int], fdr: float) -> float:
    """Largest p-value that `benjamini_hochberg` selects.

    Args:
        counts: Dict from p-value to number of rows that have it.
        fdr: Float in (0, 1), bound of the false discovery rate.

    Returns:
        The p-value; 0 if no row is selected.

    Raises:
        ValueError: If `fdr` or a p-value is out of range.

    Example, where 2 of 10 rows have p-values of at most 0.1 * 2 / 10:

    >>> selection_threshold({0.01: 1, 0.02: 1, 0.6: 8}, fdr=0.1)
    0.02
    """
    if not 0 < fdr < 1:
        raise ValueError(f"`fdr` must be in (0, 1). Received: {fdr=}")
    values = np.sort(np.array(list(counts), float))
    if not ((values > 0) & (values <= 1)).all():
        raise ValueError(
            "P-values must be in (0, 1]. Received: values from "
            f"{values[0]:g} to {values[-1]:g}"
        )
    ranks = np.cumsum([counts[value] for value in values.tolist()])
    total = sum(counts.values())
    is_selected = values * total <= fdr * ranks * (1 + ROUNDING)
    return float(values[is_selected].max(initial=0.0))
