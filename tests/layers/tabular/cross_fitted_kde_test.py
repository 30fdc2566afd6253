"""Cross-fitted kernel density estimates against a slow loop."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import CrossFittedKDE


def nearest_np(row, others, count):
    """Mean distance from a row to the nearest of others."""
    distances = [np.sqrt(((row - other) ** 2).sum()) for other in others]
    return np.mean(sorted(distances)[:count])


def rarity_np(x, references, neighbors, far_neighbors, num_folds):
    """Written from the definition, one row and one fold at a time."""
    number = len(references)
    fold = [i % num_folds for i in range(number)]

    def others(i, own):
        return [
            references[j]
            for j in range(number)
            if j != i and (num_folds == 1 or (fold[j] == fold[i]) == own)
        ]

    near = [
        nearest_np(references[i], others(i, own=True), neighbors)
        for i in range(number)
    ]
    across, far = (
        np.median(
            [
                nearest_np(references[i], others(i, own=False), count)
                for i in range(number)
            ]
        )
        for count in (neighbors, far_neighbors)
    )
    n, u = np.array(near), np.median(near)
    b = np.sqrt(4e-6) * np.linalg.norm(references, axis=1)
    root = np.sqrt((n + 0.03 * u + 0.001) / (u + 0.001))
    widths = {
        "narrow": np.maximum(0.4 * across * root + 0.001, b),
        "wide": np.full(number, max(0.5 * far + 0.001, np.median(b))),
    }
    results = np.empty((len(x), num_folds, 2))
    for row, left, kernel in np.ndindex(len(x), num_folds, 2):
        width = list(widths.values())[kernel]
        kernels = [
            np.exp(-((x[row] - references[i]) ** 2).sum() / (2 * width[i] ** 2))
            for i in range(number)
            if num_folds == 1 or fold[i] != left
        ]
        results[row, left, kernel] = -np.log(np.mean(kernels))
    return results


@pytest.mark.parametrize("num_folds", [1, 2, 5])
def test_it_equals_a_slow_loop(num_folds):
    rng = np.random.default_rng(0)
    references, x = rng.normal(size=(61, 4)), rng.normal(size=(7, 4))
    layer = CrossFittedKDE(
        61, neighbors=3, far_neighbors=10, num_folds=num_folds
    )
    layer.adapt(references)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(x)),
        rarity_np(x, references, 3, 10, num_folds),
        rtol=1e-3,  # squared distances are short of 4e-6 of the norms
    )


def test_a_reference_does_not_see_its_own_fold():
    references = np.random.default_rng(0).normal(size=(53, 3))
    layer = CrossFittedKDE(53)
    layer.adapt(references)
    moved = references.copy()
    moved[7] += 0.2  # in fold 2, without another among its nearest
    before, after = (
        ops.convert_to_numpy(layer(references[[7]]))[0, :, 1]
        for layer in (layer, adapted(moved, layer.wide_width))
    )
    np.testing.assert_allclose(after[2], before[2], rtol=1e-5)
    assert (np.delete(after, 2) > np.delete(before, 2)).all()


def adapted(references, wide_width):
    layer = CrossFittedKDE(len(references))
    layer.adapt(references)
    layer.wide_width.assign(wide_width)
    return layer


def test_narrow_kernels_find_rows_beside_a_dense_region():
    rng = np.random.default_rng(0)
    dense, thin = rng.normal(0, 0.1, (100, 2)), rng.normal(5, 1, (100, 2))
    layer = CrossFittedKDE(200)
    layer.adapt(rng.permutation(np.concatenate([dense, thin])))
    # Both lie two standard deviations from the middle of a half.
    narrow, wide = ops.convert_to_numpy(
        ops.mean(layer(np.array([[0.0, 0.5], [5.0, 7.0]])), axis=1)
    ).T
    assert narrow[0] > 2 * narrow[1]
    assert wide[0] < wide[1]


def test_far_rows_differ_still():
    layer = CrossFittedKDE(50)
    layer.adapt(np.random.default_rng(0).normal(size=(50, 2)))
    far, farther = ops.convert_to_numpy(
        ops.mean(layer(np.array([[300.0, 0.0], [600.0, 0.0]])), axis=1)
    )
    assert np.isfinite(farther).all()
    np.testing.assert_allclose(farther / far, 4, rtol=0.05)  # squares


def test_equal_references_give_finite_rarity():
    layer = CrossFittedKDE(20)
    layer.adapt(np.ones((20, 3)))
    rarity = ops.convert_to_numpy(layer(np.array([[1.0] * 3, [2.0] * 3])))
    np.testing.assert_allclose(rarity[0], 0, atol=1e-6)
    assert np.isfinite(rarity).all() and (rarity[1] > 1000).all()


def test_the_rarity_of_equal_rows_does_not_depend_on_the_batch():
    """A product of one row is rounded otherwise than one of 400."""
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(20, 60)).astype("float32")
    layer = CrossFittedKDE(400)
    layer.adapt(kinds[rng.integers(0, 20, 400)])
    x = kinds[rng.integers(0, 20, 400)]
    together = ops.convert_to_numpy(layer(x))
    alone = [ops.convert_to_numpy(layer(row[None]))[0] for row in x[:20]]
    np.testing.assert_allclose(alone, together[:20], atol=1e-5)
    # A twentieth of the references are the row itself, the others far.
    np.testing.assert_allclose(together[..., 0], np.log(20), atol=1.0)


def test_square_distances_are_never_negative_and_far_ones_are_exact():
    rng = np.random.default_rng(0)
    references = 30 * rng.normal(size=(50, 40)).astype("float32")
    layer = CrossFittedKDE(50)
    layer.adapt(references)
    squares = ops.convert_to_numpy(layer.square_distances(references))
    squares = np.swapaxes(squares, 1, 2).reshape(50, 50)  # row i at place i
    exact = np.square(references[:, None] - references).sum(axis=-1)
    np.testing.assert_array_equal(squares.diagonal(), 0)
    np.testing.assert_allclose(squares, exact, rtol=1e-4)


def test_typical_is_near_a_usual_row_and_the_mean_for_a_distant_one():
    rng = np.random.default_rng(0)
    references = np.concatenate(
        [rng.normal(-3, 0.1, (100, 2)), rng.normal(3, 0.1, (100, 2))]
    )
    layer = CrossFittedKDE(200)
    layer.adapt(rng.permutation(references))
    x = np.array([[3.05, 2.9], [0.0, 1000.0]], "float32")
    near, far = ops.convert_to_numpy(layer.typical(x))
    np.testing.assert_allclose(near, [3, 3], atol=0.1)
    np.testing.assert_allclose(far, references.mean(axis=0), atol=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neighbors": 0}, "neighbors=0"),
        ({"neighbors": 9, "far_neighbors": 8}, "far_neighbors=8"),
        ({"num_folds": 0}, "num_folds=0"),
        ({"num_folds": 51}, "at least two references in a fold"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CrossFittedKDE(100, **options)


def test_another_number_of_references_is_refused():
    with pytest.raises(ValueError, match="must be 40 references"):
        CrossFittedKDE(40).adapt(np.zeros((39, 2)))


def test_the_references_are_saved(tmp_path):
    layer = CrossFittedKDE(40)
    layer.adapt(np.random.default_rng(0).normal(size=(40, 2)))
    model = keras.Sequential([keras.Input((2,)), layer])
    x = np.ones((3, 2), "float32")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), model(x))
