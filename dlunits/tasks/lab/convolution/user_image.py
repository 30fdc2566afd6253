"""Image file of a user as the input of a classifier."""

import numpy as np
import tensorflow as tf

from dlunits.data.images.faint_ink import MIN_CONTRAST
from dlunits.data.images.handwriting import (
    ExtractedDigits,
    extract_digits,
    limit_size,
)
from dlunits.data.images.image_files import read_image
from dlunits.paths import expand_user
from dlunits.typing import Array, Path

MAX_MEGAPIXELS = 40
MIN_SIDE = 8  # pixels; smaller images have no recognizable content


def read_user_image(
    path: Path, input_shape: tuple[int, ...], *, handwriting: bool
) -> Array:
    """Reads an image file in the shape that a model expects.

    Args:
        path: Image file, see `dlunits.data.images.image_files.read_image`.
        input_shape: `(height, width, 1 or 3)`.
        handwriting: Whether the image is the photo or scan of a digit, which is
            cropped and centered as in MNIST, for the shape `(28, 28, 1)`.
            Other images are resized.

    Returns:
        Float32 array of the input shape, from 0 to 1.

    Raises:
        ValueError: If the file cannot be read, or does not show a single digit.
            The message is one line that begins with the path.
    """
    path = expand_user(path)
    gray = input_shape[-1] == 1
    try:
        image = read_image(path, max_bits=8, max_megapixels=MAX_MEGAPIXELS)
        rows, columns, _ = image.pixels.shape
        if min(rows, columns) < MIN_SIDE:
            raise ValueError(
                f"has {columns}x{rows} pixels. Expected at least "
                f"{MIN_SIDE}x{MIN_SIDE}"
            )
        if handwriting:
            found = extract_digits(limit_size(image.pixels)[None])
            check_single_digit(found)
            return np.asarray(found.digits[0])
        pixels = image.to_gray()[..., None] / 255 if gray else image.colors
        return resize_image(pixels, input_shape)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def check_single_digit(found: ExtractedDigits) -> None:
    """Raises ValueError if a page is blank or shows several digits."""
    if float(found.contrast[0]) < MIN_CONTRAST:
        raise ValueError("is blank: no ink stands out from the paper")
    if found.several[0]:
        raise ValueError("shows several digits: crop it to one")


def resize_image(image: Array, input_shape: tuple[int, ...]) -> Array:
    """Resizes an image to the input shape of a model.

    Args:
        image: Array `(height, width, 1 or 3)`, from 0 to 1.
        input_shape: `(height, width, 1 or 3)`. Gray is repeated for three
            channels.

    Returns:
        Float32 array of the input shape.

    Example:

    >>> resize_image(np.ones((4, 4, 1)), (2, 6, 3)).shape
    (2, 6, 3)
    """
    height, width, channels = input_shape
    resized = tf.image.resize(image, (height, width), antialias=True).numpy()
    repeated = np.repeat(resized, channels // resized.shape[-1], axis=-1)
    return np.clip(repeated, 0, 1).astype("float32")
