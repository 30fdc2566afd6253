"""Classifier score: equation, limits and standard deviation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.metrics import classifier_score


def score_np(p):
    """Exponential of the mean divergence from the mean, in loops."""
    mean = p.mean(axis=0)
    divergence = 0.0
    for row in p:
        for of_class, of_mean in zip(row, mean, strict=True):
            if of_class > 0:
                divergence += of_class * math.log(of_class / of_mean)
    return math.exp(divergence / len(p))


def softmax(logits):
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True)


def test_is_the_equation_of_the_paper_over_many_blocks():
    p = softmax(3 * np.random.default_rng(0).normal(size=(2500, 5)))
    p[:5] = np.eye(5)  # 0 ln 0
    assert classifier_score(p)["score"] == pytest.approx(score_np(p))


def test_standard_deviation_is_that_of_the_scores_of_equal_random_parts():
    p = softmax(3 * np.random.default_rng(1).normal(size=(600, 4)))
    order = np.random.default_rng(7).permutation(600)
    scores = [score_np(p[order % 6 == part]) for part in range(6)]
    found = classifier_score(p, splits=6, seed=7)
    assert found["standard_deviation"] == pytest.approx(np.std(scores, ddof=1))


@pytest.mark.parametrize(
    "labels",
    [np.arange(1000) // 100, np.arange(1000) % 10],
    ids=["sorted", "in_turn"],
)
def test_standard_deviation_is_small_in_whatever_order_the_classes_come(labels):
    # Parts of consecutive rows, or of every tenth row, would have one class.
    found = classifier_score(np.eye(10)[labels])
    assert found["score"] == pytest.approx(10)
    assert found["standard_deviation"] < 0.5


@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
@settings(deadline=None, max_examples=50)
def test_lies_between_one_and_the_number_of_classes(seed, num_classes):
    rng = np.random.default_rng(seed)
    p = softmax(rng.uniform(0, 20) * rng.normal(size=(30, num_classes)))
    score = classifier_score(p)["score"]
    assert 1 - 1e-12 <= score <= num_classes + 1e-12
    again = classifier_score(rng.permutation(p))["score"]
    assert again == pytest.approx(score)


def test_is_one_where_all_rows_are_equal_and_all_classes_where_all_are_sure():
    same = classifier_score(np.tile([0.25, 0.25, 0.5], (40, 1)))
    assert same == pytest.approx(
        {"score": 1, "standard_deviation": 0}, abs=1e-9
    )
    sure = classifier_score(np.eye(3)[np.arange(60) % 3])
    assert sure["score"] == pytest.approx(3)


def test_takes_probabilities_in_half_precision():
    p = softmax(np.random.default_rng(2).normal(size=(50, 10)))
    assert classifier_score(p.astype("float16"))["score"] == pytest.approx(
        score_np(p), rel=1e-2
    )


@pytest.mark.parametrize(
    ("probabilities", "options", "message"),
    [
        (np.zeros((40, 3)), {}, "a row from 0 to 0 with the sum 0"),
        ([[2.0, -1.0]] * 40, {}, "a row from -1 to 2 with the sum 1"),
        ([[0.5, 0.6]] * 40, {}, "use the softmax of logits.*sum 1.1"),
        ([[np.nan, 1.0]] * 40, {}, "`probabilities`.*infinity in row 0"),
        ([0.5] * 40, {}, r"Received: an array of shape \(40,\)"),
        ([[0.5, 0.5]] * 19, {}, "at least 20 rows .*Received: 19"),
        ([[0.5, 0.5]] * 40, {"splits": 1}, "splits=1"),
    ],
)
def test_rejects_invalid_arguments(probabilities, options, message):
    with pytest.raises(ValueError, match=message):
        classifier_score(probabilities, **options)
