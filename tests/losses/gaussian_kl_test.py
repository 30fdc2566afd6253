"""The closed form of the divergence against integrals and samples."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.losses import gaussian_kl


def gaussian_kl_np(mean, variance, prior_mean, prior_variance):
    """Sum over dimensions of the integral of q log(q / p)."""

    def density(x, mean, variance):
        return np.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(
            2 * math.pi * variance
        )

    total = 0.0
    for m, s, n, t in zip(
        mean, variance, prior_mean, prior_variance, strict=True
    ):
        x, step = np.linspace(-20, 20, 40_001, retstep=True)
        q, p = density(x, m, s), density(x, n, t)
        total += (q * np.log((q + 1e-300) / (p + 1e-300))).sum() * step
    return total


def draw(seed=0, shape=(5, 3)):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape), rng.uniform(-1, 1, size=shape)


def test_equals_the_integral_to_the_standard_normal():
    mean, log_variance = draw()
    expected = [
        gaussian_kl_np(m, np.exp(v), np.zeros(3), np.ones(3))
        for m, v in zip(mean, log_variance, strict=True)
    ]
    np.testing.assert_allclose(
        ops.convert_to_numpy(gaussian_kl(mean, log_variance)),
        expected,
        rtol=1e-5,
    )


def test_equals_the_integral_between_two_gaussians():
    mean, log_variance = draw(0)
    prior_mean, prior_log_variance = draw(1)
    expected = [
        gaussian_kl_np(m, np.exp(v), n, np.exp(w))
        for m, v, n, w in zip(
            mean, log_variance, prior_mean, prior_log_variance, strict=True
        )
    ]
    result = gaussian_kl(mean, log_variance, prior_mean, prior_log_variance)
    np.testing.assert_allclose(
        ops.convert_to_numpy(result), expected, rtol=1e-5
    )


def test_equals_the_mean_log_ratio_of_samples():
    """KL is the mean of log q - log p under q: 4 standard errors."""
    mean, log_variance = np.array([0.5, -1.0]), np.array([0.3, -0.7])
    z = mean + np.exp(log_variance / 2) * np.random.default_rng(0).normal(
        size=(100_000, 2)
    )
    log_q = -0.5 * ((z - mean) ** 2 / np.exp(log_variance) + log_variance)
    ratios = (log_q + 0.5 * z**2).sum(axis=1)
    error = 4 * ratios.std() / math.sqrt(len(ratios))
    assert abs(float(gaussian_kl(mean, log_variance)) - ratios.mean()) < error


@pytest.mark.parametrize("seed", range(3))
def test_is_zero_at_the_prior_and_positive_elsewhere(seed):
    mean, log_variance = draw(seed)
    same = gaussian_kl(mean, log_variance, mean, log_variance)
    np.testing.assert_array_equal(ops.convert_to_numpy(same), 0)
    assert (ops.convert_to_numpy(gaussian_kl(mean, log_variance)) > 0).all()


def test_small_differences_are_accurate():
    """For log s near 0 the term is (log s)^2 / 4; exp(x) - 1 is inaccurate."""
    result = float(gaussian_kl([0.0], [1e-4]))
    assert result == pytest.approx(1e-4**2 / 4, rel=1e-2)


def test_half_precision_does_not_overflow():
    """300^2 / 2 and e^20 / 2 overflow in half precision."""
    mean = ops.convert_to_tensor([300.0, 0.0], dtype="float16")
    log_variance = ops.convert_to_tensor([0.0, 20.0], dtype="float16")
    result = gaussian_kl(mean, log_variance)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    expected = (300**2 + math.exp(20) - 1 - 20) / 2
    assert float(result) == pytest.approx(expected, rel=1e-5)


def test_sums_over_the_given_axes():
    mean, log_variance = draw(0, (2, 3, 4))
    np.testing.assert_allclose(
        ops.convert_to_numpy(gaussian_kl(mean, log_variance, axis=(1, 2))),
        ops.convert_to_numpy(
            gaussian_kl(mean.reshape(2, 12), log_variance.reshape(2, 12))
        ),
        rtol=1e-5,
    )
