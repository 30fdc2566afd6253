"""Sizes of encoded images against Pillow, and the limit of pixels."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dlunits.data.images.encoded_size import check_encoded_size, encoded_size


def encode(file_format, width, height, mode="L", **options):
    stream = io.BytesIO()
    Image.new(mode, (width, height), 77).save(stream, file_format, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("file_format", "mode", "options"),
    [
        ("PNG", "L", {}),
        ("JPEG", "L", {}),
        ("GIF", "L", {}),
        ("BMP", "L", {}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {"exif": b"Exif\0\0"}),
    ],
)
def test_the_size_is_that_of_the_decoded_image(file_format, mode, options):
    contents = encode(file_format, 700, 300, mode, **options)
    assert [int(side) for side in encoded_size(contents)] == [300, 700]
    decoded = tf.io.decode_image(contents, expand_animations=False)
    assert decoded.shape[:2] == (300, 700)


def test_bitmaps_whose_rows_run_downwards_have_a_positive_height():
    contents = bytearray(encode("BMP", 7, 5))
    contents[22:26] = np.int32(-5).tobytes()
    assert [int(side) for side in encoded_size(bytes(contents))] == [5, 7]


@pytest.mark.parametrize("contents", [b"", b"\x89PNG", b"no image" * 9])
def test_other_files_have_the_size_zero(contents):
    assert [int(side) for side in encoded_size(contents)] == [0, 0]


def test_large_images_are_refused_before_they_are_decoded():
    @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
    def decode(contents):
        contents = check_encoded_size(contents, max_megapixels=40)
        return tf.io.decode_image(contents, expand_animations=False)

    assert decode(encode("PNG", 70, 30)).shape == (30, 70, 1)
    # A PNG header of 12,000 x 12,000 pixels, whose pixels are missing.
    header = bytearray(encode("PNG", 70, 30))
    header[16:24] = np.array([12_000, 12_000], ">u4").tobytes()
    with pytest.raises(tf.errors.InvalidArgumentError, match="40 megapixels"):
        decode(bytes(header))
