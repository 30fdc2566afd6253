"""Volumes of moving digits."""

import itertools

import numpy as np

from dlunits.tasks.lab.convolution import motion

IMAGES = np.random.default_rng(0).uniform(size=(40, 28, 28, 1))


def test_each_frame_is_the_frame_before_it_moved_by_a_pixel():
    volumes, labels = motion.moving_digits(IMAGES, seed=0)
    assert set(labels) == {0, 1, 2, 3}
    for volume, label in zip(volumes[..., 0], labels, strict=True):
        step = list(motion.DIRECTIONS.values())[label]
        for before, after in itertools.pairwise(volume):
            np.testing.assert_array_equal(after, np.roll(before, step, (0, 1)))


def test_frames_hold_the_reduced_digit():
    volumes, _ = motion.moving_digits(IMAGES, seed=0)
    reduced = IMAGES.reshape(40, 7, 4, 7, 4).mean((2, 4))
    np.testing.assert_allclose(
        np.sort(volumes[:, 3].reshape(40, -1))[:, -49:],
        np.sort(reduced.reshape(40, -1)),
        rtol=1e-6,
    )


def test_opposite_motions_have_the_same_mean_image():
    """A classifier of mean images cannot distinguish them."""
    directions = list(motion.DIRECTIONS)
    for one, other in ("left", "right"), ("up", "down"):
        means = [
            motion.mean_frames(
                motion.moving_digits(
                    IMAGES, 3, np.full(40, directions.index(name))
                )[0]
            )
            for name in (one, other)
        ]
        np.testing.assert_allclose(*means, atol=1e-6)


def test_places_differ_and_a_seed_repeats_them():
    volumes, _ = motion.moving_digits(np.ones((40, 28, 28, 1)), seed=1)
    first = {tuple(np.argwhere(v[0, ..., 0])[0]) for v in volumes}
    assert len(first) > 10
    again, _ = motion.moving_digits(np.ones((40, 28, 28, 1)), seed=1)
    np.testing.assert_array_equal(volumes, again)


def test_the_network_takes_the_volumes():
    volumes, _ = motion.moving_digits(IMAGES[:2], seed=0)
    assert motion.motion_network()(volumes).shape == (2, 4)
