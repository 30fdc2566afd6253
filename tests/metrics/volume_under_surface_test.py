"""VUS-PR against a loop over thresholds."""

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from dlunits.metrics import volume_under_surface


def buffered_np(labels, buffer):
    """Soft labels by the equation of the paper, in a loop over rows."""
    result = []
    for row in range(len(labels)):
        away = min(abs(row - other) for other in np.flatnonzero(labels))
        if away == 0:
            result.append(1.0)
        elif away <= buffer / 2:
            result.append(math.sqrt(1 - away / buffer))
        else:
            result.append(0.0)
    return result


def area_np(labels, scores, buffer):
    soft = buffered_np(labels, buffer)
    scored = [row for row, score in enumerate(scores) if score == score]
    ranges = []
    for row, label in enumerate(soft):
        if label > 0 and (row == 0 or soft[row - 1] == 0):
            ranges.append([])
        if label > 0 and row in scored:
            ranges[-1].append(row)
    ranges = [some for some in ranges if some]
    positives = sum(labels[row] + soft[row] for row in scored) / 2
    area = before = 0.0
    for threshold in sorted({scores[row] for row in scored}, reverse=True):
        alarms = [row for row in scored if scores[row] >= threshold]
        hits = sum(soft[row] for row in alarms)
        existing = sum(bool({*some} & {*alarms}) for some in ranges)
        recall = min(hits / positives, 1) * existing / len(ranges)
        area += (recall - before) * hits / len(alarms)
        before = recall
    return area


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    rows=st.lists(
        st.tuples(
            st.booleans(), st.sampled_from([0.0, 1.0, 2.0, 3.0, math.nan])
        ),
        min_size=1,
        max_size=25,
    ),
    buffer=st.integers(0, 9),
)
def test_is_the_mean_of_areas_threshold_by_threshold(rows, buffer):
    labels, scores = zip(*rows, strict=True)
    hypothesis.assume(any(lab and s == s for lab, s in rows))
    areas = [area_np(labels, scores, size) for size in range(buffer + 1)]
    assert volume_under_surface(labels, scores, buffer) == pytest.approx(
        np.mean(areas)
    )


def test_one_range_without_buffer_has_the_average_precision():
    rng = np.random.default_rng(0)
    labels = (np.arange(500) >= 200) & (np.arange(500) < 240)
    scores = rng.normal(size=500) + labels
    assert volume_under_surface(labels, scores, 0) == pytest.approx(
        average_precision_score(labels, scores)
    )


def test_perfect_scores_fill_the_volume_and_reversed_ones_do_not():
    labels = np.zeros(300, bool)
    labels[50:80] = labels[200:220] = True
    away = np.minimum(
        np.abs(np.arange(300) - 65) - 15, np.abs(np.arange(300) - 210) - 10
    )
    assert volume_under_surface(labels, -away, 0) > 0.95
    assert volume_under_surface(labels, away, 20) < 0.15


def test_a_late_alarm_gains_from_the_buffer_and_a_stray_one_does_not():
    labels = np.zeros(400, bool)
    labels[100:120] = True
    late, stray = np.zeros(400), np.zeros(400)
    late[121:130] = stray[300:309] = 1

    def gain(scores):
        return volume_under_surface(labels, scores, 40) - volume_under_surface(
            labels, scores, 0
        )

    assert gain(late) > 0.1
    assert gain(stray) < 0.05


def test_detecting_each_range_scores_higher_than_one_range_fully():
    labels = np.zeros(300, bool)
    labels[50:70] = labels[200:220] = True
    one, both = np.zeros(300), np.zeros(300)
    one[50:70] = 1
    both[50:60] = both[200:210] = 1
    assert volume_under_surface(labels, both, 10) > volume_under_surface(
        labels, one, 10
    )


def test_rows_without_a_score_are_excluded():
    rng = np.random.default_rng(0)
    labels = np.zeros(300, bool)
    labels[100:120] = labels[250:260] = True
    scores = rng.normal(size=300) + labels
    # Rows far from any anomaly, with and without a score.
    unseen = np.where(np.arange(300) < 60, np.nan, scores)
    assert volume_under_surface(labels, unseen, 20) == pytest.approx(
        volume_under_surface(labels[60:], scores[60:], 20)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0.0], 1), r"\(2,\) and \(1,\)"),
        (([0, 1], [0.0, 1.0], -1), "max_buffer=-1"),
        (([0, 0], [0.0, 1.0], 1), "Received: 0 anomalous rows with"),
        (([0, 1], [0.0, math.nan], 1), "Received: 0 anomalous rows with"),
        (([0, 1], [math.inf, 1.0], 1), "1 infinite"),
    ],
)
def test_rejects_invalid_labels_and_scores(arguments, message):
    with pytest.raises(ValueError, match=message):
        volume_under_surface(*arguments)
