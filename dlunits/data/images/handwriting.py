"""A photo or scan of a handwritten digit -> an image such as MNIST's.

Everything here is TensorFlow without a line of Python per image, so that a
SavedModel holds it too: what the app reads, the server reads.
"""

from typing import NamedTuple

import tensorflow as tf

FIELD = 28  # rows and columns of MNIST's images
BOX = 20  # the digit's longer side in them, pixels
CENTER = 14  # row and column of its center of mass
LONGEST = 512  # longer side of the page that is worked on, pixels
GRID = 32  # rows and columns of the coarse page that light is estimated on
NEIGHBORHOOD = 19  # coarse cells a cell is compared with
STROKE = 13  # coarse cells, more than any stroke is wide
CELLS = 64  # rows and columns of the page that ink is grouped on
SOFTNESS = 1.4  # half width of the drawing pen, drawn pixels: thin lines spread
FAINT = 0.25  # part of the strongest ink below which a pixel is paper
BLANK = 0.15  # contrast below which a page holds nothing to read


class ExtractedDigits(NamedTuple):
    """What was found on a batch of pages.

    Attributes:
        digits: `(batch, 28, 28, 1)`, float32 in [0, 1], ink 1 on 0.
        contrast: `(batch,)`, how far the ink stands out, as a part of all
            that lies between the paper and black (for light ink: white).
            Below `BLANK` it is the paper's grain.
        several: `(batch,)`, bool: a second figure, large enough to be a
            digit, stands apart from the one in `digits`.
    """

    digits: tf.Tensor
    contrast: tf.Tensor
    several: tf.Tensor


def extract_digits(pages):
    """Finds the digit on each page and draws it the way MNIST was made.

    The paper's brightness is estimated place by place, so that a shadow is
    not taken for ink; what is ink is told by being the minority where it
    stands. Specks of dirt are dropped. The digit is scaled into a box of
    20x20, keeping its aspect, and its center of mass put on row and column 14
    of 28x28, where MNIST has it.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", section III.A.

    Args:
        pages: `(batch, height, width)` or `(batch, height, width, channels)`
            of any one size; gray, gray and alpha, RGB or RGBA; integers over
            their type's range or floats in [0, 1].

    Returns:
        A `ExtractedDigits`.

    Example, a bar of 10x2 pixels is stretched to 20x4, 7 rows and columns
    of the field above the center are still ink, 11 are not:

    >>> page = tf.pad(tf.zeros((1, 10, 2)), [[0, 0], [9, 9], [30, 5]],
    ...               constant_values=1.0)
    >>> digit = extract_digits(page).digits[0, ..., 0]
    >>> [round(float(digit[row, 14]), 1) for row in (3, 7, 14)]
    [0.0, 1.0, 1.0]
    """
    ink = ink_on_paper(brightness(pages))
    smooth = tf.nn.avg_pool2d(ink[..., None], 3, 1, "SAME")
    contrast = tf.reduce_max(smooth, axis=(1, 2, 3))
    level = ink / tf.maximum(contrast, 1e-3)[:, None, None]
    level = tf.clip_by_value((level - FAINT) / (1 - FAINT), 0.0, 1.0)
    kept, several = main_figure(level)
    return ExtractedDigits(draw(level * kept), contrast, several)


def decode_digits(encoded):
    """Decodes image files and finds the digit in each.

    Args:
        encoded: `(batch,)`, strings: PNG, JPEG, WebP, GIF (its first frame)
            or BMP files of any sizes. A rotation that a camera noted in EXIF
            is not applied: turn such images upright first.

    Returns:
        A `ExtractedDigits`.

    Raises:
        tf.errors.InvalidArgumentError: If one of them is no such file.
    """

    def read(contents):
        page = tf.io.decode_image(contents, expand_animations=False)
        found = extract_digits(shrink(page)[None])
        return ExtractedDigits(*(part[0] for part in found))

    return tf.map_fn(
        read,
        encoded,
        fn_output_signature=ExtractedDigits(
            tf.TensorSpec((FIELD, FIELD, 1), tf.float32),
            tf.TensorSpec((), tf.float32),
            tf.TensorSpec((), tf.bool),
        ),
    )


