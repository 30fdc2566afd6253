"""Figures of scores, p-values and curves, by their data and labels."""

import numpy as np
import pytest

from dlunits.tasks.anomaly.figures import (
    detection_curves,
    p_value_distribution,
    score_distribution,
)


@pytest.fixture
def groups():
    return {"normal rows": np.arange(10.0), "anomalies": np.array([8.0, 1e9])}


def test_scores_are_drawn_with_the_threshold(groups):
    figure = score_distribution(np.arange(-10.0, 10.0), groups, 8.5)
    assert figure.get_label() == (
        "Scores above the threshold 8.5: 5.0 % of calibration rows, 10.0 % of "
        "normal rows, 50.0 % of anomalies."
    )
    [axes] = figure.axes
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["calibration rows", "normal rows", "anomalies"]


def test_histograms_add_up_to_all_rows(groups):
    figure = score_distribution(None, groups, None)
    [axes] = figure.axes
    assert figure.get_label() == (
        "Distribution of the scores of normal rows and anomalies."
    )
    lines = [patch for patch in axes.patches if not patch.get_fill()]
    for patch in lines:
        assert patch.get_data().values.sum() == pytest.approx(100)
    assert len(lines) == 2


@pytest.mark.parametrize(
    "scores", [np.zeros(5), np.array([3.0]), np.array([-2.0, 1e30])]
)
def test_degenerate_scores_are_drawn(scores):
    figure = score_distribution(scores, {"scored rows": scores}, scores[0])
    figure.canvas.draw()


def test_a_group_without_rows_is_left_out(groups):
    groups["anomalies"] = np.array([])
    assert "anomalies" not in score_distribution(None, groups, 1.0).get_label()
    groups = {"normal rows": np.array([0.2]), "anomalies": np.array([])}
    assert "anomalies" not in p_value_distribution(groups, 0.1).get_label()


def test_the_histogram_of_p_values_adds_up_to_all_rows():
    p_values = {"scored rows": np.linspace(0, 1, 41)}
    figure = p_value_distribution(p_values, 0.05)
    # 0, 1/40 and 2/40
    assert figure.get_label() == (
        "P-values: 7.3 % of scored rows are at most 0.05."
    )
    [patch] = figure.axes[0].patches
    assert patch.get_data().values.sum() == pytest.approx(100)


def test_the_roc_curve_agrees_with_hand_counts():
    labels = np.array([False, False, True, True])
    scores = {"ours": np.array([0, 2, 1, 3]), "k-NN": np.arange(4)}
    figure = detection_curves(labels, scores, at=(0.5, 1.0))
    assert figure.get_label() == (
        "ROC and precision-recall curves; AUC of ours 0.750, k-NN 1.000."
    )
    roc = figure.axes[0]
    ours = roc.get_lines()[0].get_xydata().tolist()
    # Thresholds: above 3 no row, at 3 one anomaly, at 2 a false alarm, at 1.
    assert ours == [[0, 0], [0, 50], [50, 50], [50, 100], [100, 100]]
    names = [text.get_text() for text in roc.get_legend().get_texts()]
    assert names == ["ours", "k-NN", "threshold"]
