"""Frechet distance against closed forms, SciPy and identities."""

import tracemalloc

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.metrics import FeatureStatistics, frechet_distance
from dlunits.metrics.frechet_distance import squared_bures_distance


def frechet_distance_np(generated, real):
    """Equation 6 of the paper, with SciPy's matrix square root."""
    m, other_m = generated.mean(axis=0), real.mean(axis=0)
    c, other_c = (np.cov(x, rowvar=False) for x in (generated, real))
    root = scipy.linalg.sqrtm(c @ other_c).real
    return np.sum((m - other_m) ** 2) + np.trace(c + other_c - 2 * root)


def with_statistics(rng, rows, mean, deviations):
    """Rows with exactly this mean and this diagonal covariance."""
    x = rng.normal(size=(rows, len(mean)))
    x -= x.mean(axis=0)
    whitened, _ = np.linalg.qr(x)
    return mean + whitened * np.sqrt(rows - 1) * deviations


def test_matches_the_equation_of_the_paper():
    rng = np.random.default_rng(0)
    generated = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6))
    real = 1 + rng.normal(size=(150, 6)) @ rng.normal(size=(6, 6))
    assert frechet_distance(generated, real) == pytest.approx(
        frechet_distance_np(generated, real), rel=1e-9
    )


def test_matches_the_closed_form_for_diagonal_covariances():
    rng = np.random.default_rng(1)
    first, second = [1.0, 2.0, 0.5], [3.0, 2.0, 1.5]
    generated = with_statistics(rng, 50, np.array([0.0, 1.0, 2.0]), first)
    real = with_statistics(rng, 70, np.array([2.0, 1.0, 1.0]), second)
    # |m - m'|^2 = 4 + 0 + 1, sum of (s - s')^2 = 4 + 0 + 1
    assert frechet_distance(generated, real) == pytest.approx(10.0)


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 6))
@settings(deadline=None, max_examples=50)
def test_is_symmetric_not_negative_and_independent_of_row_order(
    seed, rows, width
):
    rng = np.random.default_rng(seed)
    generated = rng.normal(size=(rows, width))
    real = rng.normal(size=(17, width)) * rng.uniform(0.1, 3, width)
    distance = frechet_distance(generated, real)
    assert distance >= 0
    assert frechet_distance(real, generated) == pytest.approx(
        distance, rel=1e-6, abs=1e-7
    )
    assert frechet_distance(rng.permutation(generated), real) == pytest.approx(
        distance, rel=1e-6, abs=1e-7
    )


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 20))
@settings(deadline=None, max_examples=50)
def test_distance_of_equal_statistics_is_exactly_zero(seed, rows, width):
    x = np.random.default_rng(seed).normal(size=(rows, width))
    assert frechet_distance(x, x) == 0.0


def test_is_invariant_to_rotation_and_quadratic_in_scale():
    rng = np.random.default_rng(2)
    generated, real = rng.normal(size=(2, 100, 4)) * [1, 2, 3, 4]
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    distance = frechet_distance(generated, real + 1)
    turned = frechet_distance(3 * generated @ turn, 3 * (real + 1) @ turn)
    assert turned == pytest.approx(9 * distance)


def test_singular_covariances_match_the_closed_form():
    # Fewer rows than features: along one axis, and along another.
    first, second = np.zeros((8, 8)), np.zeros((8, 8))
    first[0, 0], second[1, 1] = 4.0, 9.0
    # No overlap, so the root of the product is 0: tr C + tr C'.
    assert squared_bures_distance(first, second) == pytest.approx(13.0)
    second[1, 1], second[0, 0] = 0.0, 9.0
    assert squared_bures_distance(first, second) == pytest.approx((3 - 2) ** 2)


def test_a_small_distance_is_accurate():
    # The traces are 2e6, so their difference has an error of about 1e-9.
    small = 1e-6
    distance = squared_bures_distance(
        1e6 * np.eye(2), (1e3 + small) ** 2 * np.eye(2)
    )
    assert distance == pytest.approx(2 * small**2, rel=1e-3)


def test_streamed_features_give_the_same_as_arrays():
    generated, real = np.random.default_rng(3).normal(size=(2, 90, 5))
    statistics = FeatureStatistics()
    for batch in np.split(generated, 9):
        statistics.update(batch)
    expected = frechet_distance(generated, real)
    assert frechet_distance(statistics, real) == pytest.approx(expected)


def test_bias_for_equal_distributions_is_as_documented():
    rng = np.random.default_rng(4)
    width, rows = 5, 1000
    distances = [
        frechet_distance(*rng.normal(size=(2, rows, width))) for _ in range(200)
    ]
    expected = (2 * width + width * (width + 1) / 2) / rows
    error = np.std(distances) / np.sqrt(len(distances))
    assert abs(np.mean(distances) - expected) < 4 * error < 0.2 * expected


def test_memory_does_not_hold_the_features_in_double_precision():
    features = np.random.default_rng(5).normal(size=(200_000, 4))
    features = features.astype("float32")
    tracemalloc.start()
    frechet_distance(features, features)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e6  # the features are 6.4 MB


@pytest.mark.parametrize(
    ("generated", "message"),
    [
        (np.zeros((1, 3)), "at least 2 rows in `generated`. Received: 1"),
        (FeatureStatistics(), "at least 2 rows in `generated`. Received: 0"),
        (np.zeros((5, 4)), "4 in `generated`, 3 in `real`"),
        (np.full((5, 3), np.nan), "NaN or infinity in row 0"),
        (np.zeros((5, 3, 1)), r"`generated` of shape \(examples, features\)"),
    ],
)
def test_rejects_invalid_arguments(generated, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(generated, np.eye(3))
