"""Report of anomaly detection, with numbers checked by hand."""

import dataclasses
import re
import types

import numpy as np
import pytest

from dlunits.metrics.detection_quality import detection_quality
from dlunits.models import TableSchema
from dlunits.models.anomaly.table_drift import TableDrift
from dlunits.tasks.anomaly.detector_summary import DetectorSummary
from dlunits.tasks.anomaly.report import write_anomaly_report

RATE = 0.01
COLUMN_TYPES = {
    "speed": "number",
    "born": "timestamp_day_first",
    "<id>": "ignored",
}


def scored(labels):
    """Scorer of five rows, of which the last two are flagged."""
    scores = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    sampled = {"anomaly_score": scores, "p_value": 0.5 - scores / 10}
    top = {
        "position": np.array([6, 5]),
        "row": np.array([4, 3]),
        "anomaly_score": scores[:2:-1],
        "p_value": sampled["p_value"][:2:-1],
        "column": np.array([["speed"], ["born"]], object),
        "expected": np.array([["1.5"], ["Mon 03:00"]], object),
        "seen": np.array([["<b>9"], ["missing"]], object),
        "share": np.array([[0.75], [1.0]]),
    }
    metrics = {}
    if labels is not None:
        labels = np.array(labels, bool)
        sampled["label"] = labels
        top["label"] = labels[:2:-1]
        metrics = detection_quality(labels, scores, scores >= 3)

    class Sample:
        columns = sampled

        def __len__(self):
            return 5

    return types.SimpleNamespace(
        num_rows=1000,
        num_anomalies=200,
        fdr=None,
        drift=None,
        threshold=RATE,
        sample=Sample(),
        top=top,
        position_unit="line",
        metrics=metrics,
        series={},
        series_table=[],
    )


SUMMARY = DetectorSummary(
    "<pump>.csv: 100 rows",
    COLUMN_TYPES,
    {"<id>": "counts the rows"},
    np.arange(100.0),
    100,
)

UNKNOWN = DetectorSummary("a model", COLUMN_TYPES)


def report(tmp_path, summary=SUMMARY, **options):
    path = write_anomaly_report(
        tmp_path / "report.html",
        **{
            "name": "pump",
            "false_alarm_rate": RATE,
            "summary": summary,
            "command": "python apps/anomaly_detection.py --train=<pump>.csv",
            "seconds": 83,
        }
        | options,
    )
    assert path == tmp_path / "report.html"
    return path.read_text()


def headings(html):
    return re.findall(r"<h2.*?>(.*?)</h2>", html)


def numbers(html):
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html))


LABELS = [False, False, True, False, True]


def test_sections_come_in_order(tmp_path):
    html = report(tmp_path, scorer=scored(LABELS))
    assert headings(html) == [
        "Anomaly scores and p-values",
        "Most anomalous rows",
        "Detection quality",
        "Columns",
        "Run details",
    ]
    assert "<h1>Anomaly detection: pump</h1>" in html
    assert "1 min 23 s" in html
    assert "--train=&lt;pump&gt;.csv" in html
    assert "Figures of a random sample of 5 rows." in html


def test_the_summary_has_counts_and_metrics(tmp_path):
    # Of the six pairs of an anomaly and a normal row, one is in wrong order.
    assert numbers(report(tmp_path, scorer=scored(LABELS))) == {
        "Rows scored": "1,000",
        "Rows flagged as anomalous": "200",
        "AUC": "0.8333",
        "Average precision": "0.8333",  # (1 / 1 + 2 / 3) / 2
        "False-alarm rate": "33.3 %",
        "Recall": "50 %",
        "False discovery rate": "50 %",
        "Target false-alarm rate": "1 %",
        "Calibration rows": "100",
    }


def test_the_most_anomalous_rows_have_explanations(tmp_path):
    html = report(tmp_path, scorer=scored(LABELS))
    row = re.search(r'<th scope="row">6</th>.*?</tr>', html, re.S)[0]
    cells = re.findall(r"<td.*?>(.*?)</td>", row)
    assert cells == [
        "4",
        "0.1",
        "anomaly",
        "speed is &lt;b&gt;9, expected 1.5 (75 %)",
    ]


def test_baselines_are_compared(tmp_path):
    baselines = {"k-NN": np.array([0.0, 1.0, 3.0, 2.0, 4.0])}
    html = report(tmp_path, scorer=scored(LABELS), baselines=baselines)
    rows = re.findall(
        r'<th scope="row">(.*?)</th><td class="number">([\d.]+)<', html
    )
    assert ("AnomalyDetector", "0.8333") in rows
    assert ("k-NN", "1") in rows
    assert "AUC of AnomalyDetector 0.833, k-NN 1.000" in html
    assert "The baselines are trained on the same rows" in html
    assert "Detection quality and baselines" in headings(html)


