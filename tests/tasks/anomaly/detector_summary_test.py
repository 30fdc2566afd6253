"""Facts about trained and exported detectors, for reports."""

import types

from dlunits.tasks.anomaly.detector_summary import DetectorSummary


def test_the_summary_of_an_exported_detector_comes_from_its_model_card():
    detector = types.SimpleNamespace(
        table_schema=types.SimpleNamespace(column_types={"speed": "number"}),
        card={"calibration_scores": [0.5, 1.5], "num_calibration_rows": 7},
    )
    summary = DetectorSummary.of_served(detector, "a model")
    assert summary == DetectorSummary(
        "a model", {"speed": "number"}, {}, [0.5, 1.5], 7
    )
