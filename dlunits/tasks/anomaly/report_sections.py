"""Sections of the report of anomaly detection."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dlunits.metrics.detection_quality import detection_quality
from dlunits.models.anomaly.table_drift import TableDrift
from dlunits.reporting.html_report import Section
from dlunits.reporting.image_grid import image_rows
from dlunits.tasks.anomaly.detector_summary import DetectorSummary
from dlunits.tasks.anomaly.figures import (
    detection_curves,
    p_value_distribution,
    score_distribution,
)
from dlunits.tasks.anomaly.score_table import TableScorer
from dlunits.tasks.anomaly.series_figures import scored_series
from dlunits.typing import Array, ArrayLike

MAX_LISTED_COLUMNS = 200
MAX_LISTED_SERIES = 50
MAX_DRIFT_COLUMNS = 20
DETECTOR = "AnomalyDetector"


def format_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Detection metrics with the names and rounding of the report.

    Args:
        metrics: Dict of metric name to value, see `TableScorer.metrics`.

    Returns:
        Dict of heading to value, without metrics that are `None`.

    Example:

    >>> format_metrics({"AUC": 0.98765, "recall": 0.5})
    {'AUC': 0.9877, 'Recall': '50 %'}
    """

    def rounded(value: float) -> float:
        return round(value, 4)

    formats = {
        "AUC": ("AUC", rounded),
        "AP": ("Average precision", rounded),
        "false_alarm_rate": ("False-alarm rate", percent),
        "recall": ("Recall", percent),
        "false_discovery_rate": ("False discovery rate", percent),
        "VUS-PR": ("VUS-PR", rounded),
        "range_precision": ("Range precision", rounded),
        "range_recall": ("Range recall", rounded),
    }
    return {
        heading: show(metrics[name])
        for name, (heading, show) in formats.items()
        if metrics.get(name) is not None
    }


def series_sections(
    series: Mapping[str, Mapping[str, Any]], table: list[dict[str, Any]]
) -> list[Section]:
    """Section with figures of series, their scores and their alarms.

    Args:
        series: Dict of name to the arguments of `scored_series`.
        table: Results of each series of a table with many.

    Returns:
        List of one section, or of none without series.
    """
    if not series:
        return []
    text = (
        "The score and the p-value of a row are means over the windows that "
        "cover it. Explanations name features of windows: points are "
        "residuals from the seasonal profile, in units of its spread."
    )
    if table:
        text += (
            " Each series has its own profile and spread. Its windows are "
            "compared with its own calibration windows if there are enough of "
            "them for the false-alarm rate, else with those of all series."
        )
        table = sorted(table, key=lambda row: -row["alarms"])
        if len(table) > MAX_LISTED_SERIES:
            text += (
                f" The {MAX_LISTED_SERIES} of {len(table):,} series with the "
                "most alarms are listed."
            )
    figures = [
        (
            scored_series(**arguments),
            f"{f'Series {name}. ' if name else ''}Minimum and maximum of the "
            "values in each interval of time, with the scores below. Alarms "
            "are colored, labeled anomalies are gray.",
        )
        for name, arguments in series.items()
    ]
    return [
        Section(
            "Time series",
            text,
            table=table[:MAX_LISTED_SERIES],
            figures=figures,
        )
    ]


def score_section(scorer: TableScorer, summary: DetectorSummary) -> Section:
    """Section with the distributions of scores and p-values.

    Args:
        scorer: Scorer of a table, after it scored all rows.
        summary: Summary of the detector.

    Returns:
        The section.
    """
    sample = scorer.sample.columns
    groups: dict[str, Any] = {"scored rows": slice(None)}
    if "label" in sample:
        labels = sample["label"]
        groups = {"normal rows": ~labels, "anomalies": labels}
    scores, p_values = (
        {name: sample[key][rows] for name, rows in groups.items()}
        for key in ("anomaly_score", "p_value")
    )
    threshold = None
    text = "Scores have no unit; those of normal rows are near 0. "
    caption = "Scores of the scored rows."
    calibration_scores = summary.calibration_scores
    if calibration_scores is not None:
        threshold = score_threshold(
            calibration_scores, scorer.threshold, summary.num_calibration_rows
        )
        text += (
            "The calibration rows are normal rows, each scored by models "
            f"that were not trained on it. {percent(scorer.threshold)} of new "
            "rows from the same distribution have a score above the "
            "threshold. "
        )
        caption = "Scores of calibration rows and of scored rows."
    if len(scorer.sample) < scorer.num_rows:
        text += f"Figures of a random sample of {len(scorer.sample):,} rows."
    return Section(
        "Anomaly scores and p-values",
        text.strip(),
        figures=[
            (
                score_distribution(calibration_scores, scores, threshold),
                caption,
            ),
            (
                p_value_distribution(p_values, scorer.threshold),
                "P-values of normal rows are uniformly distributed; those of "
                "anomalies are close to 0.",
            ),
        ],
    )


