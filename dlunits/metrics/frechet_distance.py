"""Frechet distance of two sets of features (FID with any network)."""

import numpy as np

from dlunits.metrics.feature_rows import check_widths, feature_table
from dlunits.metrics.feature_statistics import FeatureStatistics
from dlunits.typing import Array, ArrayLike


def frechet_distance(
    generated: ArrayLike | FeatureStatistics,
    real: ArrayLike | FeatureStatistics,
) -> float:
    """Frechet distance (FID) of two sets of features, with any network.

    It is the squared Frechet distance of Gaussians fitted to the two sets.

    Use it to compare generated with real examples, by features from the same
    network. With the features of the Inception network it is the Frechet
    Inception distance (FID). Distances by different networks are not
    comparable.

        d^2 = |m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2)

    `m` and `C` are mean and covariance (with n - 1) of the generated features,
    `m'` and `C'` those of the real ones. The trace is computed as

        trace = min over orthogonal U of ||C^1/2 - C'^1/2 U||_F^2

    with the roots by an eigenvalue decomposition and U by a singular value
    decomposition. As a sum of squares it is not negative, and exactly 0 if the
    statistics are equal. No inverse is needed, so covariances may be singular.

    The distance has an upward bias, which is larger for fewer rows. For two
    samples of `n` rows from one standard normal distribution of `k` features
    its expectation is

        d^2 = (2 k + k (k + 1) / 2) / n  + smaller terms, for n >> k

    instead of 0. Compare distances at equal numbers of rows only, and with the
    distance between two samples of real rows. `kernel_distance` has no bias.

    References: Heusel et al., 2017, "GANs trained by a two time-scale update
    rule converge to a local Nash equilibrium", equation 6,
    https://arxiv.org/abs/1706.08500; Bhatia, Jain and Lim, 2019, "On the
    Bures-Wasserstein distance between positive definite matrices",
    https://arxiv.org/abs/1712.01504; on the bias, Chong and Forsyth, 2020,
    "Effectively unbiased FID and Inception score and where to find them",
    https://arxiv.org/abs/1911.07023.

    Args:
        generated: Array `(examples, features)`, or its `FeatureStatistics`.
        real: The same for real examples. The number of rows may differ.

    Returns:
        Float, in squared units of the features.

    Raises:
        ValueError: If there are fewer than two rows, if a value is not finite,
            or if the numbers of features differ.

    Example, means 2 and 5, standard deviations 1 and 2: 3^2 + (2 - 1)^2

    >>> frechet_distance([[1.0], [2.0], [3.0]], [[3.0], [5.0], [7.0]])
    10.0
    """
    mean, covariance = mean_and_covariance(generated, "generated")
    real_mean, real_covariance = mean_and_covariance(real, "real")
    check_widths(generated=mean[None], real=real_mean[None])
    return float(
        np.sum(np.square(mean - real_mean))
        + squared_bures_distance(covariance, real_covariance)
    )


def mean_and_covariance(
    features: ArrayLike | FeatureStatistics, name: str
) -> tuple[Array, Array]:
    """Mean `(features,)` and covariance of at least two rows."""
    if not isinstance(features, FeatureStatistics):
        table = feature_table(features, name)
        features = FeatureStatistics()
        features.update(table)
    if features.mean is None or features.count < 2:
        raise ValueError(
            f"Expected at least 2 rows in `{name}`. Received: {features.count}"
        )
    return features.mean, features.covariance


def squared_bures_distance(first: Array, second: Array) -> float:
    """Squared Bures distance of two positive semidefinite matrices."""
    root, other = matrix_sqrt(first), matrix_sqrt(second)
    # With rounding, U = I may be better than the U of the decomposition.
    left, _, right = np.linalg.svd(other @ root)
    rotated = other @ (left @ right)
    return min(
        np.sum(np.square(root - other)), np.sum(np.square(root - rotated))
    )


def matrix_sqrt(matrix: Array) -> Array:
    """Symmetric square root; negative eigenvalues are rounding errors of 0."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
