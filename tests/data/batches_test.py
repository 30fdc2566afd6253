"""Batches: each a function of (seed, step), each epoch a permutation."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.data.batches import (
    evaluation_batches,
    steps_per_epoch,
    training_batches,
)


def numbered(count):
    """Images of one pixel that shows their own number."""
    return np.arange(count).reshape(count, 1, 1, 1)


def as_they_are(images, seed):
    return images


def batches(count, first_step, last_step, *, batch_size=2, seed=0):
    """Numbers of the images of each step, (steps, batch_size)."""
    steps = training_batches(
        numbered(count),
        10 * np.arange(count),
        batch_size=batch_size,
        seed=seed,
        first_step=first_step,
        last_step=last_step,
        prepare=as_they_are,
    )
    chosen = []
    for images, labels in steps:
        numbers = images.numpy().ravel()
        np.testing.assert_array_equal(labels, 10 * numbers)  # its own label
        chosen.append(numbers)
    return np.array(chosen, int).reshape(last_step - first_step, batch_size)


def epoch_order(count, epoch, **options):
    """Numbers in the order of one epoch of batches of one."""
    start = epoch * count
    return batches(count, start, start + count, batch_size=1, **options).ravel()


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_resumed_run_has_the_batches_of_an_uninterrupted_one(data):
    count = data.draw(st.integers(1, 30), "images")
    batch_size = data.draw(st.integers(1, count), "batch size")
    seed = data.draw(st.integers(0, 2**40), "seed")
    last = data.draw(st.integers(1, 20), "last step")
    first = data.draw(st.integers(0, last), "resumed at")
    options = {"batch_size": batch_size, "seed": seed}

    np.testing.assert_array_equal(
        batches(count, first, last, **options),
        batches(count, 0, last, **options)[first:],
    )


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(1, 60),
    epoch=st.integers(0, 10**6),
    seed=st.integers(0, 2**40),
)
def test_an_epoch_is_a_permutation(count, epoch, seed):
    order = epoch_order(count, epoch, seed=seed)
    assert sorted(order) == list(range(count))


def test_an_incomplete_batch_is_left_out_of_that_epoch_only():
    # 11 images make 2 batches of 4; 3 are left out, others every time.
    epochs = batches(11, 0, 100, batch_size=4).reshape(50, 8)
    left_out = [set(range(11)) - set(epoch) for epoch in epochs]
    assert {len(numbers) for numbers in left_out} == {3}
    assert set.union(*left_out) == set(range(11))


def test_epochs_and_seeds_differ_in_order():
    # Two of 100! orders are equal once in 10^158 tries.
    orders = [
        epoch_order(100, epoch, seed=s) for epoch in (0, 1) for s in (0, 1)
    ]
    assert len({tuple(order) for order in orders}) == 4


def test_orders_do_not_come_back_after_256_epochs():
    """The shuffle reads a byte of each key: 65,536 orders, not 256.

    Of 600 draws out of 65,536 about 600^2 / 2 / 65,536 = 3 meet another.
    """
    orders = batches(20, 0, 600, batch_size=20)
    assert len({tuple(order) for order in orders}) >= 590


def test_the_millionth_step_works_too():
    step = 10**6
    chosen = batches(1000, step, step + 3, batch_size=100)
    np.testing.assert_array_equal(
        chosen[1:], batches(1000, step + 1, step + 3, batch_size=100)
    )
    # 10 steps an epoch: these three are of one, so they share no image.
    assert len(set(chosen.ravel())) == 300


def test_each_step_has_its_own_reproducible_seed():
    def seeds(seed, first_step):
        return [
            tuple(prepared.numpy())
            for prepared, _ in training_batches(
                numbered(6),
                np.arange(6),
                batch_size=3,
                seed=seed,
                first_step=first_step,
                last_step=20,
                prepare=lambda images, seed: seed,
            )
        ]

    first, other = seeds(1, 0), seeds(2, 0)
    assert len({*first, *other}) == 40
    assert seeds(1, 7) == first[7:]


def test_labels_of_a_batch_can_be_changed():
    data = np.arange(12).reshape(12, 1, 1, 1), np.arange(12)
    options = {"batch_size": 4, "seed": 0, "first_step": 0, "last_step": 3}
    pipelines = [
        training_batches(
            *data, **options, prepare=lambda images, seed: images, **more
        )
        for more in ({}, {"relabel": lambda labels: labels + 100})
    ]
    for (images, labels), (same, changed) in zip(*pipelines, strict=True):
        np.testing.assert_array_equal(images, same)
        np.testing.assert_array_equal(labels + 100, changed)


def test_an_empty_range_of_steps_gives_no_batches():
    assert batches(6, 3, 3).size == 0


def test_a_batch_larger_than_the_data_is_refused():
    assert batches(5, 0, 1, batch_size=5).shape == (1, 5)
    with pytest.raises(
        ValueError, match=r"Received: 5 training images.*smaller.*batch_size=6"
    ):
        batches(5, 0, 1, batch_size=6)


def evaluation(count, batch_size):
    return evaluation_batches(
        numbered(count),
        10 * np.arange(count),
        batch_size=batch_size,
        prepare=lambda images: images + 1,
    )


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 40), batch_size=st.integers(1, 50))
def test_evaluation_has_all_images_in_order(count, batch_size):
    pairs = list(evaluation(count, batch_size))
    images = np.concatenate([images for images, _ in pairs])
    labels = np.concatenate([labels for _, labels in pairs])
    np.testing.assert_array_equal(images, numbered(count) + 1)
    np.testing.assert_array_equal(labels, 10 * np.arange(count))


def test_autotuning_is_off():
    # Autotune stalls the end of every epoch, and `fit` sees the last options.
    training = training_batches(
        numbered(4),
        np.arange(4),
        batch_size=2,
        seed=0,
        first_step=0,
        last_step=2,
        prepare=as_they_are,
    )
    assert tf.data.Dataset.range(1).options().autotune.enabled is not False
    assert training.options().autotune.enabled is False
    assert evaluation(4, 2).options().autotune.enabled is False


def test_small_data_sets_are_repeated():
    assert steps_per_epoch(10_000, 32, 10_000) == 312
    assert steps_per_epoch(10_001, 32, 10_000) == 312
    assert steps_per_epoch(320, 32, 10_000) == 31 * 10  # 31 * 320 = 9,920
