"""Uniform numbers, and frequencies of sampled tokens."""

import numpy as np
import pytest
import tensorflow as tf

from dlunits.tasks.text.token_sampling import sample_token, uniform

# First output of splitmix64 with the seed 0, as in Vigna's reference code.
FIRST_OF_SPLITMIX64 = 0xE220A8397B1DCDAF


def uniform_numbers(seed, count):
    positions = tf.range(count, dtype=tf.int64)
    return uniform(tf.constant(seed, tf.int64), positions).numpy()


def test_numbers_are_those_of_splitmix64():
    """The top 24 bits for the seed 0, which the mixing function maps to 0."""
    assert uniform_numbers(0, 1)[0] == (FIRST_OF_SPLITMIX64 >> 40) / 2**24


def test_numbers_are_uniform_and_seeds_are_uncorrelated():
    x = np.stack([uniform_numbers(seed, 20_000) for seed in (0, 1, 2, 2**40)])
    assert x.min() >= 0
    assert x.max() < 1
    counts = np.stack([np.histogram(row, 20, (0, 1))[0] for row in x])
    # Chi-squared with 19 degrees of freedom: 43.8 in one of 1,000 cases.
    assert (((counts - 1000) ** 2 / 1000).sum(axis=1) < 43.8).all()
    correlations = np.corrcoef(x) - np.eye(4)
    assert np.abs(correlations).max() < 4 / np.sqrt(20_000)
    assert abs(np.corrcoef(x[0, :-1], x[0, 1:])[0, 1]) < 4 / np.sqrt(20_000)


LOGITS = np.log([0.05, 0.4, 0.1, 0.25, 0.2]).astype("float32")


def shares(count=20_000, **options):
    sampling = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, **options}
    logits = tf.constant(np.tile(LOGITS, (count, 1)))
    tokens = sample_token(
        logits, tf.constant(uniform_numbers(0, count)), **sampling
    ).numpy()
    return np.bincount(tokens, minlength=5) / count


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({}, [0, 0.4, 0.1, 0.25, 0.2]),
        ({"top_k": 2}, [0, 0.4, 0, 0.25, 0]),
        ({"top_k": 9}, [0, 0.4, 0.1, 0.25, 0.2]),
        # Of 0.95: 0.42, 0.26, 0.21, 0.11; 0.42 + 0.26 is short of 0.7.
        ({"top_p": 0.7}, [0, 0.4, 0, 0.25, 0.2]),
        ({"top_p": 0.4}, [0, 0.4, 0, 0, 0]),
        ({"temperature": 0.5}, [0, 0.4**2, 0.1**2, 0.25**2, 0.2**2]),
        ({"temperature": 0.0}, [0, 1, 0, 0, 0]),
        ({"temperature": 0.0, "top_k": 3}, [0, 1, 0, 0, 0]),
    ],
)
def test_tokens_have_their_expected_frequencies(options, weights):
    expected = np.array(weights) / sum(weights)
    np.testing.assert_allclose(shares(**options), expected, atol=0.015)
    assert not shares(**options)[expected == 0].any()
