"""Purity and NMI against loops; k-means on codes with known clusters."""

import math

import numpy as np
import pytest

from dlunits.diagnostics import cluster_agreement
from dlunits.diagnostics.clustering import purity_and_nmi


def agreement_np(clusters, labels):
    """Equations of the docstring over a table of counts."""
    n = len(labels)
    purity = information = 0.0
    entropies = []
    for parts in (clusters, labels):
        shares = [np.mean(parts == part) for part in set(parts.tolist())]
        entropies.append(-sum(p * math.log(p) for p in shares))
    for c in set(clusters.tolist()):
        counts = []
        for k in set(labels.tolist()):
            together = np.sum((clusters == c) & (labels == k))
            counts.append(together)
            if together:
                information += (together / n) * math.log(
                    n * together / (np.sum(clusters == c) * np.sum(labels == k))
                )
        purity += max(counts) / n
    return {"purity": purity, "nmi": 2 * information / sum(entropies)}


def test_purity_and_nmi_match_the_equations():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    clusters = np.where(rng.random(300) < 0.6, labels, rng.integers(0, 5, 300))
    assert purity_and_nmi(clusters, labels) == pytest.approx(
        agreement_np(clusters, labels)
    )


def test_cluster_numbers_do_not_matter():
    labels = np.array([0, 0, 1, 1, 2, 2])
    assert purity_and_nmi(2 - labels, labels) == pytest.approx(
        {"purity": 1, "nmi": 1}
    )


def test_clusters_are_evaluated_on_other_codes():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 600)
    code = rng.normal(size=(600, 4)) + 20 * np.eye(3, 4)[labels]
    found = cluster_agreement(
        code[:300], code[300:], labels[300:], num_clusters=3
    )
    assert found == pytest.approx({"purity": 1, "nmi": 1})


def test_codes_without_clusters_have_low_agreement():
    code = np.random.default_rng(2).uniform(size=(1000, 3))
    labels = np.arange(1000) % 10
    found = cluster_agreement(code, code, labels, num_clusters=10)
    # The largest of ten classes in a cluster of 100 is 10 +- 3, at most 20.
    assert found["purity"] < 0.25
    assert found["nmi"] < 0.1


def test_same_seed_gives_the_same_clusters():
    code = np.random.default_rng(3).uniform(size=(500, 3))
    labels = np.arange(500) % 5
    one, same = (
        cluster_agreement(code, code, labels, num_clusters=5, seed=7)
        for _ in range(2)
    )
    assert one == same


@pytest.mark.parametrize("num_clusters", [0, 5])
def test_rejects_zero_clusters_and_more_clusters_than_codes(num_clusters):
    code = np.zeros((4, 2))
    with pytest.raises(ValueError, match=rf"{num_clusters=} and 4 codes"):
        cluster_agreement(code, code, [0, 1, 0, 1], num_clusters=num_clusters)
