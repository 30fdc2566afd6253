"""Random handwriting: deformation, outliers and reproducibility."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from dlunits.data.images.augmentation import RandomAffine, pad_to_32x32
from dlunits.data.images.handwriting_augmentation import (
    RandomHandwriting,
    draw_curves,
    draw_outliers,
    join_halves,
    sample_bilinear,
)


@pytest.fixture(scope="module")
def bars():
    """Images with an upright bar, uint8."""
    images = np.zeros((40, 28, 28, 1), "uint8")
    images[:, 4:24, 12:16] = 255
    return images


@pytest.fixture(scope="module")
def distort():
    return tf.function(RandomHandwriting())


def test_values_shape_and_seed(bars, distort):
    first = distort(bars, [0, 1]).numpy()
    assert first.shape == (40, 32, 32, 1)
    assert first.min() >= 0
    assert first.max() <= 1
    np.testing.assert_array_equal(first, distort(bars, [0, 1]))
    assert np.abs(first - distort(bars, [0, 2])).max() > 0.5


def test_the_last_fifth_of_the_images_is_replaced(bars, distort):
    images = distort(bars, [0, 1]).numpy()
    without = tf.function(RandomHandwriting(outliers=0.0))(bars, [0, 1])
    differences = np.abs(images - without).max(axis=(1, 2, 3))
    assert differences[:32].max() < 1e-5
    assert differences[32:].min() > 0.5


def test_outliers_have_the_size_and_position_of_digits(bars):
    """So that only the shape distinguishes them from digits."""
    outliers = draw_outliers(bars / np.float32(255), 40, [0, 1]).numpy()
    assert outliers.shape == (40, 28, 28, 1)
    rows, columns = (
        (outliers > 0.5).any(2).sum(1),
        (outliers > 0.5).any(1).sum(1),
    )
    longer = np.maximum(rows, columns)
    assert longer.min() > 10
    assert longer.max() <= 24
    centers = np.array(
        [ndimage.center_of_mass(image[..., 0]) for image in outliers]
    )
    np.testing.assert_allclose(centers, 14, atol=0.5)


def test_halves_of_two_digits_are_joined():
    first, second = np.zeros((20, 28, 28), "f"), np.ones((20, 28, 28), "f")
    images = join_halves(first, second, [0, 0]).numpy()
    stacked = images[:, 14:].min(axis=(1, 2)) == 1
    assert 0 < stacked.sum() < 20
    assert (images[stacked, :14] == 0).all()
    assert (images[~stacked, :, :14] == 1).all()
    assert (images[~stacked, :, 14:] == 0).all()


def test_without_elasticity_the_deformation_is_affine(bars):
    ranges = {"rotation": 15.0, "shear": 0.2, "scale": 1.2, "aspect": 1.1}
    affine = RandomAffine(**ranges)(bars, [3, 4])
    elastic = RandomHandwriting(**ranges, elasticity=0.0)
    deformed = elastic.deform(tf.cast(bars, tf.float32) / 255, [3, 4])
    np.testing.assert_allclose(deformed, affine, atol=2e-3)


def test_bilinear_samples_are_those_of_scipy():
    rng = np.random.default_rng(0)
    image = rng.random((1, 9, 9), "float32")
    rows, columns = rng.uniform(-3, 12, (2, 1, 20, 20)).astype("float32")
    expected = ndimage.map_coordinates(
        np.pad(image[0], 4), [rows[0] + 4, columns[0] + 4], order=1
    )
    samples = sample_bilinear(image, tf.constant(rows), tf.constant(columns))
    np.testing.assert_allclose(samples[0], expected, atol=1e-2)


@pytest.mark.parametrize("connected", [False, True])
def test_drawings_are_strokes(connected):
    drawings = draw_curves(30, [0, 1], connected).numpy()
    assert drawings.shape == (30, 28, 28)
    share = (drawings > 0.5).mean(axis=(1, 2))
    assert share.min() > 0.01  # not empty
    assert share.max() < 0.4
    parts = [ndimage.label(drawing > 0)[1] for drawing in drawings]
    assert (max(parts) == 1) == connected


def test_images_that_are_not_distorted_stay(bars):
    """Without any range, only pen, blur, contrast and texture differ."""
    still = RandomHandwriting(0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0)
    images = still(bars, [0, 0]).numpy()
    clean = pad_to_32x32(tf.constant(bars)).numpy()
    for image, bar in zip(images, clean, strict=True):
        assert np.corrcoef(image.ravel(), bar.ravel())[0, 1] > 0.7
