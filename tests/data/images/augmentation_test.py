"""Random affine distortions against a slow loop, and invariants."""

import math

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from dlunits.data.images.augmentation import (
    RandomAffine,
    inverse_affine_transforms,
    pad_to_32x32,
)
from dlunits.data.images.image_datasets import load, to_mnist_format

SEED = (3, 700)


@pytest.fixture(scope="module")
def digits():
    """Sixteen real digits, uint8 (16, 28, 28, 1)."""
    return to_mnist_format(load_digits().images[:16])


def draws(count, seed=SEED):
    """The six random numbers in [-1, 1) of each image."""
    return tf.random.stateless_uniform((6, count), seed, -1, 1).numpy()


def affine_np(image, angle, shear, scale_x, scale_y, shift_x, shift_y):
    """A loop over q = R [[1, shear], [0, 1]] diag(1/s_x, 1/s_y) (p - shift)."""
    rotation = np.array(
        [
            [math.cos(angle), -math.sin(angle)],
            [math.sin(angle), math.cos(angle)],
        ]
    )
    shearing = np.array([[1, shear], [0, 1]])
    matrix = rotation @ shearing @ np.diag([1 / scale_x, 1 / scale_y])
    padded = np.zeros((32, 32))
    for row in range(32):
        for column in range(32):
            p = np.array([column - 15.5, row - 15.5])  # from the middle
            q = matrix @ (p - [shift_x, shift_y])
            padded[row, column] = bilinear_np(image, q[0] + 13.5, q[1] + 13.5)
    return padded


def bilinear_np(image, x, y):
    """Four neighbors weighted by distance; pixels outside are 0."""
    left, top = math.floor(x), math.floor(y)
    total = 0.0
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < 28 and 0 <= column < 28:
                nearness = (1 - abs(x - column)) * (1 - abs(y - row))
                total += nearness * image[row, column]
    return total


def parameters(affine, draw):
    """Parameters of the equation for the random numbers of an image."""
    angle, shear, scale, aspect, x, y = draw
    return {
        "angle": math.radians(affine["rotation"]) * angle,
        "shear": affine["shear"] * shear,
        "scale_x": affine["scale"] ** scale * affine["aspect"] ** aspect,
        "scale_y": affine["scale"] ** scale / affine["aspect"] ** aspect,
        "shift_x": affine["shift"] * x,
        "shift_y": affine["shift"] * y,
    }


IDENTITY = {
    "rotation": 0.0,
    "shear": 0.0,
    "scale": 1.0,
    "aspect": 1.0,
    "shift": 0.0,
}


@pytest.mark.parametrize(
    "amplitudes",
    [
        {"rotation": 90.0},
        {"shear": 0.7},
        {"scale": 1.6},
        {"aspect": 1.4},
        {"shift": 9.0},
        {
            "rotation": 40.0,
            "shear": 0.4,
            "scale": 1.4,
            "aspect": 1.3,
            "shift": 5.0,
        },
    ],
    ids=lambda amplitudes: " ".join(amplitudes),
)
def test_distortions_follow_the_equation(digits, amplitudes):
    affine, images = IDENTITY | amplitudes, digits[:3]
    expected = [
        affine_np(image[..., 0] / 255.0, **parameters(affine, draw))
        for image, draw in zip(images, draws(3).T, strict=True)
    ]
    np.testing.assert_allclose(
        RandomAffine(**affine)(images, SEED)[..., 0], expected, atol=1e-4
    )


def test_draws_fill_the_range_and_do_not_exceed_it():
    """20,000 draws of each: within 1 % of either end, and not beyond."""
    many = draws(20_000)
    assert many.min(axis=1) == pytest.approx(-1, abs=0.01)
    assert many.max(axis=1) == pytest.approx(1, abs=0.01)
    assert np.abs(many).max() <= 1


def test_without_amplitudes_images_are_padded(digits):
    np.testing.assert_array_equal(
        RandomAffine(**IDENTITY)(digits, SEED), pad_to_32x32(digits)
    )


