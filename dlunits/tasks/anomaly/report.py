"""HTML report of anomaly detection in a table, a series or images."""

import pathlib
from collections.abc import Mapping

from dlunits.reporting.html_report import write_report
from dlunits.tasks.anomaly.detector_summary import DetectorSummary
from dlunits.tasks.anomaly.report_sections import (
    columns_section,
    drift_sections,
    format_metrics,
    percent,
    quality_sections,
    score_section,
    series_sections,
    top_section,
)
from dlunits.tasks.anomaly.score_table import TableScorer
from dlunits.typing import Array, ArrayLike, Path


def write_anomaly_report(
    path: Path,
    *,
    name: str,
    false_alarm_rate: float,
    summary: DetectorSummary,
    scorer: TableScorer | None = None,
    baselines: Mapping[str, ArrayLike] | None = None,
    images: Array | None = None,
    command: str,
    seconds: float | None = None,
) -> pathlib.Path:
    """Writes the report of a detector and of the table that it scored.

    Sections: distribution of scores and p-values with the threshold; the most
    anomalous rows with the columns that explain them; with labels, ROC and
    precision-recall curves compared with the baselines; drift from the
    training table; the columns.

    Args:
        path: HTML file to write, in an existing folder.
        name: Name of the run.
        false_alarm_rate: Rows with a p-value of at most this rate are flagged,
            unless the scorer bounds the false discovery rate.
        summary: Summary of the detector.
        scorer: Scorer of a table, after it scored all rows, or `None`.
        baselines: Dict of name to scores of the rows in `scorer.sample`, or
            `None`.
        images: Images that the rows describe, uint8
            `(rows, height, width, 1)`, or `None`.
        command: Command line of the run.
        seconds: Duration of the run in seconds, or `None`.

    Returns:
        Path of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    numbers: dict[str, object] = {}
    sections = []
    if scorer is not None:
        numbers = {
            "Rows scored": scorer.num_rows,
            "Rows flagged as anomalous": scorer.num_anomalies,
            **format_metrics(scorer.metrics),
        }
        sections = [
            *series_sections(scorer.series, scorer.series_table),
            score_section(scorer, summary),
            top_section(scorer, images),
            *quality_sections(scorer, baselines or {}),
            *drift_sections(scorer.drift),
        ]
    if scorer is not None and scorer.fdr is not None:
        numbers["Rows are flagged by"] = scorer.selection
    else:
        numbers["Target false-alarm rate"] = percent(false_alarm_rate)
    if summary.num_calibration_rows is not None:
        numbers["Calibration rows"] = summary.num_calibration_rows
    if images is None:
        sections.append(columns_section(summary.column_types, summary.ignored))
    return write_report(
        path,
        title=f"Anomaly detection: {name}",
        summary=numbers,
        sections=sections,
        command=command,
        dataset=summary.source,
        seconds=seconds,
    )
