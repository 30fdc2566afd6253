"""Crops, reflections and color shifts against slices and the paper."""

import numpy as np
import pytest
import tensorflow as tf

from dlunits.data.images.crop_augmentation import (
    RandomCrop,
    center_crop,
    color_components,
    ten_crops,
)


@pytest.fixture(scope="module")
def images():
    """Noise, so that every window differs."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (64, 9, 9, 3), dtype="uint8")


def windows_of(image, size):
    """All windows of an image, and their reflections, by slices."""
    positions = len(image) - size + 1
    for top, left in np.ndindex(positions, positions):
        window = image[top : top + size, left : left + size]
        yield (top, left, False), window
        yield (top, left, True), window[:, ::-1]


def test_each_image_is_one_of_its_windows_or_their_reflections(images):
    crops = RandomCrop(crop_size=7, image_size=9)(images, [0, 0]).numpy()
    found = []
    for image, crop in zip(images, crops, strict=True):
        [place] = [
            place
            for place, window in windows_of(image, 7)
            if np.allclose(window / 255, crop, atol=1e-6)
        ]
        found.append(place)
    # 64 images are in 3 * 3 * 2 places: all rows, columns and both sides.
    tops, lefts, reflected = zip(*found, strict=True)
    assert set(tops) == set(lefts) == {0, 1, 2}
    assert set(reflected) == {False, True}


def test_the_same_seed_gives_the_same_crops_and_another_one_others(images):
    crop = RandomCrop(7, 9, color_shift=np.eye(3))
    first, again, other = (crop(images, [0, k]).numpy() for k in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_flip_no_image_is_reflected(images):
    image = images[:1].repeat(64, axis=0)
    crops = RandomCrop(9, 9, flip=False)(image, [0, 0])
    np.testing.assert_allclose(crops, image / 255, atol=1e-6)


def test_the_color_shift_is_one_color_per_image_with_the_papers_deviation():
    """Krizhevsky et al., 2012: P (a * e) with a ~ N(0, 0.1)."""
    gray = np.full((4000, 3, 3, 3), 51, "uint8")
    components = np.array([[1.0, 0, 0], [0, 2, 0], [0, 1, 3]])
    crop = RandomCrop(2, 3, color_shift=components)
    shifts = crop(gray, [0, 0]).numpy() - 51 / 255
    np.testing.assert_allclose(
        shifts, shifts[:, :1, :1].repeat(2, 1).repeat(2, 2), atol=1e-6
    )
    covariance = np.cov(shifts[:, 0, 0].T)
    # Four standard errors of a variance of 4,000 draws are 9 % of it.
    np.testing.assert_allclose(
        covariance, 0.01 * components @ components.T, atol=0.1 * 0.1
    )
    assert abs(shifts.mean()) < 4 * 0.3 / np.sqrt(4000)


def test_color_components_are_those_of_the_covariance(images):
    images = images // np.array([1, 2, 4], "uint8")  # distinct eigenvalues
    pixels = images.reshape(-1, 3) / 255
    eigenvalues, eigenvectors = np.linalg.eigh(np.cov(pixels.T, bias=True))
    np.testing.assert_allclose(
        np.abs(color_components(images)),
        np.abs(eigenvectors * eigenvalues),
        atol=1e-5,
    )


def test_gray_images_get_three_equal_channels_and_one_component():
    gray = np.arange(0, 250, 10, "uint8").reshape(1, 5, 5, 1)
    crop = RandomCrop(5, 5, False, color_components(gray))
    crops = crop(gray, [0, 0]).numpy()
    np.testing.assert_allclose(crops[..., 0], crops[..., 1], atol=1e-5)
    np.testing.assert_allclose(crops[..., 0], crops[..., 2], atol=1e-5)


def test_ten_crops_are_corners_center_and_reflections(images):
    crops = ten_crops(tf.constant(images), 7, 9).numpy()
    assert crops.shape == (64, 10, 7, 7, 3)
    slices = [slice(0, 7), slice(2, 9), slice(1, 8)]
    for index, (rows, columns) in enumerate(
        [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)]
    ):
        window = images[:, slices[rows], slices[columns]] / 255
        np.testing.assert_allclose(crops[:, index], window, atol=1e-6)
        np.testing.assert_allclose(
            crops[:, 5 + index], window[:, :, ::-1], atol=1e-6
        )
    np.testing.assert_array_equal(
        center_crop(tf.constant(images), 7, 9), crops[:, 4]
    )
    five = ten_crops(tf.constant(images), 7, 9, flip=False)
    np.testing.assert_array_equal(five, crops[:, :5])


def test_small_images_are_resized_before():
    image = np.full((1, 4, 4, 1), 51, "uint8")
    crops = RandomCrop(crop_size=7, image_size=9)(image, [0, 0])
    np.testing.assert_allclose(crops, np.full((1, 7, 7, 3), 0.2), atol=1e-6)


@pytest.mark.parametrize("crop_size", [0, 10])
def test_rejects_windows_that_do_not_fit(crop_size):
    with pytest.raises(ValueError, match=f"Received: crop_size={crop_size}"):
        RandomCrop(crop_size, image_size=9)
