"""Anomaly score: three distances and their maximum."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.models.anomaly.anomaly_score import AnomalyScore, own_fold


def rows(count=100, seed=0):
    generator = np.random.default_rng(seed)
    plane = np.random.default_rng(1).normal(size=(2, 4))
    return (generator.normal(size=(count, 2)) @ plane).astype("float32")


@pytest.fixture(scope="module")
def score():
    layer = AnomalyScore(100)
    layer.adapt(rows())
    layer.adapt_scale(rows())
    return layer


def array(tensor):
    return ops.convert_to_numpy(tensor)


def test_it_is_the_maximum_of_three_standardized_distances(score):
    x = rows(6, 2)
    compressed = np.arcsinh(x)
    parts = [
        score.bulk(compressed),
        score.neighborhood(compressed),
        score.dependence(score.whitening(compressed)),
    ]
    logs = np.log(np.stack([array(part) for part in parts], axis=-1) + 1e-4)
    z = (logs - array(score.center)) / array(score.spread)
    np.testing.assert_allclose(array(score(x)), z.max(axis=-1), rtol=1e-4)


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ([30.0, 0.0, 0.0], 0),  # far from everything
        ([0.6, -0.6, 0.0], 2),  # usual values that do not go together
    ],
)
def test_each_distance_detects_its_kind_of_anomaly(row, part):
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(2, 400))
    x = np.stack([one, one + 0.02 * generator.normal(size=400), other], axis=1)
    layer = AnomalyScore(400)
    layer.adapt(x)
    layer.adapt_scale(x)
    logs = array(layer.log_distances(np.array([row]))).mean(axis=(0, 1))
    z = (logs - array(layer.center)) / array(layer.spread)
    assert z.max() > 2.5
    assert z[part] > 2.5


def test_parts_of_training_rows_are_centered_by_the_score_of_their_fold(score):
    logs = own_fold(array(score.log_distances(rows())))
    z = (logs - array(score.center)) / array(score.spread)
    np.testing.assert_allclose(np.median(z, axis=0), 0, atol=1e-4)
    quartiles = np.percentile(logs, [25, 75], axis=0)
    np.testing.assert_allclose(
        array(score.spread), np.ptp(quartiles, axis=0) / 1.349 + 0.05, rtol=1e-4
    )


def test_own_fold_assigns_folds_in_turn():
    values = np.arange(12).reshape(4, 3)
    assert own_fold(values).tolist() == [0, 4, 8, 9]


@pytest.mark.one_backend
@pytest.mark.parametrize("num_folds", [1, 2, 5, 20])
def test_few_rows_have_small_subsamples(num_folds):
    layer = AnomalyScore(40, num_folds)
    layer.adapt(rows(40))
    layer.adapt_scale(rows(40))
    assert np.isfinite(array(layer(rows()))).all()


def test_a_saved_score_is_the_same_score(score, tmp_path):
    model = keras.Sequential([keras.Input((4,)), score])
    model.save(tmp_path / "score.keras")
    again = keras.models.load_model(tmp_path / "score.keras")
    np.testing.assert_allclose(
        again.predict(rows(5, 4), verbose=0),
        model.predict(rows(5, 4), verbose=0),
        atol=1e-6,
    )
