"""The report of a table that was searched for anomalies."""

from dlunits.reporting.figures import training_curves
from dlunits.reporting.html_report import Section, write_report
from dlunits.tasks.anomaly.report_sections import (
    columns_section,
    distribution_sections,
    of_quality,
    percent,
    quality_sections,
    series_sections,
    strangest_sections,
)


def write_anomaly_report(
    path,
    *,
    name,
    false_alarm_rate,
    kinds,
    reasons=None,
    known=None,
    num_known=None,
    scored=None,
    baselines=None,
    history=None,
    images=None,
    command,
    source,
    seconds=None,
):
    """Writes how strange rows are, which are the strangest, and why.

    The spread of scores and p-values with the threshold, the strangest rows
    with the columns that make them so; with labels, how well anomalies are
    found beside other detectors; the training curve and the columns.

    Args:
        path: HTML file to write, in a folder that exists.
        name: Text, of what was learnt.
        false_alarm_rate: Number, p-values up to it are called anomalous.
        kinds: Dict of column name to kind.
        reasons: Dict of column name to why it is ignored, or `None`.
        known: Scores of the known rows, each as if it were new, or `None`.
            They may be some of them, evenly spaced in their order.
        num_known: Integer, how many rows are known, if `known` are some.
        scored: `dlunits.tasks.anomaly.score_table.TableScorer` after it scored
            a table, or `None`.
        baselines: Dict of name to what other detectors say of the rows in
            `scored.verdicts`, or `None`.
        history: Dict of metric name to its values, one an epoch, or `None`.
        images: Of rows that describe images, uint8
            `(rows, height, width, 1)`, or `None`.
        command: Text, the command that made the run.
        source: Text, what was learnt from.
        seconds: Number, how long it took.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    summary, sections = {}, []
    if known is not None and num_known is None:
        num_known = len(known)
    if scored is not None:
        summary = {
            "Rows scored": scored.rows,
            "Called anomalous": scored.alarms,
            **of_quality(scored.quality),
        }
        sections = [
            *series_sections(scored.series),
            *distribution_sections(scored, known, num_known, false_alarm_rate),
            *strangest_sections(scored, images),
            *quality_sections(scored, baselines or {}),
        ]
    summary["False alarms allowed"] = percent(false_alarm_rate)
    if num_known is not None:
        summary["Rows calibrated by"] = num_known
    if history and history.get("loss"):
        sections.append(
            Section(
                "Training",
                "The mean loss of the autoencoders, each on the rows of the "
                "folds that are not its own.",
                figures=[(training_curves(history), "One point an epoch.")],
            )
        )
    if images is None:
        sections.append(columns_section(kinds, reasons or {}))
    return write_report(
        path,
        title=f"Anomalies beside {name}",
        summary=summary,
        sections=sections,
        command=command,
        dataset=source,
        seconds=seconds,
    )
