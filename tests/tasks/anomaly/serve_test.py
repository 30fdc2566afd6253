"""Exported detector: the same scores and explanations as in Keras."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dlunits.models import AnomalyDetector
from dlunits.models.anomaly.image_features import image_features
from dlunits.tasks.anomaly.detector_summary import DetectorSummary
from dlunits.tasks.anomaly.serve import (
    ServedDetector,
    evenly_spaced,
    export_detector,
    update_metrics,
)

MONDAY = 1_704_067_200  # seconds since 1970
KINDS = {
    "speed (m/s)": "number",
    "Last": "number",
    "last": "number",
    "on": "boolean",
    "time": "timestamp",
    "Straße": "category",
}


def rows(count, seed=0):
    rng = np.random.default_rng(seed)
    last = rng.normal(size=count)
    last[rng.random(count) < 0.1] = np.nan
    return {
        "speed (m/s)": rng.normal(100, 10, count),
        "Last": rng.normal(size=count),
        "last": last,
        "on": np.tile([1.0, 1.0, 0.0], count)[:count],
        "time": MONDAY + 3600.0 * np.arange(count),
        "Straße": rng.choice(np.array(["naß", "trocken", ""], object), count),
    }


ANOMALIES = {
    "speed (m/s)": np.array([900.0, 101.5]),
    "Last": np.array([0.1, np.nan]),
    "last": np.array([0.2, 0.3]),
    "on": np.array([1.0, np.nan]),
    "time": np.array([MONDAY + 7260.0, np.nan]),
    "Straße": np.array(["vereist", ""], object),
}


@pytest.fixture(scope="module")
def detector():
    return AnomalyDetector(num_folds=2).fit(rows(200), KINDS)


@pytest.fixture(scope="module")
def version(detector, tmp_path_factory):
    return export_detector(
        detector,
        tmp_path_factory.mktemp("models") / "pump",
        data="rows drawn at random",
        metrics={"auc": 0.9},
        command="python app.py",
    )


@pytest.fixture(scope="module")
def signatures(version):
    loaded = tf.saved_model.load(version)
    yield loaded.signatures


@pytest.fixture(scope="module")
def served(version):
    return ServedDetector(version)


def request(version, table):
    """Columns under the argument names of the model card."""
    card = json.loads((version / "model_card.json").read_text())
    return {
        argument: tf.constant(
            table[column],
            tf.string
            if KINDS[column] == "category"
            else tf.float64
            if KINDS[column] == "timestamp"
            else tf.float32,
        )
        for column, argument in card["arguments"].items()
    }


@pytest.mark.parametrize("table", [rows(50, 1), ANOMALIES])
def test_score_equals_that_of_the_detector(
    version, signatures, detector, table
):
    answer = signatures["score"](**request(version, table))
    expected = detector.score_rows(table)
    for key, values in expected.items():
        np.testing.assert_allclose(answer[key], values, atol=1e-6, rtol=1e-5)
    np.testing.assert_array_equal(
        answer["is_anomaly"], expected["p_value"] <= 0.01
    )


@pytest.mark.parametrize("table", [rows(50, 1), ANOMALIES])
def test_explain_equals_that_of_the_detector(
    version, signatures, detector, table
):
    answer = signatures["explain"](**request(version, table))
    expected = detector.explain(table)
    np.testing.assert_allclose(answer["share"], expected["share"], atol=1e-4)
    for key in ("column", "expected", "seen"):
        texts = [[text.decode() for text in row] for row in answer[key].numpy()]
        assert texts == expected[key].tolist(), key


def test_the_unusual_column_is_named(signatures, version):
    answer = signatures["explain"](**request(version, ANOMALIES))
    assert answer["column"][0, 0].numpy() == b"speed (m/s)"
    assert answer["seen"][0, 0].numpy() == b"900"


def test_the_loaded_detector_gives_the_same(served, detector):
    table = rows(2000, 2)  # two batches
    for key, values in detector.score_rows(table).items():
        np.testing.assert_allclose(
            served.score_rows(table)[key], values, atol=1e-6, rtol=1e-5
        )
    assert (
        served.explain(ANOMALIES)["seen"] == detector.explain(ANOMALIES)["seen"]
    ).all()
    assert served.table_schema == detector.table_schema


SCORE = """
import sys
import numpy as np
import tensorflow as tf