def top_section(scorer: TableScorer, images: Array | None) -> Section:
    """Section with the most anomalous rows, or the images they describe.

    Args:
        scorer: Scorer of a table, after it scored all rows.
        images: Images that the rows describe, uint8
            `(rows, height, width, 1)`, or `None`.

    Returns:
        The section.
    """
    top = scorer.top
    if images is None:
        return Section(
            "Most anomalous rows",
            "Each row with the columns that differ most from similar normal "
            "rows: the value, the value expected from these rows, and in "
            "parentheses the share of the column in the squared difference.",
            table=top_rows(top, scorer.position_unit),
        )
    half = -(-len(top["row"]) // 2)
    shown = images[top["row"][: 2 * half]] / 255
    rows = {"most anomalous": shown[:half]}
    if len(shown) == 2 * half:
        rows["next"] = shown[half:]
    return Section(
        "Most anomalous images",
        figures=[
            (
                image_rows(rows),
                "From left to right by decreasing score: rows "
                f"{', '.join(map(str, top['position']))} of the scored table.",
            )
        ],
    )


def score_threshold(
    calibration_scores: ArrayLike,
    false_alarm_rate: float,
    num_rows: int | None = None,
) -> float:
    """Anomaly score above which a row is flagged, approximately.

    Of n calibration rows, k may have a score at least as high as the row,
    with (1 + k) / (1 + n) <= rate. So the row must have a higher score than
    the (k + 1)-th highest. The threshold is approximate because a new row has
    one score per fold, of which its score is the mean, and because the
    calibration scores may be a subset.

    Args:
        calibration_scores: The n scores, or a subset that is evenly spaced in
            their order.
        false_alarm_rate: Number in (0, 1).
        num_rows: The number n. Default: the number of scores.

    Returns:
        The threshold.

    Example:

    >>> score_threshold([1, 2, 3, 4], 0.4)  # k = 1
    3.0
    >>> score_threshold([1, 3, 5, 7, 9], 0.2, num_rows=9)  # k = 1
    8.0
    """
    scores = np.sort(calibration_scores)
    number = num_rows or len(scores)
    higher = max(0, int(false_alarm_rate * (1 + number) + 1e-9) - 1)
    ranks = np.linspace(0, number - 1, len(scores)).round()
    return float(np.interp(number - 1 - higher, ranks, scores))


def quality_sections(
    scorer: TableScorer, baselines: Mapping[str, ArrayLike]
) -> list[Section]:
    """Section with AUC, average precision and curves, and the baselines.

    Args:
        scorer: Scorer of a table, after it scored all rows.
        baselines: Dict of name to scores of the rows in `scorer.sample`.

    Returns:
        List of one section, or of none without labels.
    """
    sample = scorer.sample.columns
    if "label" not in sample:
        return []
    labels = sample["label"]
    if labels.all() or not labels.any():
        label = "anomalies" if labels.all() else "normal"
        return [
            Section(
                "Detection quality",
                f"All sampled rows are labeled as {label}. AUC and average "
                "precision need labels of both classes.",
            )
        ]
    scores = {DETECTOR: sample["anomaly_score"], **baselines}
    table = []
    for name, values in scores.items():
        quality = format_metrics(detection_quality(labels, values))
        table.append([name, quality["AUC"], quality["Average precision"]])
    text = (
        f"Evaluated on {len(labels):,} labeled rows, {int(labels.sum()):,} of "
        "them anomalies. The label is not an input of the detector. AUC, the "
        "area under the ROC curve, is the probability that an anomaly has a "
        "higher score than a normal row (0.5 is chance). Average precision "
        "is the area under the precision-recall curve. The false-alarm rate "
        "is the fraction of normal rows that are flagged, recall that of "
        "anomalies, and the false discovery rate the fraction of flagged "
        "rows that are normal."
    )
    if scorer.metrics.get("VUS-PR") is not None:
        text += (
            " VUS-PR is that area, averaged over tolerances of up to one "
            "window at the ends of anomalies."
        )
    if scorer.metrics.get("range_recall") is not None:
        text += (
            " Range precision and range recall count ranges of consecutive "
            "rows, each with the same weight."
        )
    if baselines:
        text += (
            " The baselines are trained on the same rows, on at most 20,000 "
            "of them."
        )
    at = scorer.metrics["false_alarm_rate"], scorer.metrics["recall"]
    return [
        Section(
            "Detection quality and baselines"
            if baselines
            else "Detection quality",
            text,
            table=(["Detector", "AUC", "Average precision"], table),
            figures=[
                (
                    detection_curves(labels, scores, at),
                    "Left: ROC curve. Right: precision-recall curve.",
                )
            ],
        )
    ]


def drift_sections(drift: TableDrift | None) -> list[Section]:
    """Section with the columns that differ most from the training table.

    Args:
        drift: `TableDrift` of the scored table, or `None`.

    Returns:
        List of one section, or of none without rows.
    """
    if drift is None or not drift.num_rows:
        return []
    rows = [
        {
            "column": column.name,
            "PSI": round(column.index, 3),
            "bound": round(column.bound, 3),
            "drift": "yes" if column.has_drifted else "no",
            "largest change": column.change,
        }
        for column in drift.columns[:MAX_DRIFT_COLUMNS]
    ]
    verdicts = ". ".join(line[0].upper() + line[1:] for line in drift.messages)
    return [
        Section(
            "Drift from the training data",
            f"{verdicts}. The population stability index (PSI) compares the "
            "distribution of a column with that of the training rows; 0 "
            "means equal. A column has drifted if its index is above the "
            "bound: 0.2, or more if there are so few rows that larger "
            "indices are likely by chance.",
            table=rows,
        )
    ]


def columns_section(
    column_types: Mapping[str, str], ignored: Mapping[str, str]
) -> Section:
    """Section with the type of each column.

    Args:
        column_types: Dict of column name to column type.
        ignored: Dict of column name to the reason why it is ignored.

    Returns:
        The section.
    """
    rows = [
        {
            "column": name,
            "type": column_type.replace("_", " "),
            "reason": ignored.get(name, ""),
        }
        for name, column_type in list(column_types.items())[:MAX_LISTED_COLUMNS]
    ]
    used = sum(
        column_type != "ignored" for column_type in column_types.values()
    )
    text = f"{used:,} of {len(column_types):,} columns are used."
    if len(column_types) > MAX_LISTED_COLUMNS:
        text += f" The first {MAX_LISTED_COLUMNS} are shown."
    return Section("Columns", text, table=rows)


def top_rows(
    top: Mapping[str, Array], position_unit: str
) -> list[dict[str, Any]]:
    """Table of the most anomalous rows, with a sentence for each explanation.

    Args:
        top: Dict of arrays, see `TableScorer`.
        position_unit: What `position` counts: `"line"` or `"row"`.

    Returns:
        List of dicts, one per row.

    Example:

    >>> top = {
    ...     "position": np.array([17]),
    ...     "anomaly_score": np.array([4.0]),
    ...     "p_value": np.array([0.01]),
    ...     "column": np.array([["speed"]], object),
    ...     "expected": np.array([["1.5"]], object),
    ...     "seen": np.array([["9"]], object),
    ...     "share": np.array([[0.75]]),
    ... }
    >>> top_rows(top, "line")[0]["explanation 1"]
    'speed is 9, expected 1.5 (75 %)'
    """
    rows = []
    for index, position in enumerate(top["position"]):
        row: dict[str, Any] = {
            position_unit: str(position),
            "score": round(float(top["anomaly_score"][index]), 3),
            "p-value": float(top["p_value"][index]),
        }
        if "label" in top:
            row["label"] = "anomaly" if top["label"][index] else "normal"
        for rank, column in enumerate(top["column"][index]):
            seen, expected = (top[n][index][rank] for n in ("seen", "expected"))
            share = 100 * float(top["share"][index][rank])
            row[f"explanation {rank + 1}"] = (
                f"{column} is {seen}, expected {expected} ({share:.0f} %)"
            )
        rows.append(row)
    return rows


def percent(share: float) -> str:
    """Number in [0, 1] as a percentage with three significant digits.

    >>> percent(0.01234)
    '1.23 %'
    """
    return f"{100 * share:.3g} %"
