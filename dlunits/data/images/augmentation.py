"""Padding and random affine augmentation of 28x28 images to 32x32."""

import math

import tensorflow as tf

from dlunits.data.shard import WHOLE, Shard
from dlunits.typing import Tensor

OUTPUT_SIZE = 32  # pixels


def pad_to_32x32(images: Tensor) -> Tensor:
    """Zero padding of images to 32x32 pixels, and rescaling to [0, 1].

    Args:
        images: `(batch, 28, 28, 1)`, uint8.

    Returns:
        `(batch, 32, 32, 1)`, float32.

    Example:

    >>> white = tf.fill((1, 28, 28, 1), tf.constant(255, tf.uint8))
    >>> float(tf.reduce_sum(pad_to_32x32(white)))  # 28 * 28 * 1
    784.0
    """
    margin = (OUTPUT_SIZE - images.shape[1]) // 2
    sides = [[0, 0], [margin, margin], [margin, margin], [0, 0]]
    return tf.pad(tf.cast(images, tf.float32) / 255, sides)


class RandomAffine:
    """Random rotation, shear, scaling and translation of images.

    One bilinear interpolation maps the 28x28 image to 32x32 pixels, so that
    nothing is blurred twice or cut off at 28 pixels. With coordinates relative
    to the centers of both images, the pixel p of the output is the pixel q of
    the input:

        q = R(angle) [[1, shear], [0, 1]] diag(1 / s_x, 1 / s_y) (p - shift)

    where R(angle) is a rotation matrix, s_x and s_y are the scale factors of
    both axes and shift is a vector in pixels. `angle`, `shear`, the scale
    factors and `shift` are drawn for each image from uniform distributions,
    the scale factors on a logarithmic axis.

    `keras.layers.RandomRotation`, `RandomShear`, `RandomZoom` and
    `RandomTranslation` need four interpolations, and a random generator whose
    state would have to be restored when a run resumes.

    Reference: Simard, Steinkraus and Platt, 2003, "Best practices for
    convolutional neural networks applied to visual document analysis".

    Args:
        rotation: Maximum angle in both directions, in degrees.
        shear: Maximum horizontal shift per vertical pixel.
        scale: Maximum scale factor; the minimum is its inverse.
        aspect: Maximum factor by which one axis is additionally stretched and
            the other one compressed.
        shift: Maximum translation along each axis in both directions, in
            pixels.

    Call arguments:
        images: `(batch, 28, 28, 1)`, uint8.
        seed: Integers `(2,)`. The same seed gives the same distortions.
        shard: Part of a larger batch that `images` are.

    Returns:
        `(batch, 32, 32, 1)`, float32 in [0, 1].

    Example:

    >>> identity = RandomAffine(0.0, 0.0, 1.0, 1.0, 0.0)
    >>> digit = tf.one_hot([[13] * 28], 28, 255, 0, dtype=tf.uint8)[..., None]
    >>> bool(tf.reduce_all(identity(digit, [0, 0]) == pad_to_32x32(digit)))
    True
    """

    def __init__(
        self,
        rotation: float = 10.0,
        shear: float = 0.15,
        scale: float = 1.1,
        aspect: float = 1.08,
        shift: float = 2.0,
    ) -> None:
        self.rotation = rotation
        self.shear = shear
        self.scale = scale
        self.aspect = aspect
        self.shift = shift

    def __call__(
        self, images: Tensor, seed: Tensor, shard: Shard = WHOLE
    ) -> Tensor:
        """Distorts each image of the batch differently."""
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.cast(images, tf.float32) / 255,
            transforms=self.draw_transforms(images, seed, shard),
            output_shape=[OUTPUT_SIZE, OUTPUT_SIZE],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )

    def draw_transforms(
        self, images: Tensor, seed: Tensor, shard: Shard = WHOLE
    ) -> Tensor:
        """Draws a random transform for each image of a batch.

        Returns:
            `(batch, 8)`, see `inverse_affine_transforms`.
        """
        draws = tf.random.stateless_uniform(
            (6, shard.count * tf.shape(images)[0]), seed, minval=-1, maxval=1
        )
        draws = shard.part(draws, axis=1)
        log_scale = draws[2] * math.log(self.scale)
        log_aspect = draws[3] * math.log(self.aspect)
        return inverse_affine_transforms(
            angle=draws[0] * math.radians(self.rotation),
            shear=draws[1] * self.shear,
            scale_x=tf.exp(log_scale + log_aspect),
            scale_y=tf.exp(log_scale - log_aspect),
            shift_x=draws[4] * self.shift,
            shift_y=draws[5] * self.shift,
            input_size=images.shape[1],
        )


def inverse_affine_transforms(
    *,
    angle: Tensor,
    shear: Tensor,
    scale_x: Tensor,
    scale_y: Tensor,
    shift_x: Tensor,
    shift_y: Tensor,
    input_size: int,
) -> Tensor:
    """Inverse affine transforms, from output to input pixels.

    Shapes: six times `(batch,)` -> `(batch, 8)`. Each row is a value of the
    argument `transforms` of `tf.raw_ops.ImageProjectiveTransformV3`.
    """
    cosine, sine = tf.cos(angle), tf.sin(angle)
    xx, xy = cosine / scale_x, (cosine * shear - sine) / scale_y
    yx, yy = sine / scale_x, (sine * shear + cosine) / scale_y
    x, y = (OUTPUT_SIZE - 1) / 2 + shift_x, (OUTPUT_SIZE - 1) / 2 + shift_y
    middle = (input_size - 1) / 2
    zero = tf.zeros_like(angle)
    return tf.stack(
        [
            *(xx, xy, middle - xx * x - xy * y),
            *(yx, yy, middle - yx * x - yy * y),
            *(zero, zero),
        ],
        axis=1,
    )
