"""Adversarial losses against loops from the papers."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from dlunits.losses import discriminator_loss, generator_loss
from dlunits.losses.adversarial import (
    DISCRIMINATOR_LOSSES,
    decision_threshold,
)

every_loss = pytest.mark.parametrize("kind", DISCRIMINATOR_LOSSES)
answers = st.lists(st.floats(-30, 30, width=32), min_size=3, max_size=3)
few_examples = settings(deadline=None, max_examples=30)


def sigma_np(x):
    return 1 / (1 + math.exp(-x))


def log_np(x):
    return math.log(max(x, 1e-300))


def discriminator_np(kind, real, fake, s):
    """Sum over examples in a loop."""
    real_loss, of_fake = 0.0, 0.0
    for r in real:
        if kind in ("minimax", "non_saturating"):
            real_loss -= (1 - s) * log_np(sigma_np(r))
            real_loss -= s * log_np(sigma_np(-r))  # 1 - sigma(r)
        elif kind == "least_squares":
            real_loss += (r - (1 - s)) ** 2 / 2
        elif kind == "hinge":
            real_loss += max(0, 1 - r)
        else:
            real_loss -= r
    for f in fake:
        if kind in ("minimax", "non_saturating"):
            of_fake -= log_np(sigma_np(-f))
        elif kind == "least_squares":
            of_fake += f**2 / 2
        elif kind == "hinge":
            of_fake += max(0, 1 + f)
        else:
            of_fake += f
    return real_loss / len(real) + of_fake / len(fake)


def generator_np(kind, fake):
    total = 0.0
    for f in fake:
        total += {
            "minimax": log_np(sigma_np(-f)),
            "non_saturating": -log_np(sigma_np(f)),
            "least_squares": (f - 1) ** 2 / 2,
            "hinge": -f,
            "wasserstein": -f,
        }[kind]
    return total / len(fake)


@every_loss
@few_examples
@given(real=answers, fake=answers, smoothing=st.floats(0, 0.99))
def test_discriminator_loss_matches_the_equations_in_numpy(
    kind, real, fake, smoothing
):
    if kind in ("hinge", "wasserstein"):
        smoothing = 0.0
    found = float(discriminator_loss(kind, real, fake, smoothing))
    expected = discriminator_np(kind, real, fake, smoothing)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)


@every_loss
@few_examples
@given(fake=answers)
def test_generator_loss_matches_the_equations_in_numpy(kind, fake):
    found = float(generator_loss(kind, fake))
    assert found == pytest.approx(generator_np(kind, fake), rel=1e-5, abs=1e-5)


@every_loss
def test_losses_are_finite_for_extreme_outputs(kind):
    sure = ops.convert_to_tensor([1e4])
    for loss in (
        discriminator_loss(kind, -sure, sure),
        generator_loss(kind, -sure),
        generator_loss(kind, sure),
    ):
        assert np.isfinite(float(loss))


@every_loss
def test_losses_are_in_single_precision(kind):
    half = ops.cast([300.0, -300.0], "float16")  # 300^2 overflows
    found = discriminator_loss(kind, half, half)
    assert np.isfinite(float(found))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"


def test_smoothed_loss_is_smallest_below_certainty():
    # The minimum is at sigma(r) = 1 - s.
    best = math.log(0.9 / 0.1)
    losses = [
        float(discriminator_loss("minimax", [r], [-50.0], 0.1))
        for r in (best - 0.1, best, best + 0.1)
    ]
    assert losses[1] == min(losses)


def test_thresholds_are_between_the_targets():
    real, fake = np.float32([5, 7]), np.float32([1, 3])
    assert float(decision_threshold("hinge", real, fake)) == 0
    assert float(decision_threshold("least_squares", real, fake)) == 0.5
    assert float(decision_threshold("wasserstein", real, fake)) == 4


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan])
def test_rejects_smoothing_out_of_range(smoothing):
    with pytest.raises(ValueError, match=r"must be in \[0, 1\)"):
        discriminator_loss("minimax", [0.0], [0.0], smoothing)


@pytest.mark.parametrize("kind", ["hinge", "wasserstein"])
def test_rejects_smoothing_for_losses_without_labels(kind):
    with pytest.raises(ValueError, match="no labels to smooth"):
        discriminator_loss(kind, [0.0], [0.0], 0.1)


def test_an_unknown_loss_is_rejected_with_the_known_names():
    with pytest.raises(ValueError, match="minimax, non_saturating"):
        generator_loss("wgan", [0.0])
