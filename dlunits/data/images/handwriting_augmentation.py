"""Data augmentation of handwritten digits, and outliers that are not digits."""

import math

import numpy as np
import tensorflow as tf

from dlunits.data.images.augmentation import OUTPUT_SIZE, RandomAffine
from dlunits.data.images.handwriting import IMAGE_SIZE, normalize_size
from dlunits.data.images.letter_shapes import letter_shapes
from dlunits.data.images.neighborhood import combine_3x3
from dlunits.typing import Array, Tensor

COARSE_SIZE = 6  # sides of the grid of an elastic distortion
CURVES = 4  # largest number of curves of a drawing
CURVE_POINTS = 12  # points of a curve from which distances are measured


class RandomHandwriting:
    """Random deformation, stroke width and texture of digits, with outliers.

    Digits of other writers and scanners differ from MNIST in slant, stroke
    width, sharpness and texture. These steps are applied in order, each with a
    random strength for each image; x is the value of a pixel:

    1. An affine transform as in `RandomAffine` with wider ranges, and an
       elastic distortion (Simard et al., 2003): a smooth random displacement
       of each pixel. One bilinear interpolation does both.
    2. Stroke width: interpolation between the image and its 3x3 gray dilation
       or erosion.
    3. Blur: interpolation between the image and its 3x3 mean.
    4. Contrast: `clip(g (x - 1/2) + 1/2, 0, 1)` with a gain g from 1 to 8; 8
       makes nearly binary strokes.
    5. Texture: `x (1 - a u)` with a strength a from 0 to 1/2, and noise u that
       is uniform in [0, 1] for each pixel.

    The last images of a batch are replaced by shapes that are not digits, see
    `draw_outliers` (outlier exposure, Hendrycks et al., 2019). With the labels
    of `label_outliers`, a classifier has an additional class for images that
    are not digits.

    References: Simard, Steinkraus and Platt, 2003, "Best practices for
    convolutional neural networks applied to visual document analysis";
    Hendrycks, Mazeika and Dietterich, 2019, "Deep anomaly detection with
    outlier exposure", https://arxiv.org/abs/1812.04606.

    Args:
        rotation, shear, scale, aspect, shift: As in `RandomAffine`.
        elasticity: Standard deviation of the elastic displacement, in pixels.
        outliers: Fraction of the images that is replaced.

    Call arguments:
        images: `(batch, 28, 28, 1)`, uint8.
        seed: Integers `(2,)`. The same seed gives the same result.

    Returns:
        `(batch, 32, 32, 1)`, float32 in [0, 1].

    Example:

    The last two of ten images are replaced by outliers.

    >>> distort = RandomHandwriting(outliers=0.2)
    >>> distort(tf.zeros((10, 28, 28, 1), tf.uint8), [0, 1]).shape.as_list()
    [10, 32, 32, 1]
    >>> distort.label_outliers(tf.zeros(10, tf.int32), 10).numpy().tolist()
    [0, 0, 0, 0, 0, 0, 0, 0, 10, 10]
    """

    def __init__(
        self,
        rotation: float = 12.0,
        shear: float = 0.3,
        scale: float = 1.15,
        aspect: float = 1.2,
        shift: float = 2.0,
        elasticity: float = 0.8,
        outliers: float = 0.2,
    ) -> None:
        self.affine = RandomAffine(rotation, shear, scale, aspect, shift)
        self.elasticity = elasticity
        self.outliers = outliers

    def __call__(self, images: Tensor, seed: Tensor) -> Tensor:
        """Distorts each image of the batch differently."""
        seeds = tf.random.split(seed, 3)
        digits = tf.cast(images, tf.float32) / 255
        kept, count = self.split_sizes(images)
        outliers = draw_outliers(digits, count, seeds[0])
        digits = tf.concat([digits[:kept], outliers], axis=0)
        return scan(self.deform(digits, seeds[1]), seeds[2])

    def label_outliers(self, labels: Tensor, label: int) -> Tensor:
        """Labels of a distorted batch.

        Args:
            labels: Labels of the batch, integers `(batch,)`.
            label: Label of the outliers.

        Returns:
            Integers `(batch,)`.

        Example:

        >>> labels = tf.constant([1, 2, 3, 4, 5])
        >>> RandomHandwriting(outliers=0.4).label_outliers(labels, 10).numpy()
        array([ 1,  2,  3, 10, 10], dtype=int32)
        """
        kept, count = self.split_sizes(labels)
        label = tf.fill([count], tf.cast(label, labels.dtype))
        return tf.concat([labels[:kept], label], axis=0)

    def split_sizes(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of digits and of outliers in a distorted batch."""
        size = tf.shape(batch)[0]
        count = tf.cast(self.outliers * tf.cast(size, tf.float32), tf.int32)
        return size - count, count

    def deform(self, images: Tensor, seed: Tensor) -> Tensor:
        """Affine transform and elastic distortion, to 32x32."""
        size = tf.shape(images)[0]
        transforms = self.affine.draw_transforms(images, seed)
        coarse = tf.random.stateless_normal(
            (size, COARSE_SIZE, COARSE_SIZE, 2), seed
        )
        smooth = b_spline_weights()
        displacement = self.elasticity * tf.einsum(
            "yi,bijk,xj->bkyx", smooth, coarse, smooth
        )
        y, x = tf.meshgrid(
            tf.range(float(OUTPUT_SIZE)),
            tf.range(float(OUTPUT_SIZE)),
            indexing="ij",
        )
        t = transforms[:, :6, None, None]
        columns = t[:, 0] * x + t[:, 1] * y + t[:, 2] + displacement[:, 0]
        rows = t[:, 3] * x + t[:, 4] * y + t[:, 5] + displacement[:, 1]
        return sample_bilinear(images[..., 0], rows, columns)[..., None]


def b_spline_weights() -> Array:
    """Weights (32, 6) of the cubic B-splines of a grid of 6 points."""
    positions = np.linspace(1, COARSE_SIZE - 2, OUTPUT_SIZE)[:, None]
    away = np.abs(positions - np.arange(COARSE_SIZE))
    near = 2 / 3 - away**2 + away**3 / 2
    far = np.maximum(2 - away, 0) ** 3 / 6
    return np.where(away < 1, near, far).astype("float32")


def sample_bilinear(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Values between pixels; 0 outside: (batch, height, width) each."""
    side = images.shape[1] + 2
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1]])
    rows = tf.clip_by_value(rows + 1, 0.0, side - 1.001)
    columns = tf.clip_by_value(columns + 1, 0.0, side - 1.001)
    top, left = tf.floor(rows), tf.floor(columns)
    down, right = rows - top, columns - left
    size = tf.shape(images)[0]
    start = side * side * tf.range(size)[:, None, None]
    index = start + tf.cast(top * side + left, tf.int32)
    flat = tf.reshape(padded, (-1,))

    def at(offset: int) -> Tensor:
        return tf.gather(flat, index + offset)

    upper = at(0) + right * (at(1) - at(0))
    lower = at(side) + right * (at(side + 1) - at(side))
    return upper + down * (lower - upper)


