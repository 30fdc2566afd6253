"""Cross-fitted whitening against NumPy."""

import numpy as np
import pytest
from keras import ops

from dlunits.layers import CrossFittedWhitening


def rows(count, features=4, seed=0):
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(1).normal(size=(features, features))
    return 3 + generator.normal(size=(count, features)) @ mixing


def whitened(layer, x):
    return ops.convert_to_numpy(layer(x))


@pytest.mark.parametrize("num_folds", [1, 3])
def test_distances_are_mahalanobis_distances(num_folds):
    known, x = rows(60), rows(5, seed=2)
    layer = CrossFittedWhitening(num_folds, ridge=0.2)
    layer.adapt(known)
    y = whitened(layer, x)
    for fold in range(num_folds):
        outside = known
        if num_folds > 1:
            outside = known[np.arange(60) % num_folds != fold]
        covariance = np.cov(outside.T, bias=True)
        covariance += 0.2 * np.trace(covariance) / 4 * np.eye(4)
        inverse = np.linalg.inv(covariance)
        expected = [np.sqrt(d @ inverse @ d) for d in x - outside.mean(axis=0)]
        norms = np.linalg.norm(y[:, fold], axis=1)
        np.testing.assert_allclose(norms, expected, rtol=1e-4)


def test_features_of_unit_variance_do_not_correlate():
    known = rows(5000)
    layer = CrossFittedWhitening(1, ridge=1e-6)
    layer.adapt(known)
    y = whitened(layer, known)[:, 0]
    np.testing.assert_allclose(np.cov(y.T), np.eye(4), atol=0.01)


def test_many_features_are_projected_and_keep_their_distances():
    known = np.random.default_rng(0).normal(size=(300, 400))
    layer = CrossFittedWhitening(1, ridge=1e6, max_features=200)
    layer.adapt(known)
    y = whitened(layer, known[:20])[:, 0]
    assert y.shape == (20, 200)

    def distances(x):
        d = np.linalg.norm(x[:, None] - x, axis=-1)[np.triu_indices(20, 1)]
        return d / d.mean()

    # The relative error of a projection to n features is about 1 / sqrt(2 n).
    errors = distances(y) / distances(known[:20]) - 1
    assert 0.02 < errors.std() < 0.1


def test_equal_rows_are_whitened_to_zero():
    layer = CrossFittedWhitening(2)
    layer.adapt(np.ones((10, 3)))
    np.testing.assert_allclose(whitened(layer, np.ones((2, 3))), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_folds": 0}, "num_folds=0"),
        ({"ridge": 0.0}, r"ridge=0\.0"),
        ({"max_features": 0}, "max_features=0"),
    ],
)
def test_impossible_numbers_are_rejected(options, message):
    with pytest.raises(ValueError, match=message):
        CrossFittedWhitening(**options)


def test_too_few_rows_are_rejected():
    with pytest.raises(ValueError, match=r"at least 7 rows\. Received: 6"):
        CrossFittedWhitening(5).adapt(np.zeros((6, 2)))