def shrink(page):
    """Brings the longer side of `(height, width, channels)` down to 512."""
    page = tf.image.convert_image_dtype(page, tf.float32)
    page.set_shape((None, None, None))
    size = tf.shape(page)[:2]
    longer = tf.reduce_max(size)
    smaller = tf.maximum(1, size * tf.minimum(LONGEST, longer) // longer)
    return tf.image.resize(page, smaller, method="area")


# Light and paper


def brightness(pages):
    """(batch, height, width[, channels]) -> gray (batch, height, width).

    What is transparent takes the brightness of the paper: the mean of what is
    opaque, or, if less than half is (ink alone, on nothing), its opposite.
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


def ink_on_paper(gray):
    """Part of the paper's light that ink takes: (batch, height, width)."""
    coarse = tf.image.resize(gray[..., None], (GRID, GRID), antialias=True)
    dark = ink_is_dark(coarse)[:, None, None]
    light = tf.where(dark, gray, 1 - gray)
    paper = without_strokes(tf.where(dark[..., None], coarse, 1 - coarse))
    paper = tf.image.resize(paper, tf.shape(gray)[1:])[..., 0]
    return tf.nn.relu(paper - light) / tf.maximum(paper, 0.05)


def ink_is_dark(coarse):
    """Whether the few differ from the many around them towards black.

    The third moment of the difference has the sign of the minority; noise,
    a slope and a shadow's edge are symmetric and leave it alone.
    """
    page = beyond_the_edge(coarse, NEIGHBORHOOD // 2)
    around = separable(tf.nn.avg_pool2d, page, NEIGHBORHOOD)
    return tf.reduce_sum((page - around) ** 3, axis=(1, 2, 3)) < 0


def without_strokes(coarse):
    """Closing: dark strokes take the brightness of the paper beside them."""
    margin = STROKE // 2
    page = beyond_the_edge(coarse, margin)
    lightest = separable(tf.nn.max_pool2d, page, STROKE)
    closed = -separable(tf.nn.max_pool2d, -lightest, STROKE)
    return closed[:, margin:-margin, margin:-margin]


def beyond_the_edge(page, margin):
    """Repeats the outermost cells: a digit may fill the frame."""
    cells = tf.clip_by_value(tf.range(-margin, GRID + margin), 0, GRID - 1)
    return tf.gather(tf.gather(page, cells, axis=1), cells, axis=2)


def separable(pool, page, window):
    return pool(pool(page, (window, 1), 1, "SAME"), (1, window), 1, "SAME")


# Figures and specks


def main_figure(level):
    """Which pixels belong to the digit, and whether another stands apart.

    Ink that touches is one figure. The heaviest is the digit, with what is
    near and no speck (the bar of a 5, a broken stroke).
    """
    batch, cells = tf.shape(level)[0], CELLS * CELLS
    coarse = tf.image.resize(level[..., None], (CELLS, CELLS), antialias=True)
    names = tf.reshape(figures(coarse[..., 0] > 0.1), (batch, cells))
    segments = names + (cells + 1) * tf.range(batch)[:, None]

    def of_each(reduce, values):  # -> (batch, cells), one column a name
        values = tf.broadcast_to(values, (batch, cells))
        values = reduce(values, segments, batch * (cells + 1))
        return tf.reshape(values, (batch, cells + 1))[:, 1:]

    sides = tf.cast(tf.shape(level)[1:], tf.float32)
    row_height, column_width = tf.unstack(sides / tf.reduce_max(sides))
    row = row_height * tf.cast(tf.range(cells) // CELLS, tf.float32)
    column = column_width * tf.cast(tf.range(cells) % CELLS, tf.float32)
    ink = of_each(
        tf.math.unsorted_segment_sum, tf.reshape(coarse, (batch, cells))
    )
    bottom = of_each(tf.math.unsorted_segment_max, row)
    top = of_each(tf.math.unsorted_segment_min, row)
    right = of_each(tf.math.unsorted_segment_max, column)
    left = of_each(tf.math.unsorted_segment_min, column)
    exists = ink > 0

    main = tf.argmax(ink, axis=1)[:, None]

    def of_main(values):
        return tf.gather(values, main, batch_dims=1)

    above = tf.maximum(of_main(top) - bottom, top - of_main(bottom)) - 1
    beside = tf.maximum(of_main(left) - right, left - of_main(right)) - 1
    size = tf.where(exists, tf.maximum(bottom - top, right - left) + 1, 0.0)
    unit = tf.maximum(of_main(size), 1.0)
    share = ink / tf.maximum(of_main(ink), 1e-6)
    near = tf.maximum(above, beside) < 0.25 * unit
    kept = exists & (share > 0.04) & near
    apart = ~near | (beside > 0.1 * unit)  # bars are set above, not beside
    second = (share > 0.2) & (size > 0.5 * unit) & apart

    kept = tf.gather(tf.pad(kept, [[0, 0], [1, 0]]), names, batch_dims=1)
    kept = tf.reshape(tf.cast(kept, tf.float32), (batch, CELLS, CELLS, 1))
    kept = tf.nn.max_pool2d(kept, 3, 1, "SAME")  # the stroke's pale rim
    kept = tf.image.resize(kept, tf.shape(level)[1:], method="nearest")
    return kept[..., 0], tf.reduce_any(second, axis=1)


def figures(inked):
    """(batch, rows, columns), bool -> the figure each cell belongs to, or 0.

    Every inked cell takes the largest name among its neighbors until no
    name changes.
    """
    inked = tf.transpose(tf.cast(inked, tf.float32), (1, 2, 0))[None]
    names = tf.reshape(tf.range(1.0, CELLS**2 + 1), (1, CELLS, CELLS, 1))

    def grow(names, _):
        grown = inked * tf.nn.max_pool2d(names, 3, 1, "SAME")
        return grown, tf.reduce_any(grown != names)

    names, _ = tf.while_loop(
        lambda _, changed: changed, grow, (names * inked, True)
    )
    return tf.cast(tf.transpose(names[0], (2, 0, 1)), tf.int32)


# Box and center


def draw(level):
    """(batch, height, width) -> (batch, 28, 28, 1), the strongest ink 1."""
    height = extent(tf.reduce_max(level, axis=2))
    width = extent(tf.reduce_max(level, axis=1))
    step = tf.maximum(height, width) / BOX  # page pixels a drawn pixel
    rows = tents(tf.reduce_sum(level, axis=2), step)
    columns = tents(tf.reduce_sum(level, axis=1), step)
    digit = tf.einsum("biy,byx,bjx->bij", rows, level, columns)
    strongest = tf.reduce_max(digit, axis=(1, 2), keepdims=True)
    return (digit / tf.maximum(strongest, 1e-6))[..., None]


def extent(profile):
    """Pixels from the first to the last with ink: (batch, side) -> (batch,)"""
    inked = tf.cast(profile > 0.15, tf.int32)
    before = tf.argmax(inked, axis=1, output_type=tf.int32)
    behind = tf.argmax(inked[:, ::-1], axis=1, output_type=tf.int32)
    return tf.cast(tf.shape(profile)[1] - before - behind, tf.float32)


def tents(mass, step):
    """Weights (batch, 28, side) that shrink a side without aliasing.

    Row k weighs the page's pixels by a tent around
    `center of mass + (k - 14) step`, wider than a drawn pixel and a page's.
    """
    pixels = tf.range(tf.shape(mass)[1], dtype=tf.float32)
    total = tf.maximum(tf.reduce_sum(mass, axis=1), 1e-6)
    center = tf.reduce_sum(mass * pixels, axis=1) / total
    offsets = tf.range(FIELD, dtype=tf.float32) - CENTER
    middle = center[:, None] + offsets * step[:, None]
    width = tf.maximum(SOFTNESS * step, 1.0)[:, None, None]
    weights = tf.nn.relu(1 - tf.abs(pixels - middle[..., None]) / width)
    return weights / tf.maximum(tf.reduce_sum(weights, -1, keepdims=True), 1.0)
