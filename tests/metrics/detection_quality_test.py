"""AUC, average precision, false alarms and recall against counts."""

import numpy as np
import pytest

from dlunits.metrics.detection_quality import detection_quality


def auc_np(labels, scores):
    """Fraction of pairs (anomaly, normal row) in the right order."""
    pairs = [
        (a > n) + 0.5 * (a == n)
        for a in scores[labels]
        for n in scores[~labels]
    ]
    return np.mean(pairs)


def ap_np(labels, scores):
    """Mean precision at each anomaly, by descending score."""
    ranked = labels[np.argsort(-scores)]
    at = np.flatnonzero(ranked)
    return np.mean([(rank + 1) / (place + 1) for rank, place in enumerate(at)])


def test_equals_what_is_counted_pair_by_pair():
    generator = np.random.default_rng(0)
    labels = generator.random(60) < 0.3
    scores = generator.normal(size=60) + labels
    alarms = scores > 1
    quality = detection_quality(labels, scores, alarms)
    assert quality["AUC"] == pytest.approx(auc_np(labels, scores))
    assert quality["AP"] == pytest.approx(ap_np(labels, scores))
    assert quality["false_alarm_rate"] == pytest.approx(
        sum(alarms & ~labels) / sum(~labels)
    )
    assert quality["recall"] == pytest.approx(
        sum(alarms & labels) / sum(labels)
    )
    assert quality["false_discovery_rate"] == pytest.approx(
        sum(alarms & ~labels) / sum(alarms)
    )


def test_undefined_values_are_none():
    normal = detection_quality([0, 0], [1.0, 2.0], [True, False])
    assert normal == {
        "AUC": None,
        "AP": None,
        "false_alarm_rate": 0.5,
        "recall": None,
        "false_discovery_rate": 1.0,
    }
    silent = detection_quality([0, 1], [1.0, 2.0], [False, False])
    assert silent["false_discovery_rate"] is None
    only_anomalies = detection_quality([1, 1], [1.0, 2.0], [True, True])
    assert only_anomalies["recall"] == 1.0
    assert only_anomalies["false_alarm_rate"] is only_anomalies["AUC"] is None
