"""Parts of the report of a search for anomalies."""

import numpy as np

from dlunits.metrics.detection_quality import detection_quality
from dlunits.reporting.html_report import Section
from dlunits.reporting.image_grid import image_rows
from dlunits.tasks.anomaly.figures import (
    detection_curves,
    p_value_distribution,
    score_distribution,
)
from dlunits.tasks.anomaly.series_figures import scored_series

SHOWN_COLUMNS = 200
OURS = "AnomalyDetector"


def of_quality(quality):
    """What labels say, for the head of the report."""
    names = {
        "AUC": lambda value: round(value, 4),
        "AP": lambda value: round(value, 4),
        "false_alarm_rate": percent,
        "recall": percent,
        "VUS-PR": lambda value: round(value, 4),
        "range_precision": lambda value: round(value, 4),
        "range_recall": lambda value: round(value, 4),
    }
    titles = {
        "false_alarm_rate": "False alarms",
        "recall": "Anomalies found",
        "range_precision": "Precision of ranges",
        "range_recall": "Recall of ranges",
    }
    return {
        titles.get(name, name): show(quality[name])
        for name, show in names.items()
        if quality.get(name) is not None
    }


def series_sections(series):
    """A series with its scores and alarms."""
    if series is None:
        return []
    return [
        Section(
            "The series",
            "A row has the mean score and the mean p-value of the windows that "
            "cover it. What a window should be like is told in features: its "
            "points are what is left of the values after what is usual at the "
            "time, in usual spreads.",
            figures=[
                (
                    scored_series(**series),
                    "Lowest and highest values of each stretch of time, and "
                    "the scores below. Alarms are marked; labels are gray.",
                )
            ],
        )
    ]


