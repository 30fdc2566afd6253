"""Distances to the nearest rows of subsamples against a slow loop."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import LeSiNN


def rows(count, features=4, seed=0):
    return np.random.default_rng(seed).normal(size=(count, features))


def adapted(references, **options):
    layer = LeSiNN(**options)
    layer.adapt(references)
    return layer


def distances(layer, x):
    return ops.convert_to_numpy(layer(x))


def fold_of(references, known, num_folds):
    """Fold of each reference: row i of the training rows is in i % folds."""
    return [
        int(np.abs(known - reference).sum(axis=1).argmin()) % num_folds
        for reference in references
    ]


@pytest.mark.parametrize("num_folds", [1, 2, 5])
def test_it_equals_a_slow_loop(num_folds):
    known, x = rows(61).astype("float32"), rows(7, seed=1)
    layer = adapted(
        known, num_subsamples=3, subsample_size=8, num_folds=num_folds
    )
    references = ops.convert_to_numpy(layer.references)
    # For each fold: all rows of the first subsample, then of the second ...
    references = references.reshape(num_folds, 3, -1, 4)
    subsamples = references.swapaxes(0, 1).reshape(3, -1, 4)
    expected = np.empty((7, num_folds))
    for row, left_out in np.ndindex(*expected.shape):
        nearest = []
        for subsample in subsamples:
            folds = fold_of(subsample, known, num_folds)
            outside = [
                np.sqrt(((x[row] - reference) ** 2).sum())
                for reference, fold in zip(subsample, folds, strict=True)
                if num_folds == 1 or fold != left_out
            ]
            assert len(outside) == 8
            nearest.append(min(outside))
        expected[row, left_out] = np.mean(nearest)
    # Squared distances are too small by 4e-6 times the squared norms.
    np.testing.assert_allclose(distances(layer, x), expected, rtol=1e-3)


def test_a_training_row_is_not_compared_with_its_own_fold():
    known = rows(50)
    layer = adapted(known, num_subsamples=10, subsample_size=40)
    to_itself = distances(layer, known)  # all rows are in every subsample
    for row in range(50):
        assert to_itself[row, row % 5] > 0.01
        others = np.delete(to_itself[row], row % 5)
        np.testing.assert_allclose(others, 0, atol=1e-6)


def test_features_of_each_fold_are_compared_with_those_of_the_same_fold():
    known, x = rows(40), rows(6, seed=1)
    options = {"num_subsamples": 3, "subsample_size": 8, "num_folds": 4}
    scales = np.array([1.0, 2.0, 3.0, 4.0])[:, None]
    shared = distances(adapted(known, **options), x)
    scaled = distances(
        adapted(known[:, None] * scales, **options), x[:, None] * scales
    )
    np.testing.assert_allclose(scaled, shared * scales[:, 0], rtol=1e-4)


def test_small_subsamples_hardly_depend_on_a_small_cluster():
    cluster = 6 + 0.01 * rows(20, seed=1)
    known = np.random.default_rng(2).permutation(
        np.concatenate([rows(380), cluster])
    )
    x = np.concatenate([[np.full(4, 6.0)], rows(200, seed=3)])
    for size, found in ((4, True), (256, False)):
        layer = adapted(known, num_subsamples=40, subsample_size=size)
        score = distances(layer, x).mean(axis=1)
        assert (score[0] > np.quantile(score[1:], 0.99)) == found


def test_equal_rows_are_at_distance_zero_whatever_the_batch():
    known = rows(30, 60)
    layer = adapted(known, num_subsamples=2, subsample_size=24)
    alone = np.concatenate([distances(layer, known[[i]]) for i in range(30)])
    np.testing.assert_array_equal(alone.min(axis=1), 0)
    np.testing.assert_allclose(distances(layer, known), alone, atol=1e-4)


def test_the_typical_row_is_near_the_references():
    known = np.concatenate([rows(40, 2), 100 + rows(40, 2, seed=1)])
    known = np.random.default_rng(0).permutation(known)
    layer = adapted(known, num_subsamples=5, subsample_size=32)
    typical = ops.convert_to_numpy(
        layer.typical(np.array([[0.0, 30.0], [90.0, 100.0]], "float32"))
    )
    np.testing.assert_allclose(typical, [[0, 0], [100, 100]], atol=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_subsamples": 0}, "num_subsamples=0"),
        ({"subsample_size": 0}, "subsample_size=0"),
        ({"num_folds": 0}, "num_folds=0"),
    ],
)
def test_impossible_numbers_are_rejected(options, message):
    with pytest.raises(ValueError, match=message):
        LeSiNN(**options)


def test_too_few_rows_are_rejected():
    with pytest.raises(ValueError, match=r"at least 4 rows in each.*19 rows"):
        LeSiNN(2, 16).adapt(rows(19))


def test_a_saved_layer_has_the_same_references(tmp_path):
    model = keras.Sequential([keras.Input((4,)), LeSiNN(3, 8)])
    model.layers[0].adapt(rows(50))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again.predict(rows(5, seed=2), verbose=0),
        model.predict(rows(5, seed=2), verbose=0),
    )
