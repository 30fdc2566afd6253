"""Statistics of noise, and batches as functions of (seed, step)."""

import numpy as np
import pytest
import tensorflow as tf

from dlunits.data.images.corruption import (
    check_finite,
    denoising_batches,
    denoising_evaluation_batches,
    gaussian_noise,
    masking_noise,
    salt_and_pepper_noise,
)

SEED = (3, 700)

CORRUPTIONS = {
    "gaussian": gaussian_noise(0.3),
    "gaussian unclipped": gaussian_noise(0.3, clip=None),
    "masking": masking_noise(0.4, mask_value=-1.0),
    "salt and pepper": salt_and_pepper_noise(0.4, low=-1.0, high=2.0),
}

every_corruption = pytest.mark.parametrize(
    "corrupt", CORRUPTIONS.values(), ids=CORRUPTIONS
)


def random_images(count, shape=(4, 5, 1)):
    """Float images, no two alike."""
    rng = np.random.default_rng(0)
    return rng.uniform(0.2, 0.8, (count, *shape)).astype("float32")


# One corruption of one batch


def test_gaussian_noise_has_its_mean_deviation_and_shape():
    noise = gaussian_noise(0.5, clip=None)(np.zeros((400, 250)), SEED).numpy()
    # 100,000 draws: five standard errors of mean, deviation and shares.
    assert noise.mean() == pytest.approx(0, abs=5 * 0.5 / np.sqrt(1e5))
    assert noise.std() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(2e5))
    for sigmas, share in ((1, 0.3173), (2, 0.0455)):  # of a normal variable
        beyond = np.mean(np.abs(noise) > sigmas * 0.5)
        assert beyond == pytest.approx(share, abs=5 * np.sqrt(share / 1e5))
    # Independent: neighbors' products average to 0.
    for one, other in ((noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1])):
        assert np.mean(one * other) == pytest.approx(0, abs=5 * 0.25 / 300)


def test_clipped_gaussian_noise_is_the_unclipped_brought_into_range():
    x = random_images(50)
    free = gaussian_noise(0.5, clip=None)(x, SEED).numpy()
    for low, high in ((0, 1), (-0.5, 0.7)):
        noisy = gaussian_noise(0.5, clip=(low, high))(x, SEED)
        np.testing.assert_array_equal(noisy, np.clip(free, low, high))
    assert free.min() < -0.5 and free.max() > 1


def test_masking_follows_the_draws():
    x = random_images(10)
    draws = tf.random.stateless_uniform(x.shape, SEED).numpy()
    expected = x.copy()
    for place in np.ndindex(x.shape):
        if draws[place] < 0.4:
            expected[place] = -1
    np.testing.assert_array_equal(
        masking_noise(0.4, mask_value=-1.0)(x, SEED), expected
    )
    assert np.mean(expected == -1) == pytest.approx(0.4, abs=0.17)  # 200


def test_salt_and_pepper_follow_the_draws():
    x = random_images(10)
    draws = tf.random.stateless_uniform(x.shape, SEED).numpy()
    expected = x.copy()
    for place in np.ndindex(x.shape):
        if draws[place] < 0.4:
            expected[place] = -1 if draws[place] < 0.2 else 2
    noisy = salt_and_pepper_noise(0.4, low=-1.0, high=2.0)(x, SEED)
    np.testing.assert_array_equal(noisy, expected)
    assert np.mean(expected == 2) == pytest.approx(0.2, abs=0.14)  # of 200


@every_corruption
def test_the_same_seed_gives_the_same_noise_and_no_other_does(corrupt):
    x = random_images(8)
    first = corrupt(x, SEED).numpy()
    np.testing.assert_array_equal(corrupt(x, SEED), first)
    for other in ((3, 701), (4, 700)):
        changed = corrupt(x, other).numpy() != first
        assert changed.any(axis=(1, 2, 3)).all()


@every_corruption
def test_every_image_of_a_batch_has_its_own_noise(corrupt):
    copies = np.repeat(random_images(1), 10, axis=0)
    noisy = corrupt(copies, SEED).numpy().reshape(10, -1)
    assert len(np.unique(noisy, axis=0)) == 10


