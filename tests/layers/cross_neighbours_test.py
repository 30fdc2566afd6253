"""Distances to neighbours, with folds left out, against a slow loop."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import CrossNeighbours


def cross_neighbours_np(x, references, neighbors, crowd, num_folds):
    """Written from the definition, one row and one fold at a time."""
    count = len(references)
    folds = np.arange(count) % num_folds

    def nearest(row, known):
        distances = np.sqrt(((references[known] - row) ** 2).sum(axis=1))
        order = np.argsort(distances, kind="stable")
        return distances[order], known[order]

    results = np.empty((len(x), num_folds, 2))
    for fold in range(num_folds):
        left = folds != fold if num_folds > 1 else np.ones(count, bool)

        def near(reference, left=left):
            known = np.flatnonzero(left & (folds != folds[reference]))
            if num_folds == 1:
                known = np.delete(np.arange(count), reference)
            return nearest(references[reference], known)[0][:neighbors].mean()

        for place, row in enumerate(x):
            distances, known = nearest(row, np.flatnonzero(left))
            theirs = np.mean([near(each) for each in known[:neighbors]])
            results[place, fold] = (
                distances[:neighbors].mean() / np.sqrt(theirs),
                distances[:crowd].mean(),
            )
    return results


@pytest.mark.parametrize("num_folds", [1, 3, 5])
def test_it_is_the_slow_loop(num_folds):
    rng = np.random.default_rng(0)
    references, x = rng.normal(size=(61, 4)), rng.normal(size=(7, 4))
    layer = CrossNeighbours(61, neighbors=3, crowd=10, num_folds=num_folds)
    layer.adapt(references)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(x.astype("float32"))),
        cross_neighbours_np(x, references, 3, 10, num_folds),
        rtol=1e-4,
    )


def test_a_reference_does_not_see_its_own_fold():
    references = np.random.default_rng(0).normal(size=(50, 3))
    layer = CrossNeighbours(50, neighbors=1, crowd=1, num_folds=5)
    layer.adapt(references)
    crowd = ops.convert_to_numpy(layer(references.astype("float32")))[..., 1]
    own = np.arange(50) % 5
    # Each fold holds the reference itself, at no distance, but its own.
    for row, fold in enumerate(own):
        zeros = np.isclose(crowd[row], 0, atol=2e-3)
        assert not zeros[fold] and zeros[np.arange(5) != fold].all()


def test_a_row_in_a_thin_region_is_less_local_than_one_beside_a_dense_one():
    rng = np.random.default_rng(0)
    dense, thin = rng.normal(0, 0.01, (100, 2)), rng.normal(5, 1, (100, 2))
    layer = CrossNeighbours(200)
    layer.adapt(rng.permutation(np.concatenate([dense, thin])))
    beside, within = np.array([[0.0, 0.5], [5.0, 5.5]], "float32")
    local, crowd = ops.convert_to_numpy(
        ops.mean(layer(np.stack([beside, within])), axis=1)
    ).T
    assert local[0] > 2 * local[1]
    assert crowd[0] == pytest.approx(0.5, rel=0.05)


def test_few_references_are_all_listed():
    references = np.random.default_rng(0).normal(size=(9, 2))
    layer = CrossNeighbours(9, neighbors=2, crowd=6, num_folds=3)
    layer.adapt(references)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(references[:2].astype("float32"))),
        cross_neighbours_np(references[:2], references, 2, 6, 3),
        rtol=1e-3,
        atol=1e-3,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neighbors": 0}, "neighbors=0"),
        ({"neighbors": 9, "crowd": 8}, "crowd=8"),
        ({"num_folds": 2}, "num_folds=2"),
        ({"crowd": 81}, "'crowd': 80"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CrossNeighbours(100, **options)


def test_another_number_of_references_is_refused():
    with pytest.raises(ValueError, match="must be 40 references"):
        CrossNeighbours(40, crowd=10).adapt(np.zeros((39, 2)))


def test_the_references_are_saved(tmp_path):
    layer = CrossNeighbours(40, crowd=10)
    layer.adapt(np.random.default_rng(0).normal(size=(40, 2)))
    model = keras.Sequential([keras.Input((2,)), layer])
    x = np.ones((3, 2), "float32")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), model(x))
