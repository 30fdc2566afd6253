"""Figures of anomaly scores, p-values, ROC and precision-recall curves."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import sklearn.metrics
from matplotlib.figure import Figure

from dlunits.reporting.style import (
    BLUE,
    LIGHT_GRAY,
    TEXT_COLOR,
    VERMILLION,
    WIDTH,
    style_axes,
)
from dlunits.typing import ArrayLike

BINS = 60
CALIBRATION = "calibration rows"
GRAYS = ("#777777", "#999999", "#b3b3b3", "#c9c9c9")
DASHES = ((0, (5, 2)), (0, (1, 1.2)), (0, (4, 2, 1, 2)), (0, (2, 2)))


def score_distribution(
    calibration_scores: ArrayLike | None,
    groups: Mapping[str, ArrayLike],
    threshold: float | None,
) -> Figure:
    """Histograms of anomaly scores, with the threshold.

    Args:
        calibration_scores: Scores of the calibration rows, or `None`.
        groups: Dict of name to scores: `"scored rows"` or, with labels,
            `"normal rows"` and `"anomalies"`.
        threshold: Rows with a higher score are flagged, or `None`.

    Returns:
        The figure. Its label describes it in words.

    Example, three of four rows are above the threshold:

    >>> groups = {"new rows": [0.0, 3.0, 4.0, 5.0]}
    >>> figure = score_distribution([0.0, 0.5, 1.0], groups, 1.0)
    >>> figure.get_label()  # doctest: +NORMALIZE_WHITESPACE
    'Scores above the threshold 1: 0.0 % of calibration rows, 75.0 % of new
    rows.'
    """
    if calibration_scores is not None:
        groups = {CALIBRATION: calibration_scores, **groups}
    arrays = {name: np.asarray(x, "float64") for name, x in groups.items()}
    arrays = {name: x for name, x in arrays.items() if len(x)}
    all_scores = np.concatenate(list(arrays.values()))
    # Without a limit, few very high scores leave one bin for all others.
    low, high = all_scores.min(), np.quantile(all_scores, 0.995) + 1e-6
    if threshold is not None:
        high = max(high, threshold + 0.2 * (threshold - low))
    bins = np.linspace(low, high, BINS + 1)
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots()
    colors = iter([BLUE, VERMILLION])
    for name, x in arrays.items():
        counts, _ = np.histogram(np.minimum(x, high), bins)
        shares = 100 * counts / len(x)
        if name == CALIBRATION:
            style: dict[str, Any] = {"color": TEXT_COLOR, "linestyle": ":"}
        else:
            style = {"color": next(colors)}
            axes.stairs(shares, bins, alpha=0.15, fill=True, **style)
        axes.stairs(shares, bins, linewidth=1.4, label=name, **style)
    if threshold is not None:
        axes.axvline(
            threshold, color=TEXT_COLOR, linewidth=0.9, linestyle=(0, (4, 3))
        )
        axes.annotate(
            " threshold",
            (threshold, 1),
            xycoords=("data", "axes fraction"),
            va="top",
            fontsize=8,
            color=TEXT_COLOR,
        )
    axes.set_xlabel("Anomaly score (the last bin includes all higher scores)")
    axes.set_ylabel("Share of rows, %")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_yticks([0, 1, 3, 10, 30, 100], ["0", "1", "3", "10", "30", "100"])
    axes.legend(frameon=False, fontsize=8)
    style_axes(axes)
    label = f"Distribution of the scores of {' and '.join(arrays)}."
    if threshold is not None:
        above = ", ".join(
            f"{100 * (x > threshold).mean():.1f} % of {name}"
            for name, x in arrays.items()
        )
        label = f"Scores above the threshold {threshold:.3g}: {above}."
    figure.set_label(label)
    return figure


def p_value_distribution(
    groups: Mapping[str, ArrayLike], false_alarm_rate: float
) -> Figure:
    """Histograms of p-values, with the uniform distribution.

    Args:
        groups: Dict of name to p-values, see `score_distribution`.
        false_alarm_rate: Rows with a p-value of at most this rate are flagged.

    Returns:
        The figure. Its label describes it in words.

    Example:

    >>> groups = {"scored rows": [0.01, 0.2, 0.6, 0.9]}
    >>> p_value_distribution(groups, 0.05).get_label()
    'P-values: 25.0 % of scored rows are at most 0.05.'
    """
    arrays = {name: np.asarray(p) for name, p in groups.items()}
    arrays = {name: p for name, p in arrays.items() if len(p)}
    bins = np.linspace(0, 1, 21)
    figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
    axes = figure.subplots()
    colors = (BLUE, VERMILLION)
    for (name, p), color in zip(arrays.items(), colors, strict=False):
        shares = 100 * np.histogram(p, bins)[0] / len(p)
        axes.stairs(shares, bins, color=color, linewidth=1.4, label=name)
    axes.axhline(
        5,
        color=TEXT_COLOR,
        linewidth=0.9,
        linestyle=(0, (4, 3)),
        label="uniform (normal rows)",
    )
    axes.set_xlabel("p-value")
    axes.set_ylabel("Share of rows, %")
    axes.legend(frameon=False, fontsize=8)
    style_axes(axes)
    below = ", ".join(
        f"{100 * (p <= false_alarm_rate).mean():.1f} % of {name}"
        for name, p in arrays.items()
    )
    figure.set_label(f"P-values: {below} are at most {false_alarm_rate:g}.")
    return figure


def detection_curves(
    labels: ArrayLike,
    scores: Mapping[str, ArrayLike],
    at: tuple[float | None, float | None] | None = None,
) -> Figure:
    """ROC and precision-recall curves of several detectors.

    Args:
        labels: Booleans `(rows,)`, true for an anomaly; both values occur.
        scores: Dict of detector name to scores `(rows,)`, at most five. The
            first one is highlighted.
        at: False-alarm rate and recall at the threshold, which is marked, or
            `None`.

    Returns:
        The figure. Its label describes it in words.

    Example:

    >>> scores = {"ours": [1, 2, 3], "PCA": [3, 2, 1]}
    >>> detection_curves([False, False, True], scores).get_label()
    'ROC and precision-recall curves; AUC of ours 1.000, PCA 0.000.'
    """
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    roc, precision = figure.subplots(1, 2)
    styles: list[dict] = [{"color": BLUE, "linestyle": "-", "linewidth": 2.0}]
    styles += [
        {"color": gray, "linestyle": dashes, "linewidth": 1.3}
        for gray, dashes in zip(GRAYS, DASHES, strict=True)
    ]
    areas = []
    for (name, score), style in zip(scores.items(), styles, strict=False):
        false_alarms, recall, _ = sklearn.metrics.roc_curve(labels, score)
        roc.plot(100 * false_alarms, 100 * recall, label=name, **style)
        precisions, recall, _ = sklearn.metrics.precision_recall_curve(
            labels, score
        )
        precision.step(100 * recall, 100 * precisions, where="post", **style)
        area = sklearn.metrics.roc_auc_score(labels, score)
        areas.append(f"{name} {area:.3f}")
    if at is not None and at[0] is not None and at[1] is not None:
        roc.plot(100 * at[0], 100 * at[1], "o", color=VERMILLION)
        roc.plot([], [], "o", color=VERMILLION, label="threshold")
    roc.plot([0, 100], [0, 100], color=LIGHT_GRAY, zorder=0)
    share = 100 * float(np.asarray(labels).mean())
    precision.plot([0, 100], [share, share], color=LIGHT_GRAY, zorder=0)
    roc.set(xlabel="False-alarm rate, %", ylabel="Recall, %")
    precision.set(
        xlabel="Recall, %",
        ylabel="Precision, %",
        ylim=(0, 103),
    )
    roc.legend(frameon=False, fontsize=8)
    style_axes(roc)
    style_axes(precision)
    figure.set_label(
        f"ROC and precision-recall curves; AUC of {', '.join(areas)}."
    )
    return figure
