"""Neighbors against a loop; the test by its level and its power."""

import itertools
import tracemalloc

import numpy as np
import pytest

from dlunits.metrics import nearest_training_neighbors
from dlunits.metrics.nearest_training_neighbors import permutation_test


def nearest_np(generated, rows):
    """Distance to the nearest row and its index, in a loop over pairs."""
    found = []
    for x in generated:
        distances = [float(np.sqrt(np.sum((x - y) ** 2))) for y in rows]
        found.append((min(distances), int(np.argmin(distances))))
    return [np.array(column) for column in zip(*found, strict=True)]


@pytest.mark.parametrize("block_size", [1, 7, 1024])
def test_neighbors_match_a_loop_for_any_block_size(block_size):
    rng = np.random.default_rng(0)
    # Far from the origin, where sums of squares lose digits.
    generated, train, test = 1e4 + rng.normal(size=(3, 30, 4))
    check = nearest_training_neighbors(
        generated, train, test, block_size=block_size
    )
    for name, rows in (("train", train), ("test", test)):
        distance, row = nearest_np(generated, rows)
        np.testing.assert_allclose(check[f"{name}_distance"], distance)
        np.testing.assert_array_equal(check[f"{name}_index"], row)
    nearer = check["train_distance"] < check["test_distance"]
    assert check["share_nearer_to_train"] == nearer.mean()


def test_copies_of_training_rows_are_detected():
    rng = np.random.default_rng(1)
    train, test = rng.normal(size=(2, 200, 10))
    copies = train[:40] + 0.01 * rng.normal(size=(40, 10))
    check = nearest_training_neighbors(copies, train, test)
    assert check["p_value"] < 0.001
    assert check["statistic"] > 3
    assert check["share_nearer_to_train"] == 1
    np.testing.assert_array_equal(check["train_index"], np.arange(40))


def test_swapping_train_and_test_reverses_the_result():
    rng = np.random.default_rng(1)
    train, test = rng.normal(size=(2, 200, 10))
    there, back = (
        nearest_training_neighbors(train[:40], *sets)
        for sets in ((train, test), (test, train))
    )
    assert back["share_nearer_to_train"] == 0
    assert back["statistic"] == pytest.approx(-there["statistic"])
    assert back["p_value"] < 0.001


def test_new_examples_are_not_detected_as_copies():
    generated, train, test = np.random.default_rng(2).normal(size=(3, 300, 10))
    check = nearest_training_neighbors(generated, train, test)
    assert check["p_value"] > 0.05
    assert abs(check["share_nearer_to_train"] - 0.5) < 0.1


def test_the_test_rejects_new_examples_at_its_level():
    # A sign test rejects about 15 %, because examples share neighbors.
    rng = np.random.default_rng(3)
    p_values = np.array(
        [
            nearest_training_neighbors(
                *rng.normal(size=(3, 100, 20)), seed=seed
            )["p_value"]
            for seed in range(300)
        ]
    )
    # 0.05 and 0.5, and three standard deviations of a fraction of 300.
    assert (p_values <= 0.05).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    assert abs((p_values <= 0.5).mean() - 0.5) < 3 * np.sqrt(0.25 / 300) + 0.03


def test_p_value_and_statistic_match_all_permutations():
    counts = np.array([5, 0, 3, 1, 2, 0, 0, 1])
    sums = np.array([sum(h) for h in itertools.combinations(counts, 4)])
    middle = counts.sum() / 2
    far = np.abs(sums - middle) >= abs(counts[:4].sum() - middle)
    statistic, p_value = permutation_test(counts, np.random.default_rng(4))
    assert statistic == pytest.approx((9 - middle) / sums.std())
    # Standard deviation of a fraction of 9,999 draws: at most 0.005.
    assert abs(p_value - far.mean()) < 0.02


def test_one_row_copied_a_thousand_times_is_not_significant():
    # That row is in either set with probability 1/2.
    rng = np.random.default_rng(5)
    train, test = rng.normal(size=(2, 50, 3))
    generated = np.repeat(train[:1], 1000, axis=0)
    check = nearest_training_neighbors(generated, train, test)
    assert check["share_nearer_to_train"] == 1
    assert check["p_value"] == 1


def test_rows_in_both_sets_count_half():
    rows = np.random.default_rng(6).normal(size=(20, 3))
    check = nearest_training_neighbors(rows, rows, rows[::-1])
    assert check["share_nearer_to_train"] == 0.5
    assert (check["statistic"], check["p_value"]) == (0, 1)
    np.testing.assert_array_equal(check["train_distance"], 0)


@pytest.mark.parametrize("larger", ["train", "test"])
def test_rows_of_the_larger_set_are_sampled(larger):
    rng = np.random.default_rng(7)
    sets = {"train": rng.normal(size=(40, 3)), "test": rng.normal(size=(40, 3))}
    sets[larger] = rng.normal(size=(400, 3))
    generated = rng.normal(size=(2000, 3))
    one, same, other = (
        nearest_training_neighbors(generated, **sets, seed=seed)
        for seed in (1, 1, 2)
    )
    rows = np.unique(one[f"{larger}_index"])
    assert len(rows) <= 40 and rows.max() >= 40
    np.testing.assert_equal(one, same)
    assert not np.array_equal(rows, np.unique(other[f"{larger}_index"]))
    found = sets[larger][one[f"{larger}_index"]]
    np.testing.assert_allclose(
        np.linalg.norm(generated - found, axis=1), one[f"{larger}_distance"]
    )


def test_integers_do_not_overflow():
    pixels = np.array([[0, 255], [255, 0]], "uint8")
    near = np.array([[250, 0], [0, 251]], "uint8")
    check = nearest_training_neighbors(near, pixels, pixels)
    np.testing.assert_array_equal(check["train_distance"], [5, 4])


def test_memory_does_not_hold_all_distances():
    sets = np.random.default_rng(8).normal(size=(3, 3000, 4))
    tracemalloc.start()
    nearest_training_neighbors(*sets, block_size=100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All distances are 3000 * 3000 * 8 = 72 MB, of a block 2.4 MB; the draws
    # are 9,999 times a few.
    assert peak < 2e6


@pytest.mark.parametrize("name", ["generated", "train", "test"])
def test_names_the_row_that_is_not_finite(name):
    tables = {
        key: np.random.default_rng(9).normal(size=(50, 3))
        for key in ("generated", "train", "test")
    }
    tables[name][41, 2] = np.nan
    with pytest.raises(ValueError, match=rf"`{name}`.*infinity in row 41$"):
        nearest_training_neighbors(**tables, block_size=10)


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("train", np.zeros((1, 3)), "at least 2 rows in `train`"),
        ("test", np.zeros((5, 4)), "3 in `train`, 4 in `test`"),
        ("generated", np.zeros((3, 3, 1)), "`generated` of shape"),
    ],
)
def test_rejects_invalid_arguments(name, table, message):
    tables = {key: np.eye(3) for key in ("generated", "train", "test")}
    with pytest.raises(ValueError, match=message):
        nearest_training_neighbors(**{**tables, name: table})