@every_corruption
def test_a_graph_of_any_shape_gives_the_same(corrupt):
    inside = tf.function(corrupt).get_concrete_function(
        tf.TensorSpec(None, tf.float32), tf.TensorSpec((2,), tf.int64)
    )
    seed = tf.constant(SEED, tf.int64)
    for x in (
        random_images(3),
        random_images(6, (2, 3, 4, 1)),
        random_images(5, ()),
    ):
        np.testing.assert_allclose(
            inside(tf.constant(x), seed), corrupt(x, SEED), atol=1e-6
        )


@every_corruption
def test_half_precision_stays_half_and_close_to_single(corrupt):
    x = random_images(20)
    half = corrupt(x.astype("float16"), SEED)
    assert half.dtype == tf.float16
    np.testing.assert_allclose(half, corrupt(x, SEED), atol=2e-3)


@every_corruption
def test_integer_images_are_refused(corrupt):
    with pytest.raises(ValueError, match=r"floats: divide.*Received: uint8"):
        corrupt(np.zeros((2, 3), "uint8"), SEED)


@pytest.mark.parametrize("stddev", [-0.1, float("nan"), float("inf")])
def test_a_negative_or_infinite_deviation_is_refused(stddev):
    with pytest.raises(ValueError, match=f"non-negative.*stddev={stddev}"):
        gaussian_noise(stddev)


@pytest.mark.parametrize("noise", [masking_noise, salt_and_pepper_noise])
@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_rates_outside_0_to_1_are_refused(noise, rate):
    with pytest.raises(ValueError, match=rf"\[0, 1\]. Received: rate={rate}"):
        noise(rate)


def test_a_mask_value_of_nan_is_refused():
    with pytest.raises(ValueError, match="mask_value=nan"):
        masking_noise(0.5, mask_value=float("nan"))


@pytest.mark.parametrize("ends", [(1, 0), (0, 0), (0, float("inf"))])
def test_invalid_ranges_are_refused(ends):
    with pytest.raises(ValueError, match=r"smaller one first. Received: \("):
        gaussian_noise(0.5, clip=ends)
    with pytest.raises(ValueError, match=r"smaller one first. Received: \("):
        salt_and_pepper_noise(0.5, *ends)


# Pairs for training


def pairs(images, first_step, last_step, *, corrupt=None, seed=0, **options):
    """Lists of (noisy, clean), one per step."""
    batches = denoising_batches(
        images,
        corrupt or gaussian_noise(0.3, clip=None),
        batch_size=4,
        seed=seed,
        first_step=first_step,
        last_step=last_step,
        **options,
    )
    return [(noisy.numpy(), clean.numpy()) for noisy, clean in batches]


def noise_of(images, steps):
    """Noise of each image in one epoch, in the images' order."""
    noise = np.full_like(images, np.nan)
    for noisy, clean in steps:
        for dirty, image in zip(noisy, clean, strict=True):
            (index,) = np.flatnonzero((images == image).all((1, 2, 3)))
            noise[index] = dirty - image
    return noise


def test_the_noisy_batch_is_the_clean_one_corrupted_with_seed_and_step():
    corrupt = CORRUPTIONS["salt and pepper"]
    for step, (noisy, clean) in enumerate(
        pairs(random_images(8), 0, 5, corrupt=corrupt, seed=9)
    ):
        np.testing.assert_array_equal(noisy, corrupt(clean, (9, step)))


def test_every_epoch_has_all_images_with_new_noise():
    images = random_images(12)  # three steps an epoch
    steps = pairs(images, 0, 6)
    first, second = noise_of(images, steps[:3]), noise_of(images, steps[3:])
    assert np.isfinite(first).all() and np.isfinite(second).all()
    # Of 240 draws of a normal variable no two are close, pixel by pixel:
    # the correlation of independent noise is 0 +- 1 / sqrt(240).
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 5 / 240**0.5
    assert first.std() == pytest.approx(0.3, abs=5 * 0.3 / 480**0.5)


@pytest.mark.parametrize("resumed_at", [1, 3, 5])
def test_a_resumed_run_has_the_batches_of_an_uninterrupted_one(resumed_at):
    unbroken = pairs(random_images(12), 0, 7)
    resumed = pairs(random_images(12), resumed_at, 7)
    for (noisy, clean), (noisy_again, clean_again) in zip(
        unbroken[resumed_at:], resumed, strict=True
    ):
        np.testing.assert_array_equal(noisy_again, noisy)
        np.testing.assert_array_equal(clean_again, clean)


