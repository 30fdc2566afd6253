"""A photo or scan of a handwritten digit -> a picture such as MNIST's.

Everything here is TensorFlow without a line of Python per image, so a
SavedModel can hold it: what the app reads, the server reads.
"""

from typing import NamedTuple

import tensorflow as tf

FIELD = 28  # rows and columns of MNIST's pictures
BOX = 20  # the digit's longer side in them, pixels
CENTRE = 14  # row and column of its centre of mass
LONGEST = 512  # longer side of the photo that is worked on, pixels
GRID = 32  # rows and columns of the coarse page light is estimated on
NEIGHBOURHOOD = 19  # coarse cells that a pixel is compared with
STROKE = 13  # coarse cells, more than any stroke is wide
CELLS = 64  # rows and columns of the page that ink is grouped on
FAINT = 0.25  # part of the darkest ink below which a pixel is paper


class Handwriting(NamedTuple):
    """What was found on a batch of pages.

    Attributes:
        digits: `(batch, 28, 28, 1)`, float32 in [0, 1], ink 1 on 0.
        contrast: `(batch,)`, how far the ink stands out from its paper, as a
            part of all there is between the paper and full black (or full
            white, for light ink). Below `BLANK` there is nothing to read.
        several: `(batch,)`, bool: whether a second figure as large as a digit
            stands apart from the first. `digits` holds the larger one.
    """

    digits: tf.Tensor
    contrast: tf.Tensor
    several: tf.Tensor


def find_digit(pages):
    grey = brightness(pages)
    ink = ink_on_paper(grey)
    blurred = tf.nn.avg_pool2d(ink[..., None], 3, 1, "SAME")
    contrast = tf.reduce_max(blurred, axis=(1, 2, 3))
    level = ink / tf.maximum(contrast, 1e-3)[:, None, None]
    level = tf.clip_by_value((level - FAINT) / (1 - FAINT), 0.0, 1.0)
    kept, several = main_figure(level)
    return Handwriting(fit(level * kept), contrast, several)


def brightness(images):
    images = tf.convert_to_tensor(images)
    if images.shape.rank == 3:
        images = images[..., None]
    images = tf.image.convert_image_dtype(images, tf.float32)
    channels = tf.shape(images)[-1]
    has_alpha = (channels == 2) | (channels == 4)
    colours = channels - tf.cast(has_alpha, tf.int32)
    grey = tf.reduce_mean(images[..., :colours], axis=-1)
    opaque = tf.where(has_alpha, images[..., -1], tf.ones_like(grey))
    covered = tf.reduce_mean(opaque, axis=(1, 2), keepdims=True)
    mean = tf.reduce_mean(grey * opaque, axis=(1, 2), keepdims=True)
    mean = mean / tf.maximum(covered, 1e-6)
    paper = tf.where(covered > 0.5, mean, 1 - tf.round(mean))
    return opaque * grey + (1 - opaque) * paper


def ink_on_paper(grey):
    coarse = tf.image.resize(grey[..., None], (GRID, GRID), antialias=True)
    dark = ink_is_dark(coarse)[:, None, None]
    light = tf.where(dark, grey, 1 - grey)
    coarse = tf.where(dark[..., None], coarse, 1 - coarse)
    paper = closing(coarse)
    paper = tf.image.resize(paper, tf.shape(grey)[1:])[..., 0]
    return tf.nn.relu(paper - light) / tf.maximum(paper, 0.05)


