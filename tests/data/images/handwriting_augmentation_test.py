"""Random handwriting: what is kept, what is replaced, and the seed."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from dlunits.data.images.augmentation import RandomAffine, pad_to_32x32
from dlunits.data.images.handwriting_augmentation import (
    RandomHandwriting,
    draw_curves,
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


def test_a_tenth_of_the_images_is_replaced(bars, distort):
    """The bar covers the center; a drawing or half a bar rarely does."""
    kept = distort(bars, [0, 1]).numpy()[:36]
    assert kept[:, 12:20, 10:22].max(axis=(1, 2, 3)).min() > 0.3
    same = RandomHandwriting(outliers=0.0)(bars, [0, 1])
    assert same.shape == (40, 32, 32, 1)
    np.testing.assert_allclose(same[:20], kept[:20], atol=1.0)


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


def test_drawings_are_strokes():
    drawings = draw_curves(tf.constant(30), [0, 1]).numpy()
    assert drawings.shape == (30, 32, 32, 1)
    share = (drawings > 0.5).mean(axis=(1, 2, 3))
    assert share.min() > 0.01  # not empty
    assert share.max() < 0.4


def test_images_that_are_not_distorted_stay(bars):
    """Without any range, only pen, blur, contrast and texture differ."""
    still = RandomHandwriting(0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0)
    images = still(bars, [0, 0]).numpy()
    clean = pad_to_32x32(tf.constant(bars)).numpy()
    for image, bar in zip(images, clean, strict=True):
        assert np.corrcoef(image.ravel(), bar.ravel())[0, 1] > 0.7