def test_padding_adds_two_empty_pixels_on_every_side(digits):
    padded = pad_to_32x32(digits)
    assert padded.dtype == tf.float32
    np.testing.assert_array_equal(
        padded[:, 2:30, 2:30], digits.astype("float32") / np.float32(255)
    )
    # nothing lies outside
    assert float(tf.reduce_sum(padded)) == pytest.approx(digits.sum() / 255)


def moved(images, x, y):
    one = tf.ones(len(images))
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32) / 255,
        transforms=inverse_affine_transforms(
            angle=0 * one,
            shear=0 * one,
            scale_x=one,
            scale_y=one,
            shift_x=x * one,
            shift_y=y * one,
            input_size=28,
        ),
        output_shape=[32, 32],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


@pytest.mark.parametrize(("x", "y"), [(2, 0), (0, -3), (-1, 4)])
def test_shifted_by_whole_pixels_it_is_the_same_image(digits, x, y):
    # x counts to the right, y downwards; the margin of a digit is empty.
    np.testing.assert_allclose(
        moved(digits, x, y),
        np.roll(pad_to_32x32(digits), (y, x), axis=(1, 2)),
        atol=1e-6,
    )


def test_without_shift_the_center_stays():
    """A centered disc becomes a centered ellipse."""
    y, x = np.mgrid[:28, :28] - 13.5
    disc = np.uint8(255 * (np.hypot(x, y) < 8))[None, ..., None]
    images = np.repeat(disc, 50, axis=0)
    outputs = RandomAffine(shift=0.0)(images, SEED).numpy()[..., 0]
    assert np.ptp(outputs, axis=0).max() > 0.5  # they were distorted
    total = outputs.sum((1, 2))
    places = np.arange(32)
    np.testing.assert_allclose(outputs.sum(1) @ places / total, 15.5, atol=0.05)
    np.testing.assert_allclose(outputs.sum(2) @ places / total, 15.5, atol=0.05)


def test_the_same_seed_gives_the_same_distortions(digits):
    distort = RandomAffine()
    first = distort(digits, SEED).numpy()
    np.testing.assert_array_equal(distort(digits, SEED), first)
    for other in [(3, 701), (4, 700)]:
        changed = distort(digits, other).numpy() != first
        assert changed.any(axis=(1, 2, 3)).all()


def test_every_image_of_a_batch_is_distorted_differently(digits):
    copies = np.repeat(digits[:1], 20, axis=0)
    outputs = RandomAffine()(copies, SEED).numpy().reshape(20, -1)
    assert len(np.unique(outputs, axis=0)) == 20


def test_a_graph_gives_the_same_for_any_batch_size(digits):
    distort = RandomAffine()
    inside = tf.function(
        distort,
        input_signature=[
            tf.TensorSpec((None, 28, 28, 1), tf.uint8),
            tf.TensorSpec((2,), tf.int64),
        ],
    )
    for images in (digits, digits[:5]):
        np.testing.assert_allclose(
            inside(images, tf.constant(SEED, tf.int64)),
            distort(images, SEED),
            atol=1e-5,
        )


def test_neither_foreground_nor_range_is_lost_on_mnist(shared_data):
    images = load("mnist", data_dir=shared_data / "tfds").test[0][:5000]
    distort = RandomAffine()
    outputs = distort(images, SEED).numpy()
    assert outputs.dtype == np.float32
    assert outputs.min() == 0
    assert 0.99 < outputs.max() <= 1 + 1e-6

    # Rotation and shear keep areas, scaling multiplies them by s_x s_y, which
    # is scale^2: aspect stretches one axis and shrinks the other.
    area = np.exp(2 * np.log(distort.scale) * draws(len(images))[2])
    foreground = images.sum((1, 2, 3), dtype="float64") / 255
    kept = outputs.sum((1, 2, 3), dtype="float64") / (foreground * area)
    assert kept.mean() == pytest.approx(1, abs=0.002)
    assert np.quantile(kept, 0.001) > 0.95
    assert kept.min() > 0.8