def ink_is_dark(coarse):
    page = beyond_the_edge(coarse, NEIGHBOURHOOD // 2)
    around = tf.nn.avg_pool2d(page, NEIGHBOURHOOD, 1, "SAME")
    return tf.reduce_sum((page - around) ** 3, axis=(1, 2, 3)) < 0


def closing(coarse):
    page = beyond_the_edge(coarse, STROKE // 2)
    lightest = tf.nn.max_pool2d(page, STROKE, 1, "SAME")
    closed = -tf.nn.max_pool2d(-lightest, STROKE, 1, "SAME")
    margin = STROKE // 2
    return closed[:, margin:-margin, margin:-margin]


def beyond_the_edge(page, margin):
    cells = tf.clip_by_value(tf.range(-margin, GRID + margin), 0, GRID - 1)
    return tf.gather(tf.gather(page, cells, axis=1), cells, axis=2)


def main_figure(level):
    batch = tf.shape(level)[0]
    cells = tf.image.resize(level[..., None], (CELLS, CELLS), antialias=True)
    names = figures(cells > 0.1)  # (batch, CELLS, CELLS), 0 for paper
    names = tf.reshape(names, (batch, -1))
    ids = names + (CELLS * CELLS + 1) * tf.range(batch)[:, None]

    def gather(values, segment):
        values = tf.broadcast_to(values, tf.shape(ids))
        of_each = segment(values, ids, batch * (CELLS * CELLS + 1))
        return tf.reshape(of_each, (batch, -1))[:, 1:]

    mass = gather(
        tf.reshape(cells, (batch, -1)), tf.math.unsorted_segment_sum
    )
    cell = tf.range(CELLS * CELLS)
    row, column = tf.cast(cell // CELLS, tf.float32), cell % CELLS
    column = tf.cast(column, tf.float32)
    bottom = gather(row, tf.math.unsorted_segment_max)
    top = -gather(-row, tf.math.unsorted_segment_max)
    right = gather(column, tf.math.unsorted_segment_max)
    left = -gather(-column, tf.math.unsorted_segment_max)

    main = tf.argmax(mass, axis=1)[:, None]
    of_main = lambda x: tf.gather(x, main, batch_dims=1)
    gap = tf.maximum(
        tf.maximum(of_main(top) - bottom, top - of_main(bottom)),
        tf.maximum(of_main(left) - right, left - of_main(right)),
    ) - 1
    size = tf.maximum(bottom - top, right - left) + 1
    gap, size = gap / of_main(size), size / of_main(size)
    share = mass / tf.maximum(of_main(mass), 1e-6)
    kept = (share > SHARE) & (gap < GAP)
    several = (share > 0.2) & (size > 0.5) & (gap >= 0.1)
    kept = tf.pad(kept, [[0, 0], [1, 0]])
    kept = tf.gather(kept, names, batch_dims=1)
    kept = tf.reshape(tf.cast(kept, tf.float32), (batch, CELLS, CELLS, 1))
    kept = tf.nn.max_pool2d(kept, 3, 1, "SAME")
    kept = tf.image.resize(kept, tf.shape(level)[1:], method="nearest")
    return kept[..., 0], tf.reduce_any(several, axis=1)
SHARE=.04
GAP=.25

def figures(inked):
    inked = tf.cast(inked[..., 0], tf.float32)
    names = tf.range(1.0, CELLS * CELLS + 1.0)
    names = tf.reshape(names, (1, CELLS, CELLS)) * inked
    changed = tf.constant(True)

    def grow(names, _):
        grown = tf.nn.max_pool2d(names[..., None], 3, 1, "SAME")[..., 0]
        grown = grown * inked
        return grown, tf.reduce_any(grown != names)

    names, _ = tf.while_loop(lambda _, changed: changed, grow, (names, changed))
    return tf.cast(names, tf.int32)

PF=1.0
def fit(level):
    top, bottom = extent(tf.reduce_max(level, axis=2))
    left, right = extent(tf.reduce_max(level, axis=1))
    step = tf.maximum(bottom - top, right - left) / BOX
    rows = kernel(tf.reduce_sum(level, axis=2), step)
    columns = kernel(tf.reduce_sum(level, axis=1), step)
    out = tf.einsum("biy,byx,bjx->bij", rows, level, columns)
    peak = tf.reduce_max(out, axis=(1, 2), keepdims=True)
    return (out / tf.maximum(peak, 1e-6))[..., None]

EX=.15
def extent(profile):
    inked = tf.cast(profile > EX, tf.int32)
    first = tf.argmax(inked, axis=1)
    last = tf.argmax(tf.reverse(inked, [1]), axis=1)
    last = tf.cast(tf.shape(profile)[1], tf.int64) - last
    return tf.cast(first, tf.float32), tf.cast(last, tf.float32)


def kernel(mass, step):
    pixels = tf.range(tf.shape(mass)[1], dtype=tf.float32) + 0.5
    total = tf.maximum(tf.reduce_sum(mass, axis=1), 1e-6)
    centre = tf.reduce_sum(mass * pixels, axis=1) / total
    cells = tf.range(FIELD, dtype=tf.float32) - CENTRE
    at = centre[:, None] + cells * step[:, None]
    width = tf.maximum(PF * step, 1.0)[:, None, None]
    weights = tf.nn.relu(1 - tf.abs(pixels - at[..., None]) / width)
    return weights / tf.maximum(tf.reduce_sum(weights, -1, keepdims=True), 1.0)
