"""The report of a search for anomalies, with figures done by hand."""

import re
import types

import numpy as np
import pytest

from dlunits.metrics.detection_quality import detection_quality
from dlunits.tasks.anomaly.report import write_anomaly_report

KINDS = {"speed": "number", "born": "timestamp_day_first", "<id>": "ignored"}


def scored(labels):
    """Five rows, of which the last two are called anomalous."""
    scores = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    verdicts = {"anomaly_score": scores, "p_value": 0.5 - scores / 10}
    top = {
        "place": np.array([6, 5]),
        "row": np.array([4, 3]),
        "anomaly_score": scores[:2:-1],
        "p_value": verdicts["p_value"][:2:-1],
        "column": np.array([["speed"], ["born"]], object),
        "expected": np.array([["1.5"], ["Mon 03:00"]], object),
        "seen": np.array([["<b>9"], ["missing"]], object),
        "share": np.array([[0.75], [1.0]]),
    }
    quality = {}
    if labels is not None:
        labels = np.array(labels, bool)
        verdicts["label"] = labels
        top["label"] = labels[:2:-1]
        quality = detection_quality(labels, scores, scores >= 3)

    class Sample:
        columns = verdicts

        def __len__(self):
            return 5

    return types.SimpleNamespace(
        rows=1000,
        alarms=200,
        verdicts=Sample(),
        top=top,
        counted="line",
        quality=quality,
        series=None,
    )


def report(tmp_path, **options):
    path = write_anomaly_report(
        tmp_path / "report.html",
        **{
            "name": "pump",
            "false_alarm_rate": 0.01,
            "known": np.arange(100.0),
            "kinds": KINDS,
            "reasons": {"<id>": "counts the rows"},
            "history": {"loss": [2.0, 1.0]},
            "command": "python apps/anomaly_detection.py --train=<pump>.csv",
            "source": "<pump>.csv: 100 rows",
            "seconds": 83,
        }
        | options,
    )
    assert path == tmp_path / "report.html"
    return path.read_text()


def headings(html):
    return re.findall(r"<h2.*?>(.*?)</h2>", html)


def summary(html):
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html))


LABELS = [False, False, True, False, True]


def test_has_its_parts_in_the_order_of_a_reader(tmp_path):
    html = report(tmp_path, scored=scored(LABELS))
    assert headings(html) == [
        "Scores",
        "The strangest rows",
        "How many are found",
        "Training",
        "Columns",
        "How this was made",
    ]
    assert "<h1>Anomalies beside pump</h1>" in html
    assert "1 min 23 s" in html
    assert "--train=&lt;pump&gt;.csv" in html
    assert "Drawn from 5 rows taken at random." in html


def test_sums_up_what_was_found(tmp_path):
    # Of the six pairs of an anomaly and a normal row, one is in disorder.
    assert summary(report(tmp_path, scored=scored(LABELS))) == {
        "Rows scored": "1,000",
        "Called anomalous": "200",
        "AUC": "0.8333",
        "AP": "0.8333",  # (1 / 1 + 2 / 3) / 2
        "False alarms": "33.3 %",
        "Anomalies found": "50 %",
        "False alarms allowed": "1 %",
        "Rows calibrated by": "100",
    }


def test_the_strangest_rows_are_told_with_their_causes(tmp_path):
    html = report(tmp_path, scored=scored(LABELS))
    row = re.search(r'<th scope="row">6</th>.*?</tr>', html, re.S)[0]
    cells = re.findall(r"<td.*?>(.*?)</td>", row)
    assert cells == [
        "4",
        "0.1",
        "anomaly",
        "speed is &lt;b&gt;9, expected 1.5 (75 %)",
    ]


def test_other_detectors_stand_beside(tmp_path):
    baselines = {"k-NN": np.array([0.0, 1.0, 3.0, 2.0, 4.0])}
    html = report(tmp_path, scored=scored(LABELS), baselines=baselines)
    rows = re.findall(
        r'<th scope="row">(.*?)</th><td class="number">([\d.]+)<', html
    )
    assert ("AnomalyDetector", "0.8333") in rows
    assert ("k-NN", "1") in rows
    assert "AUC of AnomalyDetector 0.833, k-NN 1.000" in html
    assert "The other detectors learnt from the same rows" in html


@pytest.mark.parametrize("label", [False, True])
def test_labels_of_one_class_are_said_to_tell_nothing(tmp_path, label):
    html = report(tmp_path, scored=scored([label] * 5))
    assert "nothing to tell apart" in html
    assert "AUC" not in summary(html)


def test_without_labels_or_a_table_those_parts_are_left_out(tmp_path):
    unlabeled = report(tmp_path, scored=scored(None), known=None, history=None)
    assert headings(unlabeled) == [
        "Scores",
        "The strangest rows",
        "Columns",
        "How this was made",
    ]
    assert "Rows calibrated by" not in summary(unlabeled)
    assert "known rows" not in unlabeled and "threshold" not in unlabeled
    assert headings(report(tmp_path)) == [
        "Training",
        "Columns",
        "How this was made",
    ]


def test_known_scores_may_be_some_of_many(tmp_path):
    known = np.arange(0.0, 10_000, 10)  # of 0, 1, 2 ... 9990
    html = report(tmp_path, scored=scored(None), known=known, num_known=9991)
    assert summary(html)["Rows calibrated by"] == "9,991"
    # (1 + 98) / (1 + 9991) <= 0.01: the 99th from above is 9892.
    assert "above the threshold 9.89e+03 are 1.0 % of known rows" in html
    assert "1 % of rows like them lie above the threshold." in html


def test_a_series_is_drawn_with_its_alarms(tmp_path):
    rows = scored(LABELS)
    rows.quality |= {"VUS-PR": 0.25, "range_precision": None}
    rows.series = {
        "values": [0.0, 0.0, 9.0, 0.0],
        "scores": [0.0, 0.0, 3.0, np.nan],
        "alarms": [False, False, True, False],
        "labels": [False, True, True, False],
        "timestamps": [0.0, 60.0, 120.0, 180.0],
        "names": ["speed"],
    }
    html = report(tmp_path, scored=rows)
    assert headings(html)[0] == "The series"
    assert "; 1 of 1 labeled ranges holds an alarm." in html
    assert summary(html)["VUS-PR"] == "0.25"
    assert "Precision of ranges" not in html


@pytest.mark.parametrize("rows", [1, 2])
def test_images_are_shown_the_strangest_first(tmp_path, rows):
    found = scored(LABELS)
    found.top = {name: values[:rows] for name, values in found.top.items()}
    images = np.zeros((5, 8, 8, 1), "uint8")
    html = report(tmp_path, scored=found, images=images)
    assert headings(html)[1] == "The strangest images"
    assert "The strangest rows" not in html and "Columns" not in headings(html)
    names = ["strangest", "next"][:rows]
    assert f"Rows of 1 images: {', '.join(names)}." in html


def test_columns_are_listed_with_why_they_are_ignored(tmp_path):
    html = report(tmp_path)
    assert "2 of 3 columns are used." in html
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', html)
    assert ("born", "timestamp day first") in rows
    assert ("&lt;id&gt;", "ignored") in rows
    assert "<td>counts the rows</td>" in html
    many = {f"c{number}": "number" for number in range(1000)}
    assert "1,000 of 1,000 columns are used. The first 200 are shown." in (
        report(tmp_path, kinds=many)
    )