@pytest.mark.parametrize("label", [False, True])
def test_labels_of_one_class_give_no_auc(tmp_path, label):
    html = report(tmp_path, scorer=scored([label] * 5))
    assert "need labels of both classes" in html
    assert "AUC" not in numbers(html)


def test_without_labels_or_a_table_their_sections_are_omitted(tmp_path):
    unlabeled = report(tmp_path, scorer=scored(None), summary=UNKNOWN)
    assert headings(unlabeled) == [
        "Anomaly scores and p-values",
        "Most anomalous rows",
        "Columns",
        "Run details",
    ]
    assert "Calibration rows" not in numbers(unlabeled)
    assert "calibration rows" not in unlabeled and "threshold" not in unlabeled
    assert headings(report(tmp_path)) == [
        "Columns",
        "Run details",
    ]


def test_calibration_scores_may_be_a_subset(tmp_path):
    scores = np.arange(0.0, 10_000, 10)  # of 0, 1, 2 ... 9990
    summary = dataclasses.replace(
        SUMMARY, calibration_scores=scores, num_calibration_rows=9991
    )
    html = report(tmp_path, summary, scorer=scored(None))
    assert numbers(html)["Calibration rows"] == "9,991"
    # (1 + 98) / (1 + 9991) <= 0.01: the 99th from above is 9892.
    assert "above the threshold 9.89e+03: 1.0 % of calibration rows" in html
    assert "1 % of new rows from the same distribution" in html
    assert "Scores have no unit; those of normal rows are near 0." in html


def test_a_series_is_drawn_with_its_alarms(tmp_path):
    rows = scored(LABELS)
    rows.metrics |= {"VUS-PR": 0.25, "range_precision": None}
    rows.series[""] = {
        "values": [0.0, 0.0, 9.0, 0.0],
        "scores": [0.0, 0.0, 3.0, np.nan],
        "alarms": [False, False, True, False],
        "labels": [False, True, True, False],
        "timestamps": [0.0, 60.0, 120.0, 180.0],
        "names": ["speed"],
    }
    html = report(tmp_path, scorer=rows)
    assert headings(html)[0] == "Time series"
    assert "; 1 of 1 labeled ranges holds an alarm." in html
    assert numbers(html)["VUS-PR"] == "0.25"
    assert "Range precision" not in html


@pytest.mark.parametrize("rows", [1, 2])
def test_images_are_shown_by_decreasing_score(tmp_path, rows):
    found = scored(LABELS)
    found.top = {name: values[:rows] for name, values in found.top.items()}
    images = np.zeros((5, 8, 8, 1), "uint8")
    html = report(tmp_path, scorer=found, images=images)
    assert headings(html)[1] == "Most anomalous images"
    assert "Most anomalous rows" not in html and "Columns" not in headings(html)
    names = ["most anomalous", "next"][:rows]
    assert f"Rows of 1 images: {', '.join(names)}." in html


def test_columns_are_listed_with_types_and_reasons(tmp_path):
    html = report(tmp_path)
    assert "2 of 3 columns are used." in html
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', html)
    assert ("born", "timestamp day first") in rows
    assert ("&lt;id&gt;", "ignored") in rows
    assert "<td>counts the rows</td>" in html
    many = {f"c{number}": "number" for number in range(1000)}
    assert "1,000 of 1,000 columns are used. The first 200 are shown." in (
        report(tmp_path, dataclasses.replace(SUMMARY, column_types=many))
    )


def test_drift_is_reported_by_column_and_as_a_whole(tmp_path):
    schema = TableSchema.from_table(
        {"speed": np.arange(100.0), "on": np.arange(100) % 2 == 0},
        {"speed": "number", "on": "boolean"},
    )
    scorer = scored(None)
    scorer.drift = TableDrift(schema, num_calibration_rows=100)
    assert "Drift" not in report(tmp_path, scorer=scorer)
    new = {"speed": np.arange(200.0, 300.0), "on": np.arange(100) % 2 == 0}
    scorer.drift.update(schema.inputs(new), np.full(100, 0.01))
    html = report(tmp_path, scorer=scorer)
    assert "Drift from the training data" in html
    assert "1 of 2 columns differ from training: &#39;speed&#39;" in html
    assert "above 99: 0 % -&gt; 100 %" in html
    assert "The table as a whole has drifted: 100% of the rows" in html
