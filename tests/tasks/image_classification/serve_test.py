"""Endpoints of AlexNet with images of all shapes, and files."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dlunits.data.images.image_files import read_rgb_image
from dlunits.tasks.image_classification.serve import (
    classifier_endpoints,
    decode_square,
)


def mean_colors(crops):
    """A model whose scores are the mean colors of its input."""
    return tf.reduce_mean(crops, axis=(1, 2))


@pytest.fixture(scope="module")
def endpoints():
    found = classifier_endpoints(mean_colors, crop_size=67, flip=True)
    return {name: function for name, (function, *_) in found.items()}


@pytest.mark.parametrize(
    "images",
    [
        np.full((2, 90, 80, 3), (51, 102, 204), "uint8"),
        np.full((2, 76, 76, 3), (0.2, 0.4, 0.8), "float32"),
        np.full((2, 300, 67, 3), (51.0, 102.0, 204.0), "float32"),
    ],
)
def test_arrays_of_all_scales_and_sizes_are_classified(endpoints, images):
    outputs = endpoints["serving_default"](tf.constant(images))
    np.testing.assert_allclose(
        outputs["scores"], [[0.2, 0.4, 0.8]] * 2, atol=1e-4
    )
    assert outputs["class"].numpy().tolist() == [2, 2]


def test_gray_arrays_have_three_equal_channels(endpoints):
    outputs = endpoints["serving_default"](
        tf.fill((80, 90), tf.constant(51, "uint8"))
    )
    np.testing.assert_allclose(outputs["scores"], [[0.2] * 3], atol=1e-4)


def test_arrays_with_two_channels_are_refused(endpoints):
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 or 3 channels"):
        endpoints["serving_default"](tf.zeros((1, 80, 80, 2), "uint8"))


def encode(tmp_path, mode, color, suffix="png"):
    path = tmp_path / f"{mode}.{suffix}"
    Image.new(mode, (40, 30), color).save(path)
    return path.read_bytes()


def test_files_of_all_color_modes_are_classified(endpoints, tmp_path):
    encoded = [
        encode(tmp_path, "RGB", (51, 102, 204)),
        encode(tmp_path, "L", 51),
        encode(tmp_path, "LA", (51, 255)),
        encode(tmp_path, "RGBA", (0, 0, 0, 0)),
    ]
    outputs = endpoints["classify_files"](tf.constant(encoded))
    np.testing.assert_allclose(
        outputs["scores"],
        [[0.2, 0.4, 0.8], [0.2] * 3, [0.2] * 3, [1.0] * 3],
        atol=1e-4,
    )


def test_a_file_becomes_the_image_of_training(tmp_path):
    """TensorFlow's and Pillow's resizing differ little, mostly at borders."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (13, 17, 3), dtype="uint8")
    photo = Image.fromarray(coarse).resize((170, 130), Image.Resampling.BICUBIC)
    path = tmp_path / "photo.png"
    photo.save(path)
    served = decode_square(tf.constant(path.read_bytes()), 76).numpy()
    differences = np.abs(served - read_rgb_image(path, 76))
    assert differences.mean() < 1
    assert differences.max() < 10


def test_a_string_that_is_no_image_is_refused(endpoints):
    with pytest.raises(tf.errors.InvalidArgumentError):
        endpoints["classify_files"](tf.constant([b"no image"]))
