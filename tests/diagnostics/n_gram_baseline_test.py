"""The n-gram model against counting in loops."""

import collections

import numpy as np
import pytest

from dlunits.diagnostics.n_gram_baseline import n_gram_cross_entropy


def cross_entropy_np(known, new, order):
    """Witten and Bell, method C, in a loop over tokens."""
    size = max(*known, *new) + 1
    counts = collections.defaultdict(collections.Counter)
    for length in range(order):
        for t in range(length, len(known)):
            counts[tuple(known[t - length : t])][known[t]] += 1
    nats = []
    for t, token in enumerate(new):
        p = 1 / size
        for length in range(min(order, t + 1)):
            seen = counts.get(tuple(new[t - length : t]))
            if seen is None:
                break
            total, kinds = sum(seen.values()), len(seen)
            p = (seen[token] + kinds * p) / (total + kinds)
        nats.append(-np.log(p))
    return np.mean(nats)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_matches_counting_in_loops(order):
    rng = np.random.default_rng(order)
    known, new = rng.integers(0, 3, 200), rng.integers(0, 4, 50)
    assert n_gram_cross_entropy(known, new, order) == pytest.approx(
        cross_entropy_np(known.tolist(), new.tolist(), order), rel=1e-9
    )


def test_longer_contexts_reduce_the_cross_entropy():
    text = np.tile([0, 1, 0, 2], 100)  # after 0: 1 or 2; after 1 0: always 2
    entropies = [n_gram_cross_entropy(text, text, order) for order in (1, 2, 3)]
    assert entropies[0] > entropies[1] > entropies[2]
    assert entropies[0] == pytest.approx(1.5 * np.log(2), abs=0.02)
    assert entropies[1] == pytest.approx(0.5 * np.log(2), abs=0.03)


def test_rejects_an_empty_text():
    with pytest.raises(ValueError, match="at least one token"):
        n_gram_cross_entropy(np.array([], int), np.array([1]))
