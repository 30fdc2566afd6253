"""Kullback-Leibler divergence of Gaussians, in closed form."""

from collections.abc import Sequence

from keras import ops

from dlunits.typing import Tensor


def gaussian_kl(
    mean: Tensor,
    log_variance: Tensor,
    prior_mean: Tensor = 0.0,
    prior_log_variance: Tensor = 0.0,
    axis: int | Sequence[int] = -1,
) -> Tensor:
    """Kullback-Leibler divergence of diagonal Gaussians, in nats.

    Use it as the regularization term of a variational autoencoder. The default
    prior is standard normal.

        KL(q || p) = 1/2 sum_j [(m_j - n_j)^2 / t_j + s_j / t_j - 1
                                - log(s_j / t_j)]

    `q` has the mean `m` and the variances `s = exp(log_variance)`. The prior
    `p` has the mean `n` and the variances `t = exp(prior_log_variance)`. `j`
    runs over the elements of a code. The result is computed in single
    precision.

    Reference: Kingma and Welling, 2014, "Auto-encoding variational Bayes",
    appendix B, https://arxiv.org/abs/1312.6114.

    Args:
        mean: Tensor `(..., size)`, mean of `q`.
        log_variance: Tensor of the same shape, logarithm of its variances.
        prior_mean: Float or tensor, mean of `p`.
        prior_log_variance: Float or tensor, logarithm of its variances.
        axis: Integer or sequence of integers, axes to sum over.

    Returns:
        Tensor `(...)`, one divergence per code, not negative.

    Example:

    >>> float(gaussian_kl([1.0, 2.0], [0.0, 0.0]))  # (1 + 4) / 2
    2.5
    >>> float(gaussian_kl([1.0, 2.0], [0.0, 0.0], prior_mean=[1.0, 2.0]))
    0.0
    """
    m, log_s, n, log_t = (
        ops.cast(x, "float32")
        for x in (mean, log_variance, prior_mean, prior_log_variance)
    )
    distance = ops.square(m - n) * ops.exp(-log_t)
    log_ratio = log_s - log_t
    # expm1(x) = exp(x) - 1 is exact where the variances are nearly equal.
    return 0.5 * ops.sum(distance + ops.expm1(log_ratio) - log_ratio, axis=axis)
