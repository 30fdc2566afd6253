"""How far two sets of features are apart, as if they were Gaussian."""

import numpy as np

from dlunits.metrics.feature_rows import check_widths, feature_table
from dlunits.metrics.feature_statistics import FeatureStatistics


def frechet_distance(generated, real):
    """Measures the squared Frechet distance of two sets of features.

    Use it to compare generated examples with real ones, both as features that
    one and the same classifier makes of them. With the Inception network's
    features it is the FID; numbers from different networks do not compare.

        d^2 = |m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2)

    `m` and `C` are mean and covariance (divided by n - 1) of the generated
    features, `m'` and `C'` those of the real ones. The trace is computed as

        min over orthogonal U of |C^1/2 - C'^1/2 U|^2     (sum of squares)

    with the roots from eigenvalues and U from singular values. It is a sum of
    squares, so it is never negative, is exactly 0 if the statistics are equal,
    and needs no inverse: covariances may be singular.

    **It is biased upwards, the more the fewer the rows.** Two samples of `n`
    rows of one standard normal distribution of `k` features have on average

        d^2 = (2 k + k (k + 1) / 2) / n  + smaller terms, for n far above k

    and not 0. So compare only at equal numbers of rows, and beside the
    distance of as many real rows from others; `kernel_distance` has no bias.

    Reference: Heusel et al., 2017, "GANs trained by a two time-scale update
    rule converge to a local Nash equilibrium", equation 6,
    https://arxiv.org/abs/1706.08500; Bhatia, Jain and Lim, 2019, "On the
    Bures-Wasserstein distance between positive definite matrices",
    https://arxiv.org/abs/1712.01504; on the bias, Chong and Forsyth, 2020,
    "Effectively unbiased FID and Inception score and where to find them",
    https://arxiv.org/abs/1911.07023.

    Args:
        generated: Array `(examples, features)`, or a `FeatureStatistics` that
            has gathered it.
        real: Likewise, as wide; the number of rows may differ.

    Returns:
        Float, in squared units of the features.

    Raises:
        ValueError: If there are fewer than two rows, a value is not finite, or
            the widths differ.

    Example, means 2 and 5, standard deviations 1 and 2: 3^2 + (2 - 1)^2:

    >>> frechet_distance([[1.0], [2.0], [3.0]], [[3.0], [5.0], [7.0]])
    10.0
    """
    generated = gathered(generated, "generated")
    real = gathered(real, "real")
    check_widths(generated=generated.mean[None], real=real.mean[None])
    between_means = np.sum(np.square(generated.mean - real.mean))
    return float(
        between_means
        + between_covariances(generated.covariance, real.covariance)
    )


def gathered(features, name):
    """The features' statistics, of at least two rows."""
    if not isinstance(features, FeatureStatistics):
        table = feature_table(features, name)
        features = FeatureStatistics()
        features.update(table)
    if features.count < 2:
        raise ValueError(
            f"Expected at least 2 rows in `{name}`. Received: {features.count}"
        )
    return features


def between_covariances(first, second):
    """Squared Bures distance of two symmetric, non-negative matrices."""
    root, other = matrix_root(first), matrix_root(second)
    # The best turn of the second root; to leave it as it is may be the best.
    left, _, right = np.linalg.svd(other @ root)
    turned = other @ (left @ right)
    return min(
        np.sum(np.square(root - other)), np.sum(np.square(root - turned))
    )


def matrix_root(matrix):
    """The symmetric root; eigenvalues below 0 are 0 but for rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
