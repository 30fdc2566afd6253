"""The linear filter against NumPy's least squares."""

import numpy as np
import pytest

from dlunits.diagnostics import fit_linear_filter


def pairs_of(count, pixels=9, seed=0):
    """Images with structure, (noisy, clean), `(count, 3, pixels / 3, 1)`."""
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(7).normal(size=(2, pixels))
    clean = 0.5 + 0.1 * rng.normal(size=(count, 2)) @ basis
    noisy = clean + 0.2 * rng.normal(size=clean.shape)
    shape = (count, 3, -1, 1)
    return (
        noisy.reshape(shape).astype("float32"),
        clean.reshape(shape).astype("float32"),
    )


def test_matches_the_least_squares_solution():
    """Least squares with a column of ones for the means."""
    noisy, clean = pairs_of(500)
    fitted = fit_linear_filter([(noisy, clean)], ridge=1e-12)
    rows = np.c_[noisy.reshape(500, -1).astype("float64"), np.ones(500)]
    weights, *_ = np.linalg.lstsq(rows, clean.reshape(500, -1), rcond=None)
    others, _ = pairs_of(50, seed=1)
    expected = np.c_[others.reshape(50, -1), np.ones(50)] @ weights
    np.testing.assert_allclose(
        fitted(others), np.clip(expected, 0, 1).reshape(others.shape), atol=1e-4
    )


def test_batches_of_any_size_give_the_same_filter():
    noisy, clean = pairs_of(100)
    whole = fit_linear_filter([(noisy, clean)])
    parts = fit_linear_filter(
        (noisy[i:j], clean[i:j]) for i, j in [(0, 1), (1, 40), (40, 100)]
    )
    np.testing.assert_allclose(parts.matrix, whole.matrix, atol=1e-4)


def test_filters_nearby_have_a_larger_error():
    noisy, clean = pairs_of(2000)
    fitted = fit_linear_filter([(noisy, clean)], ridge=1e-9)
    rows, targets = noisy.reshape(2000, -1), clean.reshape(2000, -1)

    def error(matrix):
        result = (rows - fitted.noisy_mean) @ matrix + fitted.clean_mean
        return np.mean((result - targets) ** 2)

    rng = np.random.default_rng(0)
    least = error(fitted.matrix)
    for _ in range(10):
        nearby = fitted.matrix + 0.01 * rng.normal(size=fitted.matrix.shape)
        assert error(nearby) > least


def test_results_stay_in_the_range_and_keep_their_shape():
    noisy, clean = pairs_of(100)
    fitted = fit_linear_filter([(noisy, clean)])
    result = fitted(10 * noisy - 5)
    assert result.shape == noisy.shape
    assert result.dtype == np.float32
    assert result.min() == 0
    assert result.max() == 1


def test_constant_pixels_keep_their_value():
    noisy, clean = pairs_of(100)
    noisy[:, 0], clean[:, 0] = 0.0, 0.25
    fitted = fit_linear_filter([(noisy, clean)])
    np.testing.assert_allclose(fitted(noisy)[:, 0], 0.25, atol=1e-3)


@pytest.mark.parametrize(
    ("pairs", "ridge", "message"),
    [
        ([], 1e-5, "at least one pair"),
        ([(np.full((1, 1, 1, 1), np.nan),) * 2], 1e-5, "must be finite"),
        ([(np.ones((1, 1, 1, 1)),) * 2], 0, "Received: ridge=0"),
    ],
)
def test_rejects_invalid_pairs_and_ridge(pairs, ridge, message):
    with pytest.raises(ValueError, match=message):
        fit_linear_filter(pairs, ridge)