def strangest_sections(scored, images):
    """The strangest rows with their causes, or the images they describe."""
    top = scored.top
    if images is None:
        return [
            Section(
                "The strangest rows",
                "Beside each the columns that speak most against it: what "
                "stands there, what was expected beside the other columns, "
                "and their share of what is strange.",
                table=top_rows(top, scored.counted),
            )
        ]
    half = -(-len(top["row"]) // 2)
    strangest = images[top["row"][: 2 * half]] / 255
    rows = {"strangest": strangest[:half]}
    if len(strangest) == 2 * half:
        rows["next"] = strangest[half:]
    return [
        Section(
            "The strangest images",
            figures=[
                (
                    image_rows(rows),
                    "From the left, the strangest first: rows "
                    f"{', '.join(map(str, top['place']))} of the scored table.",
                )
            ],
        )
    ]


def distribution_sections(scored, known, num_known, false_alarm_rate):
    """How scores and p-values are spread, and the strangest rows."""
    verdicts = scored.verdicts.columns
    groups = {"scored rows": slice(None)}
    if "label" in verdicts:
        labels = verdicts["label"]
        groups = {"normal rows": ~labels, "anomalies": labels}
    of_scores, of_p_values = (
        {name: verdicts[key][rows] for name, rows in groups.items()}
        for key in ("anomaly_score", "p_value")
    )
    threshold, text = None, ""
    of_whom = "Scores of the scored rows."
    if known is not None:
        threshold = threshold_of(known, false_alarm_rate, num_known)
        text = (
            "The known rows set what is usual, each scored as if it were new: "
            f"{percent(false_alarm_rate)} of rows like them lie above the "
            "threshold. "
        )
        of_whom = "Scores of known and of scored rows."
    if len(scored.verdicts) < scored.rows:
        text += f"Drawn from {len(scored.verdicts):,} rows taken at random."
    return [
        Section(
            "Scores",
            text.strip(),
            figures=[
                (score_distribution(known, of_scores, threshold), of_whom),
                (
                    p_value_distribution(of_p_values, false_alarm_rate),
                    "Of rows like the known ones, each p-value is as frequent "
                    "as any other; anomalies crowd at the left.",
                ),
            ],
        ),
    ]


def threshold_of(known, false_alarm_rate, num_known=None):
    """The score above which a row is called anomalous, nearly.

    Of n known rows k may be at least as strange as the row, with
    (1 + k) / (1 + n) <= rate; so it must be stranger than the (k + 1)-th.
    Nearly, because a row has a score for each fold, of which this is the mean,
    and `known` may be some of the n scores, evenly spaced in their order.

    >>> threshold_of([1, 2, 3, 4], 0.4)  # k = 1
    3.0
    >>> threshold_of([1, 3, 5, 7, 9], 0.2, num_known=9)  # k = 1
    8.0
    """
    number = num_known or len(known)
    as_strange = max(0, int(false_alarm_rate * (1 + number) + 1e-9) - 1)
    ranks = np.linspace(0, number - 1, len(known)).round()
    return float(np.interp(number - 1 - as_strange, ranks, np.sort(known)))


def quality_sections(scored, baselines):
    """How well anomalies are found, beside other detectors."""
    verdicts = scored.verdicts.columns
    if "label" not in verdicts:
        return []
    labels = verdicts["label"]
    if labels.all() or not labels.any():
        kind = "anomalies" if labels.all() else "normal rows"
        return [
            Section(
                "How many are found",
                f"All rows that were looked at are {kind} by their labels: "
                "there is nothing to tell apart, and so no AUC.",
            )
        ]
    scores = {OURS: verdicts["anomaly_score"], **baselines}
    table = []
    for name, of_name in scores.items():
        quality = detection_quality(labels, of_name)
        table.append([name, round(quality["AUC"], 4), round(quality["AP"], 4)])
    text = (
        f"By the labels of {len(labels):,} rows, {int(labels.sum()):,} of them "
        "anomalies. The label was not learnt from."
    )
    if baselines:
        text += (
            " The other detectors learnt from the same rows, at most 20,000 "
            "of them."
        )
    at = scored.quality["false_alarm_rate"], scored.quality["recall"]
    return [
        Section(
            "How many are found",
            text,
            table=(["Detector", "AUC", "Average precision"], table),
            figures=[
                (
                    detection_curves(labels, scores, at),
                    "What is found at each rate of false alarms, and how many "
                    "alarms are right.",
                )
            ],
        )
    ]


def columns_section(kinds, reasons):
    """Which columns were used as what."""
    rows = [
        {
            "column": name,
            "taken as": kind.replace("_", " "),
            "why": reasons.get(name, ""),
        }
        for name, kind in list(kinds.items())[:SHOWN_COLUMNS]
    ]
    used = sum(kind != "ignored" for kind in kinds.values())
    text = f"{used:,} of {len(kinds):,} columns are used."
    if len(kinds) > SHOWN_COLUMNS:
        text += f" The first {SHOWN_COLUMNS} are shown."
    return Section("Columns", text, table=rows)


def top_rows(top, counted):
    """The strangest rows as a table, with a sentence for each cause.

    Args:
        top: Dict of arrays, see
            `dlunits.tasks.anomaly.score_table.TableScorer`.
        counted: Text, what `place` counts: `"line"` or `"row"`.

    Returns:
        List of dicts.

    Example:

    >>> top = {
    ...     "place": np.array([17]),
    ...     "anomaly_score": np.array([4.0]),
    ...     "p_value": np.array([0.01]),
    ...     "column": np.array([["speed"]], object),
    ...     "expected": np.array([["1.5"]], object),
    ...     "seen": np.array([["9"]], object),
    ...     "share": np.array([[0.75]]),
    ... }
    >>> top_rows(top, "line")[0]["cause 1"]
    'speed is 9, expected 1.5 (75 %)'
    """
    rows = []
    for index, place in enumerate(top["place"]):
        row = {
            counted: str(place),
            "score": round(float(top["anomaly_score"][index]), 3),
            "p-value": float(top["p_value"][index]),
        }
        if "label" in top:
            row["label"] = "anomaly" if top["label"][index] else "normal"
        for rank, column in enumerate(top["column"][index]):
            seen, expected = (top[n][index][rank] for n in ("seen", "expected"))
            share = 100 * float(top["share"][index][rank])
            row[f"cause {rank + 1}"] = (
                f"{column} is {seen}, expected {expected} ({share:.0f} %)"
            )
        rows.append(row)
    return rows


def percent(share):
    """0.012 -> 1.2 %"""
    return f"{100 * share:.3g} %"
