"""Importance sampling against a loop and against the exact likelihood."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.models import dense_variational_autoencoder
from dlunits.models.autoencoders.importance_weighted_likelihood import (
    ImportanceWeightedLikelihood,
)


def test_more_samples_approach_the_exact_likelihood(
    known,
):
    model = known.model(mean_error=0.3, log_variance_error=0.4)
    exact = known.log_likelihood()
    gaps = [
        (exact - model.log_likelihood(known.x, num_samples)).mean()
        for num_samples in (1, 10, 2000)
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[1] > 0.01
    assert abs(gaps[2]) < 0.005


def test_log_likelihood_is_the_loop_over_samples(known):
    """The same samples one at a time; 60 are not a multiple of 50."""
    model = known.model(mean_error=0.3, log_variance_error=0.4)
    x = known.x[:3]
    seeds = keras.random.SeedGenerator(5)
    chunks = [
        ops.convert_to_numpy(
            keras.random.normal((3, 50, known.latent_dim), seed=seeds)
        )
        for _ in range(2)
    ]
    noise = np.concatenate(chunks, axis=1)
    mean, log_variance = np.split(
        ops.convert_to_numpy(model.posterior(x)), 2, axis=1
    )
    expected = np.empty(3)
    for i in range(3):
        weights = []
        for draw in noise[i, :60]:
            stddev = np.exp(log_variance[i] / 2)
            z = mean[i] + stddev * draw
            decoded = known.W @ z + known.b
            weights.append(
                normal_density(x[i], decoded, known.stddev)
                * normal_density(z, 0, 1)
                / normal_density(z, mean[i], stddev)
            )
        expected[i] = np.log(np.mean(weights))
    np.testing.assert_allclose(
        model.log_likelihood(x, num_samples=60, seed=5), expected, rtol=1e-4
    )


def normal_density(x, mean, stddev):
    return np.prod(
        np.exp(-0.5 * ((x - mean) / stddev) ** 2)
        / (stddev * math.sqrt(2 * math.pi))
    )


def test_log_likelihood_is_reproducible_and_batches_differ(
    known,
):
    model = known.model(mean_error=0.3)
    twice = np.repeat(known.x[:1], 2, axis=0)
    first, second = model.log_likelihood(twice, 10, batch_size=1)
    assert first != second
    again = model.log_likelihood(twice, 10, batch_size=1)
    np.testing.assert_array_equal(again, [first, second])
    assert (
        model.log_likelihood(twice, 10, batch_size=1, seed=1) != again
    ).all()


def test_log_likelihood_does_not_underflow():
    """Likelihoods near e^-20000: a sum of the weights would be 0."""
    model = dense_variational_autoencoder((20_000,), 2, units=(3,))
    model.set_weights([0 * weight for weight in model.get_weights()])
    x = np.ones((1, 20_000), "float32")
    expected = -20_000 * math.log(2)
    assert model.log_likelihood(x, 120)[0] == pytest.approx(expected, rel=1e-4)


def test_a_saved_estimator_estimates_the_same(known, tmp_path):
    estimate = ImportanceWeightedLikelihood(known.model(), 3, seed=1)
    estimate.build((None, known.size))
    estimate.save(tmp_path / "estimate.keras")
    again = keras.saving.load_model(tmp_path / "estimate.keras", safe_mode=True)
    x = known.x
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), estimate.predict(x, verbose=0)
    )


def test_from_config_does_not_change_the_config(known):
    config = ImportanceWeightedLikelihood(known.model(), 3, seed=1).get_config()
    names = set(config)
    again = ImportanceWeightedLikelihood.from_config(config)
    assert (again.num_samples, again.seed) == (3, 1)
    assert set(config) == names


def test_rejects_zero_samples(known):
    with pytest.raises(ValueError, match="num_samples=0"):
        known.model().log_likelihood(known.x, 0)
