"""Range-based precision and recall against loops from the paper."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from dlunits.metrics import range_precision_recall
from dlunits.metrics.range_precision_recall import POSITIONAL_WEIGHTS


def ranges_np(flags):
    """Sets of rows, one for each range."""
    ranges = []
    for row, flag in enumerate(flags):
        if flag and row > 0 and flags[row - 1]:
            ranges[-1].append(row)
        elif flag:
            ranges.append([row])
    return ranges


def delta_np(bias, i, length):
    """Positional bias, figure 3 of the paper, `i` from 1 to `length`."""
    return {
        "flat": 1,
        "front": length - i + 1,
        "back": i,
        "middle": i if i <= length / 2 else length - i + 1,
    }[bias]


def omega_np(own, overlap, bias):
    """Overlap size, figure 3 (a) of the paper."""
    value, maximum = 0, 0
    for i, row in enumerate(own, 1):
        weight = delta_np(bias, i, len(own))
        maximum += weight
        if row in overlap:
            value += weight
    return value / maximum


def overlap_reward_np(own, others, bias):
    met = [other for other in others if set(own) & set(other)]
    factor = 1 / len(met) if len(met) > 1 else 1
    return factor * sum(omega_np(own, set(own) & set(p), bias) for p in met)


def recall_np(labels, alarms, alpha, bias):
    real, said = ranges_np(labels), ranges_np(alarms)
    rewards = [
        alpha * any(set(r) & set(p) for p in said)
        + (1 - alpha) * overlap_reward_np(r, said, bias)
        for r in real
    ]
    return sum(rewards) / len(rewards)


@hypothesis.settings(deadline=None, max_examples=200)
@hypothesis.given(
    pairs=st.lists(
        st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30
    ),
    alpha=st.sampled_from([0, 0.3, 1]),
    bias=st.sampled_from(sorted(POSITIONAL_WEIGHTS)),
)
def test_matches_a_loop_from_the_paper(pairs, alpha, bias):
    labels, alarms = zip(*pairs, strict=True)
    found = range_precision_recall(labels, alarms, alpha, bias)
    if any(labels):
        assert found["recall"] == pytest.approx(
            recall_np(labels, alarms, alpha, bias)
        )
    else:
        assert found["recall"] is None
    if any(alarms):
        # Precision is recall with both arguments swapped, flat, with alpha=0.
        assert found["precision"] == pytest.approx(
            recall_np(alarms, labels, 0, "flat")
        )
    else:
        assert found["precision"] is None


def test_correct_alarms_score_one_and_wrong_ones_zero():
    labels = np.array([0, 1, 1, 0, 0, 1], bool)
    assert range_precision_recall(labels, labels) == {
        "precision": 1,
        "recall": 1,
        "f1": 1,
    }
    assert range_precision_recall(labels, ~labels) == {
        "precision": 0,
        "recall": 0,
        "f1": 0,
    }


def test_long_and_short_anomalies_have_the_same_weight():
    labels = np.zeros(1100, bool)
    labels[0:1000] = labels[1050] = True
    assert range_precision_recall(labels, np.arange(1100) < 1000) == {
        "precision": 1,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
    }


def test_a_bias_to_the_front_rewards_early_alarms():
    labels = [1, 1, 1, 1]
    early, late = [1, 0, 0, 0], [0, 0, 0, 1]
    for bias, first, last in [
        ("flat", 1 / 4, 1 / 4),
        ("front", 4 / 10, 1 / 10),
        ("back", 1 / 10, 4 / 10),
        ("middle", 1 / 6, 1 / 6),
    ]:
        for alarms, expected in [(early, first), (late, last)]:
            found = range_precision_recall(labels, alarms, bias=bias)
            assert found["recall"] == pytest.approx(expected)


def test_one_detected_row_does_not_detect_the_whole_anomaly():
    """Point-adjusted recall would be 1."""
    labels, alarms = np.ones(100, bool), np.zeros(100, bool)
    alarms[50] = True
    assert range_precision_recall(labels, alarms)["recall"] == 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0]), r"\(2,\) and \(1,\)"),
        (([[0, 1]], [[0, 1]]), r"shapes \(1, 2\)"),
        (([0, 1], [0, 1], 1.5), "alpha=1.5"),
        (([0, 1], [0, 1], 0, "late"), "bias='late'"),
    ],
)
def test_invalid_arguments_are_rejected(arguments, message):
    with pytest.raises(ValueError, match=message):
        range_precision_recall(*arguments)
