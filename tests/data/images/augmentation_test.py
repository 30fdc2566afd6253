"""Distortions against a slow loop, and what they leave as it was."""

import math

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from dlunits.data.images.augmentation import (
    RandomAffine,
    field_to_image,
    pad_to_32x32,
)
from dlunits.data.images.image_datasets import load, to_mnist_format

SEED = (3, 700)


@pytest.fixture(scope="module")
def digits():
    """Sixteen real digits, uint8 (16, 28, 28, 1)."""
    return to_mnist_format(load_digits().images[:16])


def draws(count, seed=SEED):
    """The six numbers in [-1, 1) that each image's distortion is made of."""
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
    field = np.zeros((32, 32))
    for row in range(32):
        for column in range(32):
            p = np.array([column - 15.5, row - 15.5])  # from the middle
            q = matrix @ (p - [shift_x, shift_y])
            field[row, column] = bilinear_np(image, q[0] + 13.5, q[1] + 13.5)
    return field


def bilinear_np(image, x, y):
    """Four neighbors weighted by nearness; beyond the edge there is 0."""
    left, top = math.floor(x), math.floor(y)
    total = 0.0
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < 28 and 0 <= column < 28:
                nearness = (1 - abs(x - column)) * (1 - abs(y - row))
                total += nearness * image[row, column]
    return total


def parameters(affine, draw):
    """The equation's numbers for one image's draws."""
    angle, shear, scale, aspect, x, y = draw
    return {
        "angle": math.radians(affine["rotation"]) * angle,
        "shear": affine["shear"] * shear,
        "scale_x": affine["scale"] ** scale * affine["aspect"] ** aspect,
        "scale_y": affine["scale"] ** scale / affine["aspect"] ** aspect,
        "shift_x": affine["shift"] * x,
        "shift_y": affine["shift"] * y,
    }


STILL = {
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
def test_distorts_as_the_equation_says(digits, amplitudes):
    affine, images = STILL | amplitudes, digits[:3]
    expected = [
        affine_np(image[..., 0] / 255.0, **parameters(affine, draw))
        for image, draw in zip(images, draws(3).T, strict=True)
    ]
    np.testing.assert_allclose(
        RandomAffine(**affine)(images, SEED)[..., 0], expected, atol=1e-4
    )


def test_all_amplitudes_are_reached_and_none_is_passed():
    """20,000 draws of each: within 1 % of either end, and not beyond."""
    many = draws(20_000)
    assert many.min(axis=1) == pytest.approx(-1, abs=0.01)
    assert many.max(axis=1) == pytest.approx(1, abs=0.01)
    assert np.abs(many).max() <= 1


def test_without_amplitudes_it_places_the_image_in_the_field(digits):
    np.testing.assert_array_equal(
        RandomAffine(**STILL)(digits, SEED), pad_to_32x32(digits)
    )


def test_the_field_has_two_empty_pixels_on_every_side(digits):
    field = pad_to_32x32(digits)
    assert field.dtype == tf.float32
    np.testing.assert_array_equal(
        field[:, 2:30, 2:30], digits.astype("float32") / np.float32(255)
    )
    # all there is lies in the middle
    assert float(tf.reduce_sum(field)) == pytest.approx(digits.sum() / 255)


def moved(images, x, y):
    one = tf.ones(len(images))
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32) / 255,
        transforms=field_to_image(
            angle=0 * one,
            shear=0 * one,
            scale_x=one,
            scale_y=one,
            shift_x=x * one,
            shift_y=y * one,
            image=28,
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


def test_what_is_in_the_middle_stays_there():
    """A disc about the middle is an ellipse about the middle."""
    y, x = np.mgrid[:28, :28] - 13.5
    disc = np.uint8(255 * (np.hypot(x, y) < 8))[None, ..., None]
    images = np.repeat(disc, 50, axis=0)
    fields = RandomAffine(shift=0.0)(images, SEED).numpy()[..., 0]
    assert np.ptp(fields, axis=0).max() > 0.5  # they were distorted
    total = fields.sum((1, 2))
    places = np.arange(32)
    np.testing.assert_allclose(fields.sum(1) @ places / total, 15.5, atol=0.05)
    np.testing.assert_allclose(fields.sum(2) @ places / total, 15.5, atol=0.05)


def test_the_same_seed_distorts_in_the_same_way_and_another_does_not(digits):
    distort = RandomAffine()
    first = distort(digits, SEED).numpy()
    np.testing.assert_array_equal(distort(digits, SEED), first)
    for other in [(3, 701), (4, 700)]:
        changed = distort(digits, other).numpy() != first
        assert changed.any(axis=(1, 2, 3)).all()


def test_every_image_of_a_batch_is_distorted_in_its_own_way(digits):
    copies = np.repeat(digits[:1], 20, axis=0)
    fields = RandomAffine()(copies, SEED).numpy().reshape(20, -1)
    assert len(np.unique(fields, axis=0)) == 20


def test_gives_the_same_inside_a_graph_of_any_batch_size(digits):
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


def test_neither_ink_nor_range_is_lost_on_mnist(shared_data):
    images = load("mnist", data_dir=shared_data / "tfds").test[0][:5000]
    distort = RandomAffine()
    fields = distort(images, SEED).numpy()
    assert fields.dtype == np.float32
    assert fields.min() == 0
    assert 0.99 < fields.max() <= 1 + 1e-6

    # Rotation and shear keep areas, scaling multiplies them by s_x s_y, which
    # is scale^2: aspect stretches one axis and shrinks the other.
    area = np.exp(2 * distort.scale * draws(len(images))[2])
    ink = images.sum((1, 2, 3), dtype="float64") / 255
    kept = fields.sum((1, 2, 3), dtype="float64") / (ink * area)
    assert kept.mean() == pytest.approx(1, abs=0.002)
    assert np.quantile(kept, 0.001) > 0.95
    assert kept.min() > 0.8