def test_other_seeds_give_other_noise():
    images = random_images(4)
    noise = [noise_of(images, pairs(images, 0, 1, seed=s)) for s in (0, 1)]
    assert (noise[0] != noise[1]).any((1, 2, 3)).all()


def test_uint8_images_are_rescaled():
    images = np.arange(4 * 6, dtype="uint8").reshape(4, 2, 3, 1)
    ((noisy, clean),) = pairs(
        images,
        0,
        1,
        corrupt=masking_noise(0.5, mask_value=9.0),
        prepare=lambda images: tf.cast(images, tf.float32) / 255,
    )
    np.testing.assert_array_equal(
        np.sort(clean.ravel()), np.arange(24, dtype="float32") / 255
    )
    assert set(noisy[noisy != clean]) == {9.0}


# Pairs for evaluation


def evaluation(images, *, seed=0, batch_size=3, **options):
    """Noisy and clean images of one epoch."""
    batches = denoising_evaluation_batches(
        images,
        gaussian_noise(0.3, clip=None),
        seed=seed,
        batch_size=batch_size,
        **options,
    )
    noisy, clean = zip(*batches, strict=True)
    return np.concatenate(noisy), np.concatenate(clean)


def test_evaluation_has_all_images_in_order():
    images = np.arange(7, dtype="uint8").reshape(7, 1, 1, 1)
    _, clean = evaluation(
        images, prepare=lambda images: tf.cast(images, tf.float32) + 1
    )
    np.testing.assert_array_equal(clean, images + 1.0)


def test_evaluation_noise_depends_on_its_seed_but_not_on_the_batch_size():
    images = random_images(7)
    noisy, _ = evaluation(images)
    for batch_size in (1, 3, 7, 100):
        again, _ = evaluation(images, batch_size=batch_size)
        np.testing.assert_array_equal(again, noisy)
    other, _ = evaluation(images, seed=1)
    assert (other != noisy).any((1, 2, 3)).all()


def test_evaluation_noise_is_the_same_in_every_epoch():
    batches = denoising_evaluation_batches(
        random_images(5), masking_noise(0.5), seed=0, batch_size=5
    )
    passes = [noisy.numpy() for _ in range(2) for noisy, _ in batches]
    np.testing.assert_array_equal(*passes)


def test_evaluation_noise_differs_from_training_noise():
    images = np.zeros((8, 4, 5, 1), "float32")
    noisy, _ = evaluation(images)
    seen = np.concatenate([noisy for noisy, _ in pairs(images, 0, 40)])
    both = np.concatenate([noisy, seen]).reshape(8 + 160, -1)
    assert len(np.unique(both, axis=0)) == 8 + 160
    assert len(np.unique(both[:, 0])) == 8 + 160  # nor a part of it


def test_autotuning_is_off():
    # Autotune stalls the end of every epoch, and `fit` sees the last options.
    training = denoising_batches(
        random_images(4),
        masking_noise(0.5),
        batch_size=2,
        seed=0,
        first_step=0,
        last_step=1,
    )
    evaluated = denoising_evaluation_batches(
        random_images(4), masking_noise(0.5), seed=0
    )
    assert tf.data.Dataset.range(1).options().autotune.enabled is not False
    assert training.options().autotune.enabled is False
    assert evaluated.options().autotune.enabled is False


# Bad input


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_image_that_is_not_finite_is_reported(value):
    images = random_images(6)
    images[4, 1, 2, 0] = value
    images[5] = value
    message = "finite.*2 of 6 images, first in image 4"
    with pytest.raises(ValueError, match=message):
        check_finite(images)
    with pytest.raises(ValueError, match=message):
        pairs(images, 0, 1)
    with pytest.raises(ValueError, match=message):
        evaluation(images)


def test_integers_and_finite_floats_are_accepted():
    check_finite(np.zeros((2, 3, 3, 1), "uint8"))
    check_finite(np.full((2, 3), 1e30))
    check_finite(np.zeros((0, 3)))
    check_finite(np.zeros(5))
