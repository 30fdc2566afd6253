"""Size of encoded images from their first bytes, as TensorFlow operations."""

import tensorflow as tf

from dlunits.typing import Tensor

HEADER_SIZE = 30  # first bytes, with the image size in all formats but JPEG


def check_encoded_size(contents: Tensor, max_megapixels: float) -> Tensor:
    """Rejects an encoded image that is too large, before it is decoded.

    It protects a server against decompression bombs: a file of 140 kB can hold
    144 megapixels. The check is part of an exported SavedModel.

    Args:
        contents: Scalar string, contents of an image file.
        max_megapixels: Largest number of pixels, in millions.

    Returns:
        `contents`, with a control dependency on the check.

    Raises:
        tf.errors.InvalidArgumentError: If the image is too large.

    Example:

    >>> png = tf.io.encode_png(tf.zeros((2, 300, 1), tf.uint8))
    >>> bool(check_encoded_size(png, max_megapixels=1) == png)
    True
    """
    height, width = encoded_size(contents)
    megapixels = tf.cast(height, tf.float32) * tf.cast(width, tf.float32) / 1e6
    message = (
        f"The image has more than {max_megapixels:g} megapixels: scale it down "
        "or crop it. Received height and width:"
    )
    small = megapixels <= max_megapixels
    check = tf.debugging.Assert(small, [message, height, width])
    # In eager mode, `Assert` returns `None`.
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(contents)


def encoded_size(contents: Tensor) -> tuple[Tensor, Tensor]:
    """Height and width of an encoded image, without decoding it.

    Args:
        contents: Scalar string, contents of a PNG, JPEG, GIF, BMP or WebP
            file.

    Returns:
        `(height, width)`, scalars, int64; 0 for other files.

    Example:

    >>> png = tf.io.encode_png(tf.zeros((2, 300, 1), tf.uint8))
    >>> [int(side) for side in encoded_size(png)]
    [2, 300]
    """
    header = tf.strings.substr(contents, 0, HEADER_SIZE)
    padded = tf.strings.join([header, "\0" * HEADER_SIZE])
    data = tf.io.decode_raw(tf.strings.substr(padded, 0, HEADER_SIZE), tf.uint8)
    data = tf.cast(data, tf.int64)

    def number(start: int, length: int, big_endian: bool = False) -> Tensor:
        order = range(length)[::-1] if big_endian else range(length)
        return tf.add_n([data[start + i] * 256**k for k, i in enumerate(order)])

    def starts_with(text: str, place: int = 0) -> Tensor:
        return tf.strings.substr(padded, place, len(text)) == text

    def jpeg() -> tuple[Tensor, Tensor]:
        shape = tf.image.extract_jpeg_shape(contents, tf.int64)
        return shape[0], shape[1]

    def bmp_height() -> Tensor:  # negative if the rows run downwards
        height = number(22, 4)
        return tf.minimum(height, 2**32 - height)

    packed = number(21, 4)  # two numbers of 14 bits
    webp = starts_with("RIFF") & starts_with("WEBP", 8)
    cases = [
        (
            starts_with("PNG", 1),
            lambda: (number(20, 4, True), number(16, 4, True)),
        ),
        (tf.reduce_all(data[:2] == [0xFF, 0xD8]), jpeg),
        (starts_with("GIF"), lambda: (number(8, 2), number(6, 2))),
        (starts_with("BM"), lambda: (bmp_height(), number(18, 4))),
        (
            webp & starts_with("VP8X", 12),
            lambda: (number(27, 3) + 1, number(24, 3) + 1),
        ),
        (
            webp & starts_with("VP8L", 12),
            lambda: (packed // 2**14 % 2**14 + 1, packed % 2**14 + 1),
        ),
        (webp, lambda: (number(28, 2) % 2**14, number(26, 2) % 2**14)),
    ]
    zero = tf.constant(0, tf.int64)
    return tf.case(cases, default=lambda: (zero, zero))
