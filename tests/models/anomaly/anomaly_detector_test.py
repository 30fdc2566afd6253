"""Anomaly detector: detection, false alarms, explanations, saving."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dlunits.models import AnomalyDetector, TableSchema


def normal_rows(count, seed=0):
    """A curve in four dimensions, and noise."""
    generator = np.random.default_rng(seed)
    t = generator.uniform(-2, 2, count)
    curve = np.stack([t, t**2, np.sin(2 * t), -t], axis=1)
    return curve + 0.1 * generator.normal(size=curve.shape)


def anomalous_rows(count, seed=1):
    """Rows whose columns are each usual, but unusual in combination."""
    generator = np.random.default_rng(seed)
    return generator.permuted(normal_rows(count, seed), axis=0)


@pytest.fixture(scope="module")
def detector():
    return AnomalyDetector().fit(normal_rows(300))


def auc(detector, normal, anomalies):
    scores = detector.score(np.concatenate([normal, anomalies]))
    labels = np.repeat([0, 1], [len(normal), len(anomalies)])
    return roc_auc_score(labels, scores)


def test_it_detects_unusual_combinations_of_usual_values(detector):
    assert auc(detector, normal_rows(300, 2), anomalous_rows(300)) > 0.95


def test_p_values_count_calibration_rows_with_a_higher_score(detector):
    p_values = detector.p_value(
        np.concatenate([normal_rows(50, 3), [[99.0, -99.0, 99.0, 99.0]]])
    )
    # With 300 calibration rows, p is a multiple of 1 / 301.
    counts = p_values * 301
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    assert counts[-1] == pytest.approx(1)
    assert 0.3 < p_values[:-1].mean() < 0.7


@pytest.mark.one_backend
@pytest.mark.parametrize("num_folds", [1, 5])
def test_the_false_alarm_rate_holds(num_folds):
    detector = AnomalyDetector(num_folds=num_folds)
    detector.fit(normal_rows(1000))
    for rate in (0.02, 0.1):
        alarms = detector.predict(normal_rows(4000, 2), rate).mean()
        # Standard deviations for the 1,000 or 250 calibration rows, and for the
        # 4,000 scored rows.
        known = detector.num_calibration_rows
        deviation = np.sqrt(rate * (1 - rate) * (1 / known + 1 / 4000))
        assert abs(alarms - rate) < 3 * deviation


def test_scores_of_training_rows_do_not_calibrate(detector):
    """With one detector for all rows, scores of training rows are too low."""
    others = normal_rows(2000, 2)
    known = np.sort(detector.score(normal_rows(300)))[-30]
    assert (detector.score(others) >= known).mean() > 0.115  # the rate is 0.1
    assert detector.predict(others, 0.1).mean() == pytest.approx(0.1, abs=0.06)


@pytest.mark.one_backend
@pytest.mark.parametrize("size", [6, 60])
def test_a_row_has_the_same_score_alone_and_in_a_batch(size):
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(20, size))
    rows, new = (kinds[rng.integers(0, 20, 400)] for _ in range(2))
    detector = AnomalyDetector().fit(rows)
    together = detector.score_rows(new)
    for number in range(20):
        alone = detector.score_rows(new[[number]])
        for name in ("anomaly_score", "p_value"):
            assert alone[name][0] == pytest.approx(
                together[name][number], abs=1e-4
            )


@pytest.mark.one_backend
def test_contamination_leaves_out_isolated_rows():
    intruders = 3 + 0.05 * np.random.default_rng(0).normal(size=(30, 4))
    rows = np.concatenate([normal_rows(270), intruders])
    scores = {}
    for contamination in (0.0, 0.15):
        detector = AnomalyDetector(contamination=contamination)
        scores[contamination] = auc(
            detector.fit(rows), normal_rows(300, 2), intruders
        )
    assert scores[0.15] > 0.99
    assert scores[0.15] >= scores[0.0]


@pytest.mark.one_backend
def test_results_depend_on_the_seed_only():
    x = normal_rows(100, 2)
    one, other = (
        AnomalyDetector(seed=3).fit(normal_rows(100)).score(x) for _ in range(2)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.one_backend
def test_the_order_of_columns_does_not_matter():
    rows = normal_rows(100)
    names = ["a", "b", "c", "d"]
    table = dict(zip(names, rows.T, strict=True))
    turned = {name: table[name] for name in "dbca"}
    detector = AnomalyDetector().fit(table)
    np.testing.assert_array_equal(detector.score(table), detector.score(turned))
    there, back = detector.explain(table), detector.explain(turned)
    for key in ("column", "expected", "seen"):
        assert (there[key] == back[key]).all()


@pytest.mark.one_backend
def test_a_table_with_columns_of_all_types():
    generator = np.random.default_rng(0)
    count = 300
    load = generator.normal(size=count)
    table = {
        "load": np.where(generator.random(count) < 0.1, np.nan, load),
        "heat": 20 + 3 * load + 0.1 * generator.normal(size=count),
        "night": load < 0,
        "mode": np.where(load > 0, "on", "idle").astype(object),
        "time": np.datetime64("2024-01-01T08:00")
        + generator.integers(0, 3600, count).astype("timedelta64[s]"),
    }
    detector = AnomalyDetector(false_alarm_rate=0.02).fit(table)
    normal = {name: column[:4].copy() for name, column in table.items()}
    normal["load"][:] = load[:4]
    assert not detector.predict(normal).all()
    anomalies = {name: np.repeat(c[:1], 4) for name, c in normal.items()}
    anomalies["heat"][0] = -30.0
    anomalies["mode"][1] = "burning"
    anomalies["heat"][2] = np.nan
    anomalies["time"][3] = np.datetime64("2024-01-03T20:00")
    assert detector.predict(anomalies).all()


@pytest.mark.one_backend
def test_an_unknown_category_is_anomalous_where_a_missing_one_is_not():
    rng = np.random.default_rng(0)
    table = {
        "speed": rng.normal(size=300),
        "road": rng.choice(np.array(["dry", "wet", ""], object), 300),
    }
    detector = AnomalyDetector().fit(table)
    new = {"speed": [0.1] * 3, "road": ["dry", None, "flooded"]}
    usual, missing, unknown = detector.p_value(new)
    assert min(usual, missing) > 0.2 and unknown < 0.02
    explanation = detector.explain(new, top=1)
    assert (
        explanation["column"][2, 0] == "road"
        and explanation["seen"][2, 0] == "flooded"
    )
    assert explanation["expected"][2, 0] in ("dry", "wet", "missing")


@pytest.mark.one_backend
def test_the_attribution_model_is_that_of_the_last_fit():
    detector = AnomalyDetector().fit(normal_rows(100))
    old = detector.attribution
    paths = [weight.path for weight in detector.model.weights]
    detector.explain(normal_rows(100))
    assert [weight.path for weight in detector.model.weights] == paths
    assert detector.attribution is old
    detector.fit(normal_rows(100, 1))
    assert detector.attribution is not old
    assert (
        detector.attribution.neighborhood
        is detector.model.anomaly_score.neighborhood
    )


def test_inputs_that_are_given_are_not_computed_again(detector, monkeypatch):
    rows = normal_rows(20, 2)
    inputs = detector.table_schema.inputs(rows)
    scores, why = detector.score_rows(rows), detector.explain(rows)
    monkeypatch.setattr(TableSchema, "inputs", None)
    again = (
        detector.score_rows(rows, inputs=inputs),
        detector.explain(rows, inputs=inputs),
    )
    for before, after in zip((scores, why), again, strict=True):
        for key in before:
            np.testing.assert_array_equal(before[key], after[key])


SCORE_AGAIN = """
import sys
import numpy as np
from dlunits.models import AnomalyDetector
rows = np.load(sys.argv[2])
np.save(sys.argv[3], AnomalyDetector.load(sys.argv[1]).score(rows))
"""


def test_a_fresh_process_scores_the_same(detector, tmp_path):
    rows, paths = anomalous_rows(50), ("model.keras", "rows.npy", "scores.npy")
    model, saved, scores = (str(tmp_path / name) for name in paths)
    detector.save(model)
    np.save(saved, rows)
    subprocess.run(
        [sys.executable, "-c", SCORE_AGAIN, model, saved, scores],
        check=True,
        timeout=300,
    )
    np.testing.assert_allclose(np.load(scores), detector.score(rows), atol=1e-6)


@pytest.mark.one_backend
def test_a_loaded_detector_has_its_settings_and_can_be_fitted_again(tmp_path):
    settings = {"contamination": 0.1, "num_folds": 4}
    detector = AnomalyDetector(**settings).fit(normal_rows(100))
    detector.save(tmp_path / "model.keras")
    again = AnomalyDetector.load(tmp_path / "model.keras")
    assert again.get_config() == detector.get_config()
    assert again.table_schema == detector.table_schema
    rows = normal_rows(5, 1)
    there, back = detector.explain(rows), again.explain(rows)
    assert (there["seen"] == back["seen"]).all()
    np.testing.assert_allclose(
        again.fit(normal_rows(100)).score(rows),
        detector.score(rows),
        atol=1e-4,
    )


def test_a_file_of_another_model_is_rejected(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"saved AnomalyDetector.*Sequential"):
        AnomalyDetector.load(tmp_path / "model.keras")


@pytest.mark.parametrize("method", ["score", "p_value", "predict", "explain"])
def test_a_detector_that_is_not_fitted_cannot_score(method):
    with pytest.raises(ValueError, match="call `fit`"):
        getattr(AnomalyDetector(), method)(normal_rows(3))


def test_a_detector_that_is_not_fitted_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="call `fit`"):
        AnomalyDetector().save(tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())


def test_a_rate_below_the_smallest_p_value_is_rejected(detector):
    with pytest.raises(ValueError, match="needs at least 999 calibration rows"):
        detector.predict(normal_rows(3), false_alarm_rate=0.001)


def test_too_few_rows_are_rejected():
    with pytest.raises(ValueError, match="at least 6 rows"):
        AnomalyDetector().fit(normal_rows(5))


@pytest.mark.parametrize(
    "options",
    [
        {"contamination": 0.5},
        {"false_alarm_rate": 0.0},
        {"num_folds": 0},
    ],
)
def test_arguments_out_of_range_are_refused(options):
    [name] = options
    with pytest.raises(ValueError, match=f"{name}="):
        AnomalyDetector(**options)


@pytest.mark.one_backend
def test_explain_names_the_unusual_columns():
    rng = np.random.default_rng(0)
    table = {
        "speed": rng.normal(100, 10, 300),
        "load": rng.normal(0, 1, 300),
        "road": np.array(["dry", "wet", "dry"] * 100, object),
        "on": np.tile([1.0, 1.0, 0.0], 100),
        "time": 1_704_067_200 + 3600 * np.arange(300.0),  # a Monday's midnight
    }
    types = {
        "speed": "number",
        "load": "number",
        "road": "category",
        "on": "boolean",
        "time": "timestamp",
    }
    detector = AnomalyDetector().fit(table, types)
    anomalies = {
        "speed": np.array([101.5, 900]),
        "load": np.array([50, np.nan]),
        "road": np.array(["dry", "icy"]),
        "on": np.array([1.0, 1.0]),
        "time": 1_704_067_200 + np.array([3600.0, 7260.0]),
    }
    found = detector.explain(anomalies, top=5)
    assert found["column"].shape == (2, 5)
    assert found["column"][0, 0] == "load" and found["column"][1, 0] == "speed"
    assert found["share"][0, 0] > 0.9
    assert (np.diff(found["share"], axis=1) <= 0).all()
    np.testing.assert_allclose(found["share"].sum(axis=1), 1, rtol=1e-5)
    of_columns = [
        {
            name: (expected, seen)
            for name, expected, seen in zip(
                found["column"][row],
                found["expected"][row],
                found["seen"][row],
                strict=True,
            )
        }
        for row in range(2)
    ]
    assert float(of_columns[1]["speed"][0]) == pytest.approx(100, abs=10)
    assert of_columns[1]["speed"][1] == "900"
    assert of_columns[1]["load"][1] == "missing"
    assert of_columns[1]["road"] == ("dry", "icy")
    assert of_columns[0]["on"] == ("true", "true")
    assert of_columns[1]["time"][1] == "Mon 02:01"


def test_a_second_fit_replaces_the_first_one(tmp_path):
    detector = AnomalyDetector()
    sizes = []
    for _ in range(2):
        detector.fit(normal_rows(60))
        detector.save(tmp_path / "detector.keras")
        sizes.append((tmp_path / "detector.keras").stat().st_size)
    assert sizes[1] == pytest.approx(sizes[0], rel=0.01)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_the_model_is_exported_quantized_and_loaded(detector, tmp_path):
    x = np.zeros((2, 4), "float32")
    detector.save(tmp_path / "detector.keras")
    model = AnomalyDetector.load(tmp_path / "detector.keras").model
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        model.export(tmp_path / "exported", verbose=False)
        loaded = tf.saved_model.load(tmp_path / "exported")
        np.testing.assert_allclose(
            loaded.serve({"numbers": x})["p_value"],
            model({"numbers": x})["p_value"],
            rtol=1e-5,
        )
    model.quantize("int8")
    model.save(tmp_path / "quantized.keras")
    again = keras.models.load_model(tmp_path / "quantized.keras")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(again({"numbers": x})["anomaly_score"]),
        keras.ops.convert_to_numpy(model({"numbers": x})["anomaly_score"]),
        rtol=1e-5,
    )


def test_a_few_cells_that_are_no_numbers_are_missing_with_a_warning():
    """The column is still numeric, and large values in it are anomalies."""
    values = [str(number % 37) for number in range(300)]
    values[100] = "ERR"
    detector = AnomalyDetector()
    with pytest.warns(UserWarning, match=r"1 in column 'load'.* 'ERR'"):
        detector.fit({"load": values, "temperature": np.arange(300) % 7.0})
    assert detector.table_schema.column_types["load"] == "number"
    new = {"load": ["3", "1000"], "temperature": [1.0, 2.0]}
    low, high = detector.score_rows(new)["anomaly_score"]
    assert high > low + 1