def draw_outliers(digits: Tensor, count: Tensor, seed: Tensor) -> Tensor:
    """Draws shapes that are not digits, with the size and position of digits.

    A quarter each are halves of two digits, drawings of separate curves,
    drawings of connected curves, and letters of other scripts than Latin, see
    `letter_shapes`. Some of them still are a digit, such as the halves of two
    ones.

    Args:
        digits: `(batch, 28, 28, 1)`, float32 in [0, 1].
        count: Number of shapes, at most `batch`.
        seed: Integers `(2,)`.

    Returns:
        `(count, 28, 28, 1)`, float32 in [0, 1].
    """
    seeds = tf.random.split(seed, 5)
    letters = letter_shapes()
    letter = tf.random.stateless_uniform(
        (count,), seeds[3], 0, len(letters), tf.int32
    )
    digits = digits[..., 0]
    first = digits[:count]
    kinds = [
        join_halves(first, tf.roll(digits, 1, axis=0)[:count], seeds[0]),
        draw_curves(count, seeds[1]),
        draw_curves(count, seeds[2], connected=True),
        tf.cast(tf.gather(letters, letter), tf.float32) / 255,
    ]
    return normalize_size(choose(kinds, seeds[4]))


def join_halves(first: Tensor, second: Tensor, seed: Tensor) -> Tensor:
    """Upper half of one digit and lower half of another, or left and right."""
    half = first.shape[1] // 2
    stacked = tf.concat([first[:, :half], second[:, half:]], axis=1)
    joined = tf.concat([second[:, :, :half], first[:, :, half:]], axis=2)
    return choose([stacked, joined], seed)


