"""How far a Gaussian is from another, in closed form."""

from keras import ops


def gaussian_kl(
    mean, log_variance, prior_mean=0.0, prior_log_variance=0.0, axis=-1
):
    """Kullback-Leibler divergence of diagonal Gaussians, in nats.

    Use it to hold the codes of a variational autoencoder near a prior, the
    standard normal by default.

        KL(q || p) = 1/2 sum_j [d_j^2 / t_j + s_j / t_j - 1 - log(s_j / t_j)]

    `q` has the mean `m` and the variances `s = exp(log_variance)`, the prior
    `p` has the variances `t` and a mean that lies `d` from `m`. Computed in
    single precision, whatever the precision of what comes in.

    Reference: Kingma and Welling, 2014, "Auto-encoding variational Bayes",
    appendix B, https://arxiv.org/abs/1312.6114.

    Args:
        mean: Tensor `(..., size)`, mean of `q`.
        log_variance: Tensor of the same shape, logarithm of its variances.
        prior_mean: Number or tensor, mean of `p`.
        prior_log_variance: Number or tensor, logarithm of its variances.
        axis: Integer or tuple, where the numbers of one code lie.

    Returns:
        Tensor `(...)`, one divergence a code; never negative.

    Example:

    >>> float(gaussian_kl([1.0, 2.0], [0.0, 0.0]))  # (1 + 4) / 2
    2.5
    >>> float(gaussian_kl([1.0, 2.0], [0.0, 0.0], prior_mean=[1.0, 2.0]))
    0.0
    """
    mean, log_variance, prior_mean, prior_log_variance = (
        ops.cast(x, "float32")
        for x in (mean, log_variance, prior_mean, prior_log_variance)
    )
    distance = ops.square(mean - prior_mean) * ops.exp(-prior_log_variance)
    log_ratio = log_variance - prior_log_variance
    return 0.5 * ops.sum(distance + ops.expm1(log_ratio) - log_ratio, axis=axis)
