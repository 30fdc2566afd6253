"""Divergences of histograms against SciPy, limits and expectations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from dlunits.metrics import histogram_divergence
from dlunits.metrics.histogram_divergence import kl_divergence

labels_of_five = st.lists(st.integers(0, 4), min_size=1, max_size=60)


def shares(labels):
    return np.bincount(labels, minlength=5) / len(labels)


@given(labels_of_five, labels_of_five)
@settings(deadline=None, max_examples=100)
def test_matches_scipy(labels, real):
    p, q = shares(labels), shares(real)
    assert histogram_divergence(labels, real, 5) == pytest.approx(
        jensenshannon(p, q) ** 2, abs=1e-12
    )
    assert histogram_divergence(
        labels, real, 5, divergence="kl"
    ) == pytest.approx(entropy(p, q), abs=1e-12)


@given(labels_of_five, labels_of_five)
@settings(deadline=None, max_examples=100)
def test_is_between_zero_and_ln_two_and_symmetric(labels, real):
    divergence = histogram_divergence(labels, real, 5)
    assert 0 <= divergence <= math.log(2) + 1e-12
    assert histogram_divergence(real, labels, 5) == divergence
    assert histogram_divergence(labels, real, 5, divergence="kl") >= 0


@pytest.mark.parametrize("divergence", ["jensen_shannon", "kl"])
def test_is_exactly_zero_for_equal_frequencies(divergence):
    assert (
        histogram_divergence([0, 1, 1], [1, 0, 1] * 7, 3, divergence=divergence)
        == 0
    )


def test_a_small_divergence_is_accurate():
    p, change = np.array([0.3, 0.7]), np.array([1e-8, -1e-8])
    # sum of (q - p)^2 / (2 p) and smaller terms, which is below one rounding.
    expected = np.sum(change**2 / (2 * p))
    found = kl_divergence(p, p + change)
    assert found == pytest.approx(expected, rel=1e-6, abs=0)


def test_collapse_to_one_of_ten_classes_gives_ln_ten():
    real = np.arange(1000) % 10
    collapsed = np.full(500, 3)
    assert histogram_divergence(
        collapsed, real, 10, divergence="kl"
    ) == pytest.approx(math.log(10))
    assert (
        histogram_divergence(real, collapsed, 10, divergence="kl") == math.inf
    )
    assert histogram_divergence([0], [1], 2) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("divergence", "part"), [("kl", 1), ("jensen_shannon", 4)]
)
def test_expected_divergence_of_samples_is_as_documented(divergence, part):
    rng = np.random.default_rng(0)
    found = [
        histogram_divergence(
            *rng.integers(0, 4, (2, 1000)), 4, divergence=divergence
        )
        for _ in range(400)
    ]
    expected = 3 / 1000 / part
    error = np.std(found) / 20
    assert abs(np.mean(found) - expected) < 3 * error < 0.2 * expected


@pytest.mark.parametrize(
    ("labels", "real", "divergence", "message"),
    [
        ([3], [0], "kl", "`labels` from 0 to 2. Received: labels from 3 to 3"),
        ([0], [-1], "kl", "`real_labels` from 0 to 2"),
        ([0], [], "kl", "`real_labels` of shape"),
        ([0], [0], "js", "jensen_shannon, kl. Received: divergence='js'"),
    ],
)
def test_rejects_invalid_arguments(labels, real, divergence, message):
    with pytest.raises(ValueError, match=message):
        histogram_divergence(labels, real, 3, divergence=divergence)
