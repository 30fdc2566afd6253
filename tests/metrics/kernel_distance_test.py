"""Kernel distance against loops, its expectation and standard error."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.metrics import kernel_distance


def distance_np(x, y):
    """Sums over pairs, as in the docstring."""

    def k(a, b):
        return (sum(a * b) / len(a) + 1) ** 3

    def within(rows):
        pairs = [
            k(rows[i], rows[j])
            for i in range(len(rows))
            for j in range(len(rows))
            if i != j
        ]
        return sum(pairs) / len(pairs)

    across = [k(a, b) for a in x for b in y]
    return within(x) + within(y) - 2 * sum(across) / len(across)


def standard_error_np(x, y):
    """Jackknife: leaves out each row in turn."""
    square = 0.0
    for rows, without in (
        (x, lambda i: distance_np(np.delete(x, i, axis=0), y)),
        (y, lambda i: distance_np(x, np.delete(y, i, axis=0))),
    ):
        distances = np.array([without(i) for i in range(len(rows))])
        square += (len(rows) - 1) * np.mean((distances - distances.mean()) ** 2)
    return np.sqrt(square)


@pytest.mark.parametrize("block_size", [1, 4, 1024])
def test_matches_the_sum_over_pairs_for_any_block_size(block_size):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 3)), rng.normal(1, 2, size=(6, 3))
    found = kernel_distance(x, y, block_size=block_size)
    assert found["distance"] == pytest.approx(distance_np(x, y))
    assert found["standard_error"] == pytest.approx(standard_error_np(x, y))


def repeats(shift, times=300):
    rng = np.random.default_rng(1)
    found = [
        kernel_distance(
            rng.normal(size=(40, 2)) + shift, rng.normal(size=(30, 2))
        )
        for _ in range(times)
    ]
    return [
        np.array([each[name] for each in found])
        for name in ("distance", "standard_error")
    ]


def test_expectation_is_zero_for_equal_distributions():
    distances, errors = repeats(shift=0)
    of_mean = distances.std() / np.sqrt(len(distances))
    assert abs(distances.mean()) < 3 * of_mean
    assert 0.3 < (distances < 0).mean() < 0.8
    # At most sqrt(2) too large, as documented.
    assert 1 < np.sqrt(np.mean(errors**2)) / distances.std() < 1.6


def test_expectation_is_the_true_distance_for_different_distributions():
    distances, errors = repeats(shift=1)
    # E k(a, b) of independent a, b with means u, v, variance 1, width 2:
    # s = a.b / 2 has the moments below, and k = 1 + 3 s + 3 s^2 + s^3.
    exact = expected_kernel(1, 1) + expected_kernel(0, 0)
    exact -= 2 * expected_kernel(1, 0)
    of_mean = distances.std() / np.sqrt(len(distances))
    assert abs(distances.mean() - exact) < 3 * of_mean < 0.2 * exact
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(
        distances.std(), rel=0.2
    )


def expected_kernel(u, v):
    """By Gauss-Hermite quadrature, exact for a polynomial of degree 3."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    weights = weights / weights.sum()
    a, b = np.meshgrid(u + nodes, v + nodes, indexing="ij")
    p = np.outer(weights, weights).ravel()
    product = (a * b).ravel()  # of one feature
    s = (product[:, None] + product) / 2
    return float(p @ (s + 1) ** 3 @ p)


@given(st.integers(0, 2**32 - 1), st.integers(3, 20), st.integers(1, 5))
@settings(deadline=None, max_examples=30)
def test_is_symmetric_and_independent_of_row_order(seed, rows, width):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(rows, width)), rng.normal(size=(8, width))
    found = kernel_distance(x, y)
    for again in (
        kernel_distance(y, x),
        kernel_distance(rng.permutation(x), rng.permutation(y)),
    ):
        assert again == pytest.approx(found, rel=1e-9, abs=1e-9)


def test_single_precision_is_computed_in_double():
    rng = np.random.default_rng(2)
    x, y = (rng.normal(50, 1, (200, 4)).astype("float32") for _ in range(2))
    assert kernel_distance(x, y) == kernel_distance(
        x.astype("float64"), y.astype("float64")
    )


def test_memory_does_not_hold_the_whole_kernel_matrix():
    x, y = np.random.default_rng(3).normal(size=(2, 3000, 4))
    tracemalloc.start()
    kernel_distance(x, y, block_size=100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6  # the kernel matrix is 3000 * 3000 * 8 = 72 MB


@pytest.mark.parametrize(
    ("generated", "options", "message"),
    [
        (np.zeros((2, 3)), {}, "at least 3 rows in `generated`. Received: 2"),
        (np.zeros((5, 4)), {}, "4 in `generated`, 3 in `real`"),
        (np.full((5, 3), np.inf), {}, "`generated`.*infinity in row 0"),
        (np.zeros((5, 3)), {"block_size": 0}, "block_size=0"),
    ],
)
def test_rejects_invalid_arguments(generated, options, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(generated, np.eye(3), **options)