loaded = tf.saved_model.load(sys.argv[1])
with np.load(sys.argv[2]) as saved:
    columns = {key: tf.constant(saved[key]) for key in saved}
print(repr(loaded.signatures["score"](**columns)["anomaly_score"].numpy().tolist()))
"""


def test_a_process_without_this_package_scores_the_same(
    version, detector, tmp_path
):
    columns = request(version, rows(30, 3))
    columns = {key: value.numpy() for key, value in columns.items()}
    texts = {
        key: value.astype("S") if value.dtype == object else value
        for key, value in columns.items()
    }
    np.savez(tmp_path / "columns.npz", **texts)
    process = subprocess.run(
        [sys.executable, "-c", SCORE, version, tmp_path / "columns.npz"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    np.testing.assert_allclose(
        json.loads(process.stdout), detector.score(rows(30, 3)), atol=1e-6
    )


def test_features_are_extracted_from_images_and_scored(tmp_path):
    feature_extractor = image_features((12, 12, 1), num_columns=4)
    images = np.random.default_rng(0).integers(0, 256, (60, 12, 12, 1), "uint8")
    columns = feature_extractor.predict(images / np.float32(255), verbose=0)
    detector = AnomalyDetector(num_folds=2).fit(columns)
    version = export_detector(
        detector,
        tmp_path / "parts",
        data="noise",
        metrics={},
        command="app",
        feature_extractor=feature_extractor,
    )
    loaded = tf.saved_model.load(version)
    for batch in (images, images / np.float32(255), images[..., 0]):
        answer = loaded.score_images(tf.constant(batch))
        np.testing.assert_allclose(
            answer["anomaly_score"], detector.score(columns), atol=1e-4
        )
    signature = loaded.signatures["score_images"]
    assert signature(images=tf.zeros((2, 12, 12, 1)))["p_value"].shape == (2,)
    card = json.loads((version / "model_card.json").read_text())
    assert card["image_shape"] == [12, 12, 1]


def test_the_summary_of_a_served_detector_has_its_calibration_scores(
    served, detector
):
    scores = detector.model.conformal.calibration_scores()
    summary = DetectorSummary.of_served(served, "a model")
    assert summary.num_calibration_rows == len(scores) == 200
    assert summary.column_types == KINDS
    np.testing.assert_allclose(summary.calibration_scores, scores, atol=1e-5)


def test_the_card_has_some_of_many_calibration_scores():
    some = evenly_spaced(np.arange(20_000.0))
    assert len(some) == 1000 and (some[0], some[-1]) == (0, 19_999)
    assert set(np.diff(some)) == {20.0, 21.0}  # 19,999 / 999 = 20.02


def test_metrics_of_the_card_are_updated(version, tmp_path):
    shutil.copy(version / "model_card.json", tmp_path)
    before = json.loads((tmp_path / "model_card.json").read_text())
    update_metrics(tmp_path, {"AUC": 0.875})
    card = json.loads((tmp_path / "model_card.json").read_text())
    assert card == before | {"metrics": {"AUC": 0.875}}
    assert list(card) == list(before)
    update_metrics(tmp_path, {}, drift={"as_a_whole": False})
    card = json.loads((tmp_path / "model_card.json").read_text())
    assert card["drift"] == {"as_a_whole": False}
    with pytest.raises(ValueError, match="must be JSON values"):
        update_metrics(tmp_path, {"AUC": float("nan")})


def test_a_folder_without_a_detector_is_rejected(tmp_path):
    with pytest.raises(ValueError, match="is not the folder of an exported"):
        ServedDetector(tmp_path)


def test_a_detector_that_is_not_fitted_is_rejected(tmp_path):
    with pytest.raises(ValueError, match="call `fit`"):
        export_detector(
            AnomalyDetector(),
            tmp_path / "pump",
            data="",
            metrics={},
            command="",
        )
    assert not list(tmp_path.iterdir())