def choose(options: list[Tensor], seed: Tensor) -> Tensor:
    """Takes each image from one of several batches at random."""
    count = tf.shape(options[0])[0]
    option = tf.random.stateless_uniform(
        (count,), seed, 0, len(options), tf.int32
    )
    index = tf.stack([option, tf.range(count)], axis=1)
    return tf.gather_nd(tf.stack(options), index)


def draw_curves(count: Tensor, seed: Tensor, connected: bool = False) -> Tensor:
    """Drawings of two to four random quadratic Bezier curves.

    Half of the curves are straight. A drawing has one pen width.

    Args:
        count: Number of drawings.
        seed: Integers `(2,)`.
        connected: Whether each curve begins where the one before it ends, near
            a point of a grid of 3x3, as the strokes of letters do.

    Returns:
        `(count, 28, 28)`, float32 in [0, 1].
    """
    seeds = tf.random.split(seed, 4)
    points = tf.random.stateless_uniform((count, CURVES, 3, 2), seeds[0])
    draws = tf.random.stateless_uniform((count, CURVES, 1), seeds[1])
    start, control, end = tf.unstack(points, axis=2)
    if connected:
        grid_point = tf.round(2 * end) / 2
        end = 0.8 * grid_point + 0.2 * control
        start = tf.concat([start[:, :1], end[:, :-1]], axis=1)
    control = tf.where(draws < 0.5, (start + end) / 2, control)
    start, control, end = (
        4 + 20 * position for position in (start, control, end)
    )
    t = tf.linspace(0.0, 1.0, CURVE_POINTS)[:, None]
    curve = (
        (1 - t) ** 2 * start[:, :, None]
        + 2 * t * (1 - t) * control[:, :, None]
        + t**2 * end[:, :, None]
    )  # (count, curves, points, 2)
    number = tf.random.stateless_uniform(
        (count,), seeds[2], 2, CURVES + 1, tf.int32
    )
    drawn = tf.range(CURVES) < number[:, None]
    # Curves that are not drawn lie far outside.
    curve = tf.where(drawn[:, :, None, None], curve, -1e3)
    curve = tf.reshape(curve, (count, CURVES * CURVE_POINTS, 2))
    axis = tf.range(float(IMAGE_SIZE))
    away_y = (axis[None, None] - curve[..., :1]) ** 2  # (count, points, 28)
    away_x = (axis[None, None] - curve[..., 1:]) ** 2
    nearest = tf.reduce_min(
        away_y[:, :, :, None] + away_x[:, :, None, :], axis=1
    )
    width = tf.random.stateless_uniform((count, 1, 1), seeds[3], 1.0, 2.2)
    return tf.clip_by_value(width + 0.5 - tf.sqrt(nearest), 0.0, 1.0)


def scan(images: Tensor, seed: Tensor) -> Tensor:
    """Random stroke width, blur, contrast and texture."""
    seeds = tf.random.split(seed, 2)
    size = tf.shape(images)[0]
    draws = tf.random.stateless_uniform((5, size, 1, 1, 1), seeds[0])
    pen = 1.4 * draws[0] - 0.6  # eroded by up to 0.6, dilated by up to 0.8
    dilated = combine_3x3(tf.maximum, images)
    eroded = combine_3x3(tf.minimum, images)
    images += tf.where(
        pen > 0, pen * (dilated - images), pen * (images - eroded)
    )
    blurred = combine_3x3(tf.add, images) / 9
    images += draws[1] * (blurred - images)
    gain = tf.exp(tf.nn.relu(2 * draws[2] - 1) * math.log(8.0))
    images = tf.clip_by_value(gain * (images - 0.5) + 0.5, 0.0, 1.0)
    noise = tf.random.stateless_uniform(tf.shape(images), seeds[1])
    strength = 0.5 * tf.nn.relu(3 * draws[3] - 2)
    images *= 1 - strength * noise
    maximum = tf.reduce_max(images, axis=(1, 2, 3), keepdims=True)
    # The maximum becomes 1, as in MNIST; strongly eroded digits stay faint.
    return images / tf.maximum(maximum, 0.3)
