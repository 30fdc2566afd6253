"""Extraction of handwritten digits from photos and scans, in MNIST's format.

All steps are TensorFlow operations on batches. An exported SavedModel contains
them, so that apps and servers use the same preprocessing.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from dlunits.data.images.digit_segmentation import (
    main_component,
    remove_clutter,
)
from dlunits.data.images.encoded_size import check_encoded_size
from dlunits.data.images.neighborhood import mean_3x3
from dlunits.data.images.resampling import resize_bilinear, resize_by_area
from dlunits.data.images.sheet_of_paper import crop_to_sheet
from dlunits.typing import Tensor

IMAGE_SIZE = 28  # height and width of an MNIST image
DIGIT_SIZE = 20  # longer side of the digit in it, pixels
CENTER = 14  # row and column of the digit's center of mass
MAX_MEGAPIXELS = 40  # larger encoded images are not decoded
MAX_SIZE = 512  # longer side of a page that is processed, pixels
GRID_SIZE = 32  # cells per side of the grid on which the paper is estimated
NEIGHBORHOOD = 19  # cells of the local mean that a cell is compared with
CLOSING_SIZE = 13  # cells; wider than a stroke
PEN_WIDTH = 1.4  # half width of the resampling filter, pixels of the result
MIN_FOREGROUND = 0.25  # fraction of the maximum; a lower level is background
MIN_CLUTTER = 0.1  # the same before lines and frames are removed
# A page whose minority of pixels is dark is dark on light, unless the light
# foreground is more than this many times as strong as the dark one; and the
# other way round. The corner of a shadow is a dark minority, too.
MAX_OTHER_STRENGTH = 2.0


class ExtractedDigits(NamedTuple):
    """Digits found on a batch of pages.

    Attributes:
        digits: `(batch, 28, 28, 1)`, float32 in [0, 1]; the foreground is 1.
        contrast: `(batch,)`, largest difference of brightness between paper
            and digit, as a fraction of the brightness of the paper (for light
            digits on dark paper, of its distance from white). Below 0.15 the
            page is blank.
        several: `(batch,)`, bool: whether there is a second component, apart
            from the one in `digits`, that is large enough for a digit.

    Example:

    A page without ink.

    >>> found = extract_digits(tf.fill((1, 40, 40), 0.9))
    >>> float(found.contrast[0]) < 0.15, bool(found.several[0])
    (True, False)
    """

    digits: Tensor
    contrast: Tensor
    several: Tensor


def extract_digits(pages: Tensor) -> ExtractedDigits:
    """Segments the digit on each page and normalizes it as in MNIST.

    The background is estimated locally, so that shadows do not count as
    foreground:

        foreground = max(0, background - page) / background

    where background is the morphological closing of the page. Pages with
    light digits on dark are inverted first: those on which the minority of the
    pixels is lighter than its neighborhood, or the light foreground is more
    than twice as strong as the dark one. The digit is the connected
    component with the largest sum of foreground; small specks are removed. It
    is scaled to fit a box of 20x20 pixels with its aspect ratio kept, and its
    center of mass is placed at row and column 14 of 28x28 pixels.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", section III.A.

    Args:
        pages: `(batch, height, width)` or `(batch, height, width, channels)`;
            gray, gray and alpha, RGB or RGBA; integers over the range of their
            type or floats in [0, 1].

    Returns:
        `ExtractedDigits`.

    Example:

    A bar of 10x2 pixels is scaled to 20x4 pixels, so that the foreground
    starts 10 rows above the center.

    >>> page = tf.pad(tf.zeros((1, 10, 2)), [[0, 0], [9, 9], [30, 5]],
    ...               constant_values=1.0)
    >>> digit = extract_digits(page).digits[0, ..., 0]
    >>> [round(float(digit[row, 14]), 1) for row in (3, 7, 14)]
    [0.0, 1.0, 1.0]
    """
    level, contrast, several = segment_digits(to_brightness(pages))
    return ExtractedDigits(normalize_size(level), contrast, several)


def segment_digits(gray: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Segments the digit on each page, without normalizing its size.

    Args:
        gray: Brightness `(batch, height, width)`, see `to_brightness`.

    Returns:
        `(level, contrast, several)`: the level in [0, 1] of the digit,
        `(batch, height, width)`, 0 outside of it; `contrast` and `several` as
        in `ExtractedDigits`.

    Example:

    A bar of 10x2 pixels.

    >>> page = tf.pad(tf.zeros((1, 10, 2)), [[0, 0], [9, 9], [30, 5]],
    ...               constant_values=1.0)
    >>> level, contrast, several = segment_digits(page)
    >>> round(float(tf.reduce_sum(level))), bool(several[0])
    (20, False)
    """
    foreground = separate_foreground(crop_to_sheet(gray))
    level, _ = normalize_contrast(foreground, MIN_CLUTTER)
    digits = tf.where(remove_clutter(level) == level, foreground, 0.0)
    level, contrast = normalize_contrast(digits, MIN_FOREGROUND)
    mask, several = main_component(level)
    return level * mask, contrast, several


