"""Anomaly detector with the scikit-learn interface."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from dlunits import models
from dlunits.sklearn import AnomalyDetector

pytestmark = pytest.mark.one_backend


def normal_rows(count, seed=0):
    """Two correlated numbers."""
    generator = np.random.default_rng(seed)
    first = generator.normal(size=count)
    return np.stack([first, first + 0.1 * generator.normal(size=count)], axis=1)


def labeled_rows(count, seed=0):
    """Rows and labels, -1 for every fifth row, which is an outlier."""
    rows, labels = normal_rows(count, seed), np.ones(count, int)
    rows[::5, 1] += 3
    labels[::5] = -1
    return rows, labels


def frame_columns(count, seed=0):
    load, heat = normal_rows(count, seed).T
    road = np.where(load > 0, "dry", "wet").astype(object)
    road[::10] = None
    return {"load": load, "heat": heat, "road": road}


@pytest.fixture(scope="module")
def detector():
    return AnomalyDetector(random_state=0).fit(normal_rows(300))


@pytest.mark.filterwarnings("ignore:A false-alarm rate of")  # few rows
@parametrize_with_checks([AnomalyDetector()])
def test_it_has_the_conventions_of_scikit_learn(estimator, check):
    check(estimator)


def test_it_is_the_detector_of_the_models(detector):
    rows = labeled_rows(50, 1)[0]
    other = models.AnomalyDetector(false_alarm_rate=0.05).fit(
        normal_rows(300), dict.fromkeys(["column_1", "column_2"], "number")
    )
    scores = other.score_rows(rows)
    for found, name in (
        (-detector.score_samples(rows), "anomaly_score"),
        (detector.p_value(rows), "p_value"),
    ):
        np.testing.assert_allclose(found, scores[name], atol=1e-4)


def test_the_threshold_is_the_false_alarm_rate(detector):
    assert detector.predict([[0, 0], [2.0, -2.0]]).tolist() == [1, -1]
    rows = normal_rows(4000, 1)
    outliers = detector.predict(rows) == -1
    # Standard deviations of 300 calibration rows and of 4,000 new ones.
    deviation = np.sqrt(0.05 * 0.95 * (1 / 300 + 1 / 4000))
    assert abs(outliers.mean() - 0.05) < 3 * deviation
    assert np.mean(outliers == (detector.p_value(rows) <= 0.05)) > 0.99


def test_contamination_is_the_share_of_outliers_among_the_training_rows():
    rows, labels = labeled_rows(200)
    found = AnomalyDetector(contamination=0.2, random_state=0).fit_predict(rows)
    assert (found == -1).sum() == 40
    assert np.mean(found == labels) > 0.85


def test_too_few_rows_for_the_rate_raise_a_warning():
    detector = AnomalyDetector(false_alarm_rate=0.01, random_state=0)
    with pytest.warns(UserWarning, match=r"at least 99 .* Received: 40, .*024"):
        detector.fit(normal_rows(40))
    assert detector.predict([[9.0, -9.0]]) == -1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"contamination": 0.5}, "contamination=0.5"),
        ({"false_alarm_rate": 0}, "false_alarm_rate=0"),
    ],
)
def test_arguments_out_of_range_are_refused_by_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        AnomalyDetector(**arguments).fit(normal_rows(40))


def test_a_copy_of_a_fitted_estimator_has_the_same_scores(detector):
    rows = normal_rows(20, 1)
    copy = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(
        copy.decision_function(rows), detector.decision_function(rows)
    )
    assert copy.get_params() == detector.get_params()
    assert not hasattr(clone(detector), "detector_")


@pytest.fixture(scope="module")
def detector_of_columns():
    return AnomalyDetector(random_state=0).fit(pa.table(frame_columns(200)))


def records(columns):
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.mark.parametrize("source", ["pandas", "polars", "records", "dict"])
def test_data_frames_have_the_same_scores(detector_of_columns, source):
    columns = frame_columns(30, 1)
    table = {"records": records, "dict": dict}.get(source)
    if table is None:
        reason = f"{source} is optional"
        table = pytest.importorskip(source, reason=reason).DataFrame
    np.testing.assert_array_equal(
        detector_of_columns.score_samples(table(columns)),
        detector_of_columns.score_samples(pa.table(columns)),
    )


def test_columns_have_names_and_may_be_texts(detector_of_columns):
    detector = detector_of_columns
    assert detector.feature_names_in_.tolist() == ["load", "heat", "road"]
    assert detector.n_features_in_ == 3
    row = {"load": 1.0, "heat": 1.0, "road": "dry"}
    assert detector.predict(row) == 1
    assert detector.predict(row | {"road": "flooded"}) == -1
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- street"):
        detector.predict({"load": 1.0, "heat": 1.0, "street": "dry"})
    rows = [[1.0, 1.0, "dry"], [1.0, 1.0, "flooded"]]
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert detector.predict(rows).tolist() == [1, -1]


def test_a_data_frame_of_numbers_is_an_array_with_names(detector):
    rows, new = normal_rows(300), normal_rows(20, 1)
    named = AnomalyDetector(random_state=0).fit(
        {"a": rows[:, 0], "b": rows[:, 1]}
    )
    np.testing.assert_allclose(
        named.score_samples({"a": new[:, 0], "b": new[:, 1]}),
        detector.score_samples(new),
        atol=1e-5,
    )


def test_a_warning_names_columns_that_are_left_out():
    columns = frame_columns(100) | {"id": np.arange(1000, 1100)}
    with pytest.warns(UserWarning, match="Column 'id' is ignored: it"):
        detector = AnomalyDetector(random_state=0).fit(columns)
    assert detector.n_features_in_ == 4
    row = {"load": 1.0, "heat": 1.0, "road": "dry", "id": 0}
    assert detector.predict(row) == 1


def test_rows_of_texts_have_no_names():
    rows = list(zip(*frame_columns(100).values(), strict=True))
    detector = AnomalyDetector(random_state=0).fit(rows)
    assert not hasattr(detector, "feature_names_in_")
    assert detector.predict(np.array([[1, 1, "x"]], object)) == -1


def test_it_is_the_last_step_of_a_pipeline():
    pytest.importorskip("pandas", reason="pandas is optional")
    rows, labels = labeled_rows(120)
    pipeline = make_pipeline(
        StandardScaler(), AnomalyDetector(contamination=0.2, random_state=0)
    ).set_output(transform="pandas")
    scores = cross_val_score(pipeline, rows, labels, cv=2, scoring="roc_auc")
    assert scores.min() > 0.8


def test_its_arguments_can_be_grid_searched():
    rows, labels = labeled_rows(120)
    halves = [(np.arange(60), np.arange(60, 120))]
    search = GridSearchCV(
        AnomalyDetector(random_state=0),
        {"contamination": [0.0, 0.2]},
        scoring="roc_auc",
        cv=halves,
    ).fit(rows, labels)
    assert search.cv_results_["mean_test_score"].min() > 0.7
    assert roc_auc_score(labels, search.decision_function(rows)) > 0.7
