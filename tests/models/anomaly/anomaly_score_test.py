"""Anomaly score: its parts and their soft maximum."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.models.anomaly.anomaly_score import (
    AnomalyScore,
    is_isolated,
    own_fold,
)


def rows(count=100, seed=0):
    generator = np.random.default_rng(seed)
    plane = np.random.default_rng(1).normal(size=(2, 4))
    return (generator.normal(size=(count, 2)) @ plane).astype("float32")


@pytest.fixture(scope="module")
def score():
    layer = AnomalyScore(4, 100, units=16, latent_dim=2)
    layer.build((None, 4))
    layer.adapt(rows(), train_steps=200)
    layer.adapt_scale(rows())
    return layer


def array(tensor):
    return ops.convert_to_numpy(tensor)


def test_it_is_a_soft_maximum_of_its_parts(score):
    x = rows(6, 2)
    center, spread = array(score.center), array(score.spread)
    expected = np.empty((6, 5))
    for place, folds in enumerate(array(score.log_parts(x))):
        for fold, parts in enumerate(folds):
            z = (parts - center) / spread
            expected[place, fold] = 0.5 * np.log(np.mean(np.exp(2 * z)))
    np.testing.assert_allclose(array(score(x)), expected, rtol=1e-4, atol=1e-5)


def test_the_misfit_is_the_error_in_units_of_its_scale(score):
    x = rows(4, 3)
    again = score.autoencoders.reconstruct(np.repeat(x[:, None], 5, axis=1))
    misfit = ((again - x[:, None]) / array(score.error_scale)) ** 2
    np.testing.assert_allclose(
        np.exp(array(score.log_parts(x))[..., 2]),
        misfit.mean(axis=-1) + 1e-4,
        rtol=1e-3,
    )


def test_the_error_scale_is_a_median_by_the_score_of_the_own_fold(score):
    errors = own_fold(array(score.errors(rows())))
    expected = np.median(np.abs(errors), axis=0) / 0.6745 + 0.03
    np.testing.assert_allclose(array(score.error_scale), expected, rtol=1e-4)


def test_parts_of_training_rows_are_centered_by_the_score_of_their_fold(score):
    parts = own_fold(array(score.log_parts(rows())))
    z = (parts - array(score.center)) / array(score.spread)
    np.testing.assert_allclose(np.median(z, axis=0), 0, atol=1e-4)
    quartiles = np.percentile(parts, [25, 75], axis=0)
    np.testing.assert_allclose(
        array(score.spread), np.ptp(quartiles, axis=0) / 1.349 + 0.05, rtol=1e-4
    )


def test_own_fold_takes_turns():
    values = np.arange(12).reshape(4, 3)
    assert own_fold(values).tolist() == [0, 4, 8, 9]


def test_isolated_rows_are_found():
    x = rows(100)
    x[[7, 50]] += 20
    far = is_isolated(x, 0.02, far_neighbors=10, max_references=100)
    assert np.flatnonzero(far).tolist() == [7, 50]


@pytest.mark.one_backend
def test_few_references_have_few_neighbors():
    layer = AnomalyScore(4, 7, num_folds=3, units=4, latent_dim=1)
    layer.build((None, 4))
    layer.adapt(rows(7), train_steps=1)
    layer.adapt_scale(rows(7))
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