def decode_digits(encoded: Tensor) -> ExtractedDigits:
    """Decodes image files and extracts the digit from each.

    Args:
        encoded: `(batch,)`, strings: contents of PNG, JPEG, WebP, BMP or GIF
            files (first frame), of any sizes. EXIF orientations are not
            applied.

    Returns:
        `ExtractedDigits`.

    Raises:
        tf.errors.InvalidArgumentError: If a string is not such a file, or the
            image has more than 40 megapixels.

    Example:

    >>> page = tf.pad(tf.zeros((20, 4, 1), tf.uint8), [[9, 9], [30, 5], [0, 0]],
    ...               constant_values=255)
    >>> decode_digits(tf.io.encode_png(page)[None]).digits.shape.as_list()
    [1, 28, 28, 1]
    """

    def decode(contents: Tensor) -> ExtractedDigits:
        contents = check_encoded_size(contents, MAX_MEGAPIXELS)
        page = tf.io.decode_image(contents, expand_animations=False)
        found = extract_digits(limit_size(page)[None])
        return ExtractedDigits(*(part[0] for part in found))

    return tf.map_fn(
        decode,
        encoded,
        fn_output_signature=ExtractedDigits(
            tf.TensorSpec((IMAGE_SIZE, IMAGE_SIZE, 1), tf.float32),
            tf.TensorSpec((), tf.float32),
            tf.TensorSpec((), tf.bool),
        ),
    )


