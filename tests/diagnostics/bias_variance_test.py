"""Decompositions of the expected error, by hand and as identities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlunits.diagnostics import (
    squared_error_decomposition,
    zero_one_decomposition,
)

pytestmark = pytest.mark.one_backend  # NumPy alone

SEEDS = st.integers(0, 10**6)


def test_squared_error_of_two_examples_by_hand():
    # Example 1: p = 1, 2, 6 and f = 2: mean 3, variance (4 + 1 + 9) / 2 = 7,
    # bias^2 = (2 - 3)^2 - 7 / 3. Example 2: all networks predict f + 2.
    parts = squared_error_decomposition(
        [[1, 5], [2, 5], [6, 5]], [2, 3], noise=[0.25, 1.0]
    )
    np.testing.assert_allclose(parts["bias_squared"], [1 - 7 / 3, 4])
    np.testing.assert_allclose(parts["variance"], [7, 0])
    np.testing.assert_allclose(parts["noise"], [0.25, 1])
    # Mean of (1, 0, 16) + 1/4, and 4 + 1.
    np.testing.assert_allclose(parts["error"], [17 / 3 + 0.25, 5])


@given(seed=SEEDS, num_sets=st.integers(2, 6))
def test_squared_error_is_the_mean_over_networks_plus_noise(seed, num_sets):
    rng = np.random.default_rng(seed)
    predictions = rng.normal(size=(num_sets, 5))
    f, noise = rng.normal(size=5), rng.uniform(size=5)
    parts = squared_error_decomposition(predictions, f, noise)
    measured = ((predictions - f) ** 2).mean(axis=0) + noise
    np.testing.assert_allclose(parts["error"], measured, atol=1e-12)
    total = parts["bias_squared"] + parts["variance"] + parts["noise"]
    np.testing.assert_allclose(total, measured, atol=1e-12)


def test_squared_error_parts_are_unbiased_with_few_training_sets():
    # p is N(1, 2^2) and f = 0: bias^2 = 1 and variance = 4, also with K = 2.
    predictions = np.random.default_rng(0).normal(1, 2, size=(2, 200_000))
    parts = squared_error_decomposition(predictions, np.zeros(200_000))
    assert parts["bias_squared"].mean() == pytest.approx(1, abs=0.05)
    assert parts["variance"].mean() == pytest.approx(4, abs=0.05)


def test_zero_one_loss_of_an_example_with_noise_by_hand():
    # p = 2, 2, 2, 0, 1 and y = 0: m = 2, bias 1, variance 2/5. P(p = y) is 1/5,
    # so c2 = -(1/5) / (2/5) and c2 variance = -1/5. c1 = 1/5 - (4/5) / 2.
    predictions = np.array([[2, 2, 2, 0, 1]]).T
    parts = zero_one_decomposition(predictions, [0], 3, noise=0.1)
    assert parts["bias"] == [1]
    assert parts["variance"] == pytest.approx([0.4])
    assert parts["variance_unbiased"] == [0]
    assert parts["variance_biased"] == pytest.approx([0.2])
    assert parts["noise"] == pytest.approx([0.1 * (0.2 - 0.4)])
    assert parts["error"] == pytest.approx([1 - 0.2 - 0.02])


@given(
    seed=SEEDS,
    num_sets=st.integers(2, 7),
    num_classes=st.integers(2, 5),
    noise=st.floats(0, 0.99),
)
def test_zero_one_loss_is_the_error_rate_on_noisy_labels(
    seed, num_sets, num_classes, noise
):
    rng = np.random.default_rng(seed)
    p = rng.integers(num_classes, size=(num_sets, 6))
    y = rng.integers(num_classes, size=6)
    # P(t = c) of each example, and the error rate summed over all labels t.
    probabilities = np.full((6, num_classes), noise / (num_classes - 1))
    probabilities[np.arange(6), y] = 1 - noise
    measured = np.zeros(6)
    for label in range(num_classes):
        measured += probabilities[:, label] * (p != label).mean(axis=0)
    parts = zero_one_decomposition(p, y, num_classes, noise)
    np.testing.assert_allclose(parts["error"], measured, atol=1e-12)
    c2 = np.where(
        parts["bias"] == 0,
        1,
        -parts["variance_biased"] / np.maximum(parts["variance"], 1e-300),
    )
    total = parts["noise"] + parts["bias"] + c2 * parts["variance"]
    np.testing.assert_allclose(total, measured, atol=1e-12)


@pytest.mark.parametrize(
    ("predictions", "truth", "message"),
    [
        ([[1, 0]], [0, 1], r"at least two networks.*\(1, 2\) and \(2,\)"),
        ([1, 0], [0, 1], r"shapes \(2,\) and \(2,\)"),
        ([[1, 0], [1, 1]], [0], r"shapes \(2, 2\) and \(1,\)"),
    ],
)
def test_wrong_shapes_are_refused(predictions, truth, message):
    with pytest.raises(ValueError, match=message):
        squared_error_decomposition(predictions, truth)
    with pytest.raises(ValueError, match=message):
        zero_one_decomposition(predictions, truth, 2)


def test_classes_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"`predictions` must be .* 0 to 2"):
        zero_one_decomposition([[0], [2]], [0], 2)
    with pytest.raises(ValueError, match=r"`true_classes` must .* -1 to -1"):
        zero_one_decomposition([[0], [1]], [-1], 2)
