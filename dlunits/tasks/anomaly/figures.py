"""Figures of scores, p-values and how well they tell anomalies."""

import numpy as np
import sklearn.metrics
from matplotlib.figure import Figure

from dlunits.reporting.style import BLUE, INK, PALE, VERMILLION, WIDTH, plain

BINS = 60
GRAYS = ("#777777", "#999999", "#b3b3b3", "#c9c9c9")
DASHES = ((0, (5, 2)), (0, (1, 1.2)), (0, (4, 2, 1, 2)), (0, (2, 2)))


def score_distribution(known, groups, threshold):
    """Draws how scores are spread, and where the threshold lies.

    Args:
        known: Numbers, scores of the known rows, or `None`.
        groups: Dict of name to the scores of the rows judged, `"scored rows"`
            or, with labels, `"normal"` and `"anomalies"`.
        threshold: Number, scores above it are called anomalous, or `None`.

    Returns:
        A `matplotlib.figure.Figure`.

    Example, three of four rows are above the threshold:

    >>> groups = {"judged": [0.0, 3.0, 4.0, 5.0]}
    >>> score_distribution([0.0, 0.5, 1.0], groups, 1.0).get_label()
    'Scores: above the threshold 1 are 0.0 % of known rows, 75.0 % of judged.'
    """
    if known is not None:
        groups = {"known rows": known, **groups}
    groups = {name: np.asarray(x, "float64") for name, x in groups.items()}
    groups = {name: x for name, x in groups.items() if len(x)}
    everything = np.concatenate(list(groups.values()))
    # The far end of few rows must not press all others into one bin.
    low, high = everything.min(), np.quantile(everything, 0.995) + 1e-6
    if threshold is not None:
        high = max(high, threshold + 0.2 * (threshold - low))
    bins = np.linspace(low, high, BINS + 1)
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots()
    colors = iter([BLUE, VERMILLION])
    for name, x in groups.items():
        counts, _ = np.histogram(np.minimum(x, high), bins)
        shares = 100 * counts / len(x)
        if name == "known rows":
            style = {"color": INK, "linestyle": ":"}
        else:
            style = {"color": next(colors)}
            axes.stairs(shares, bins, alpha=0.15, fill=True, **style)
        axes.stairs(shares, bins, linewidth=1.4, label=name, **style)
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(
            " threshold",
            (threshold, 1),
            xycoords=("data", "axes fraction"),
            va="top",
            fontsize=8,
            color=INK,
        )
    axes.set_xlabel("Anomaly score (the last bin holds all that lie beyond)")
    axes.set_ylabel("Share of rows, %")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_yticks([0, 1, 3, 10, 30, 100], ["0", "1", "3", "10", "30", "100"])
    axes.legend(frameon=False, fontsize=8)
    plain(axes)
    label = f"Spread of the scores of {' and '.join(groups)}."
    if threshold is not None:
        above = ", ".join(
            f"{100 * (x > threshold).mean():.1f} % of {name}"
            for name, x in groups.items()
        )
        label = f"Scores: above the threshold {threshold:.3g} are {above}."
    figure.set_label(label)
    return figure


def p_value_distribution(groups, false_alarm_rate):
    """Draws the shares of p-values; of normal rows each is as frequent.

    Args:
        groups: Dict of name to p-values, as `score_distribution`.
        false_alarm_rate: Number, p-values up to it are called anomalous.

    Returns:
        A `matplotlib.figure.Figure`.

    >>> groups = {"scored rows": [0.01, 0.2, 0.6, 0.9]}
    >>> p_value_distribution(groups, 0.05).get_label()
    'P-values: 25.0 % of scored rows are at most 0.05.'
    """
    groups = {name: np.asarray(p) for name, p in groups.items() if len(p)}
    bins = np.linspace(0, 1, 21)
    figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
    axes = figure.subplots()
    colors = (BLUE, VERMILLION)
    for (name, p), color in zip(groups.items(), colors, strict=False):
        shares = 100 * np.histogram(p, bins)[0] / len(p)
        axes.stairs(shares, bins, color=color, linewidth=1.4, label=name)
    axes.axhline(
        5,
        color=INK,
        linewidth=0.9,
        linestyle=(0, (4, 3)),
        label="rows like the known ones",
    )
    axes.set_xlabel("p-value")
    axes.set_ylabel("Share of rows, %")
    axes.legend(frameon=False, fontsize=8)
    plain(axes)
    below = ", ".join(
        f"{100 * (p <= false_alarm_rate).mean():.1f} % of {name}"
        for name, p in groups.items()
    )
    figure.set_label(f"P-values: {below} are at most {false_alarm_rate:g}.")
    return figure


def detection_curves(labels, scores, at=None):
    """Draws ROC and precision over recall, the first name before the others.

    Args:
        labels: Booleans `(rows,)`, true for an anomaly, of both kinds.
        scores: Dict of name to scores `(rows,)`.
        at: Pair of the false-alarm rate and the recall at the threshold, to
            mark it, or `None`.

    Returns:
        A `matplotlib.figure.Figure`.

    >>> scores = {"ours": [1, 2, 3], "PCA": [3, 2, 1]}
    >>> detection_curves([False, False, True], scores).get_label()
    'ROC and precision-recall curves; AUC of ours 1.000, PCA 0.000.'
    """
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    roc, precision = figure.subplots(1, 2)
    styles = [(BLUE, "-", 2.0)]
    styles += [(g, d, 1.3) for g, d in zip(GRAYS, DASHES, strict=True)]
    areas = []
    for (name, score), (color, line, width) in zip(
        scores.items(), styles, strict=False
    ):
        style = {"color": color, "linestyle": line, "linewidth": width}
        alarms, found, _ = sklearn.metrics.roc_curve(labels, score)
        roc.plot(100 * alarms, 100 * found, label=name, **style)
        right, found, _ = sklearn.metrics.precision_recall_curve(labels, score)
        precision.step(100 * found, 100 * right, where="post", **style)
        area = sklearn.metrics.roc_auc_score(labels, score)
        areas.append(f"{name} {area:.3f}")
    if at is not None and None not in at:
        roc.plot(100 * at[0], 100 * at[1], "o", color=VERMILLION)
        roc.plot([], [], "o", color=VERMILLION, label="threshold")
    roc.plot([0, 100], [0, 100], color=PALE, zorder=0)
    share = 100 * float(np.mean(labels))
    precision.plot([0, 100], [share, share], color=PALE, zorder=0)
    roc.set(xlabel="False alarms, % of normal rows", ylabel="Found, %")
    precision.set(
        xlabel="Found, % of anomalies",
        ylabel="Right, % of alarms",
        ylim=(0, 103),
    )
    roc.legend(frameon=False, fontsize=8)
    plain(roc)
    plain(precision)
    areas = ", ".join(areas)
    figure.set_label(f"ROC and precision-recall curves; AUC of {areas}.")
    return figure