def limit_size(page: Tensor, max_size: int = MAX_SIZE) -> Tensor:
    """Downsamples an image to at most 512 pixels on the longer side.

    Args:
        page: `(height, width, channels)`, integers or floats.
        max_size: Largest length of the longer side, in pixels.

    Returns:
        `(height, width, channels)`, float32 in [0, 1].

    Example:

    >>> limit_size(tf.zeros((2048, 100, 1))).shape.as_list()
    [512, 25, 1]
    """
    page = tf.image.convert_image_dtype(page, tf.float32)
    page.set_shape((None, None, None))
    size = tf.shape(page)[:2]
    longer = tf.reduce_max(size)
    smaller = tf.maximum(1, size * tf.minimum(max_size, longer) // longer)
    channels_first = tf.transpose(page, (2, 0, 1))
    return tf.transpose(resize_by_area(channels_first, smaller), (1, 2, 0))


# Background and foreground


def to_brightness(pages: Tensor) -> Tensor:
    """Converts images of any color mode to brightness.

    Transparent pixels get the mean brightness of the opaque ones. If less than
    half of the page is opaque, the opaque pixels are the digit, and transparent
    pixels become black or white, whichever contrasts with it.

    Args:
        pages: `(batch, height, width)` or `(batch, height, width, channels)`,
            as in `extract_digits`.

    Returns:
        `(batch, height, width)`, float32 in [0, 1].

    Example:

    >>> to_brightness(tf.constant([[[[255, 0, 0]]]], tf.uint8)).numpy().round(2)
    array([[[0.33]]], dtype=float32)
    """
    pages = tf.convert_to_tensor(pages)
    if pages.shape.rank == 3:
        pages = pages[..., None]
    pages = tf.image.convert_image_dtype(pages, tf.float32)
    channels = tf.shape(pages)[-1]
    has_alpha = (channels == 2) | (channels == 4)
    colors = channels - tf.cast(has_alpha, tf.int32)
    gray = tf.reduce_mean(pages[..., :colors], axis=-1)
    opaque = tf.where(has_alpha, pages[..., -1], tf.ones_like(gray))
    covered = tf.reduce_mean(opaque, axis=(1, 2), keepdims=True)
    mean = tf.reduce_mean(gray * opaque, axis=(1, 2), keepdims=True)
    mean = mean / tf.maximum(covered, 1e-6)
    paper = tf.where(covered > 0.5, mean, 1 - tf.round(mean))
    return opaque * gray + (1 - opaque) * paper


def separate_foreground(gray: Tensor) -> Tensor:
    """Foreground of pages: difference from the background, as a fraction of it.

    Args:
        gray: Brightness `(batch, height, width)`.

    Returns:
        `(batch, height, width)`, see `Foreground.fraction`. Pages with light
        digits on dark paper are inverted first.
    """
    coarse = resize_bilinear(gray, (GRID_SIZE, GRID_SIZE), antialias=True)
    coarse = coarse[..., None]
    dark, light = foreground(gray, coarse), foreground(1 - gray, 1 - coarse)
    is_dark = tf.where(
        foreground_is_dark(coarse),
        light.strength <= MAX_OTHER_STRENGTH * dark.strength,
        dark.strength > MAX_OTHER_STRENGTH * light.strength,
    )
    return tf.where(is_dark[:, None, None], dark.fraction, light.fraction)


class Foreground(NamedTuple):
    """Part of each page that is darker than the background.

    Attributes:
        fraction: `(batch, height, width)`, difference of brightness, as a
            fraction of the brightness of the background.
        strength: `(batch,)`, largest difference of brightness.
    """

    fraction: Tensor
    strength: Tensor


def foreground(page: Tensor, coarse: Tensor) -> Foreground:
    """Foreground of pages.

    Args:
        page: Brightness `(batch, height, width)`.
        coarse: The same on a grid, `(batch, 32, 32, 1)`.

    Returns:
        `Foreground`.
    """
    background = resize_bilinear(close(coarse)[..., 0], tf.shape(page)[1:])
    difference = tf.nn.relu(background - page)
    return Foreground(
        difference / tf.maximum(background, 0.05),
        tf.reduce_max(mean_3x3(difference), axis=(1, 2)),
    )


def normalize_contrast(
    foreground: Tensor, minimum: float
) -> tuple[Tensor, Tensor]:
    """Scales the foreground of each page to [0, 1].

    Args:
        foreground: `(batch, height, width)`.
        minimum: Fraction of the maximum. Lower values get the level 0.

    Returns:
        `(level, contrast)`: the level `(batch, height, width)`, and the maximum
        of the foreground, `(batch,)`.
    """
    contrast = tf.reduce_max(mean_3x3(foreground), axis=(1, 2))
    level = foreground / tf.maximum(contrast, 1e-3)[:, None, None]
    level = (level - minimum) / (1 - minimum)
    return tf.clip_by_value(level, 0.0, 1.0), contrast


def foreground_is_dark(coarse: Tensor) -> Tensor:
    """Whether the minority of the pixels is darker than the local mean.

    The third central moment has the sign of the minority. Noise, gradients and
    the edges of shadows are symmetric and do not change it.
    """
    page = pad_edges(coarse, NEIGHBORHOOD // 2)
    mean = separable_pool(tf.nn.avg_pool2d, page, NEIGHBORHOOD)
    return tf.reduce_sum((page - mean) ** 3, axis=(1, 2, 3)) < 0


def close(coarse: Tensor) -> Tensor:
    """Morphological closing: removes dark strokes and keeps the paper."""
    margin = CLOSING_SIZE // 2
    page = pad_edges(coarse, margin)
    dilated = separable_pool(tf.nn.max_pool2d, page, CLOSING_SIZE)
    closed = -separable_pool(tf.nn.max_pool2d, -dilated, CLOSING_SIZE)
    return closed[:, margin:-margin, margin:-margin]


def pad_edges(page: Tensor, margin: int) -> Tensor:
    """Repeats the outermost cells, because digits may touch the border."""
    cells = tf.range(-margin, GRID_SIZE + margin)
    cells = tf.clip_by_value(cells, 0, GRID_SIZE - 1)
    return tf.gather(tf.gather(page, cells, axis=1), cells, axis=2)


def separable_pool(
    pool: Callable[..., Tensor], page: Tensor, window: int
) -> Tensor:
    """Pools rows, then columns."""
    return pool(pool(page, (window, 1), 1, "SAME"), (1, window), 1, "SAME")


# Size normalization and centering


def normalize_size(level: Tensor) -> Tensor:
    """Normalizes the size and position of digits as in MNIST.

    The longer side of the digit becomes 20 pixels; its center of mass is placed
    at row and column 14.

    Args:
        level: `(batch, height, width)`, float32 in [0, 1].

    Returns:
        `(batch, 28, 28, 1)`, float32, with the maximum 1.
    """
    height = extent(tf.reduce_max(level, axis=2))
    width = extent(tf.reduce_max(level, axis=1))
    step = tf.maximum(height, width) / DIGIT_SIZE  # page pixels per pixel
    rows = triangular_filters(tf.reduce_sum(level, axis=2), step)
    columns = triangular_filters(tf.reduce_sum(level, axis=1), step)
    digit = tf.einsum("biy,byx,bjx->bij", rows, level, columns)
    maximum = tf.reduce_max(digit, axis=(1, 2), keepdims=True)
    return (digit / tf.maximum(maximum, 1e-6))[..., None]


def extent(profile: Tensor) -> Tensor:
    """Length of the foreground in pixels: (batch, side) -> (batch,)."""
    foreground = tf.cast(profile > 0.15, tf.int32)
    before = tf.argmax(foreground, axis=1, output_type=tf.int32)
    behind = tf.argmax(foreground[:, ::-1], axis=1, output_type=tf.int32)
    return tf.cast(tf.shape(profile)[1] - before - behind, tf.float32)


def triangular_filters(mass: Tensor, step: Tensor) -> Tensor:
    """Antialiasing weights (batch, 28, side) of one axis.

    Row k is a triangular filter that is centered at
    `center of mass + (k - 14) step`, and is wider than a pixel of the page and
    than a pixel of the result.
    """
    pixels = tf.range(tf.shape(mass)[1], dtype=tf.float32)
    total = tf.maximum(tf.reduce_sum(mass, axis=1), 1e-6)
    center = tf.reduce_sum(mass * pixels, axis=1) / total
    offsets = tf.range(IMAGE_SIZE, dtype=tf.float32) - CENTER
    middle = center[:, None] + offsets * step[:, None]
    width = tf.maximum(PEN_WIDTH * step, 1.0)[:, None, None]
    weights = tf.nn.relu(1 - tf.abs(pixels - middle[..., None]) / width)
    return weights / tf.maximum(tf.reduce_sum(weights, -1, keepdims=True), 1.0)
