"""Random distortions of digits, drawn afresh at every step."""

import math

import tensorflow as tf

FIELD = 32


def pad_to_32x32(images):
    """Puts images in the middle of a 32x32 field, ink 1 on background 0.

    Args:
        images: `(batch, 28, 28, 1)`, uint8.

    Returns:
        `(batch, 32, 32, 1)`, float32 in [0, 1].

    Example:

    >>> white = tf.fill((1, 28, 28, 1), tf.constant(255, tf.uint8))
    >>> float(tf.reduce_sum(pad_to_32x32(white)))  # 28 * 28 * 1
    784.0
    """
    margin = (FIELD - images.shape[1]) // 2
    sides = [[0, 0], [margin, margin], [margin, margin], [0, 0]]
    return tf.pad(tf.cast(images, tf.float32) / 255, sides)


class RandomAffine:
    """Turns, shears, scales and shifts each digit into the 32x32 field.

    One bilinear interpolation does all four, from the 28x28 image straight
    into the field, so nothing is blurred twice and nothing is cut off at 28.
    A point p of the field, seen from its middle, shows the image's point

        q = R(angle) [[1, shear], [0, 1]] diag(1 / s_x, 1 / s_y) (p - shift)

    with all five numbers drawn uniformly, scales on a logarithmic axis. Keras'
    `RandomRotation`, `RandomShear`, `RandomZoom` and `RandomTranslation` do
    the same in four interpolations, from a generator whose state a resumed
    run would have to restore.

    Reference: Simard, Steinkraus and Platt, 2003, "Best practices for
    convolutional neural networks applied to visual document analysis".

    Args:
        rotation: Largest angle either way, degrees.
        shear: Largest horizontal shift per vertical pixel, pixels a pixel.
        scale: Largest enlargement of the digit, as a factor; the smallest is
            its inverse.
        aspect: Largest factor by which one axis is stretched and the other
            shrunk besides.
        shift: Largest displacement either way and axis, pixels.

    Call arguments:
        images: `(batch, 28, 28, 1)`, uint8.
        seed: Integers `(2,)`: the same seed distorts in the same way.

    Returns:
        `(batch, 32, 32, 1)`, float32 in [0, 1].

    Example:

    >>> still = RandomAffine(0.0, 0.0, 1.0, 1.0, 0.0)
    >>> digit = tf.one_hot([[13] * 28], 28, 255, 0, dtype=tf.uint8)[..., None]
    >>> bool(tf.reduce_all(still(digit, [0, 0]) == pad_to_32x32(digit)))
    True
    """

    def __init__(
        self, rotation=10.0, shear=0.15, scale=1.1, aspect=1.08, shift=2.0
    ):
        self.rotation = math.radians(rotation)
        self.shear = shear
        self.scale = math.log(scale)
        self.aspect = math.log(aspect)
        self.shift = shift

    def __call__(self, images, seed):
        """Distorts every image of the batch in its own way."""
        draws = tf.random.stateless_uniform(
            (6, tf.shape(images)[0]), seed, minval=-1, maxval=1
        )
        transforms = field_to_image(
            angle=draws[0] * self.rotation,
            shear=draws[1] * self.shear,
            scale_x=tf.exp(draws[2] * self.scale + draws[3] * self.aspect),
            scale_y=tf.exp(draws[2] * self.scale - draws[3] * self.aspect),
            shift_x=draws[4] * self.shift,
            shift_y=draws[5] * self.shift,
            image=images.shape[1],
        )
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.cast(images, tf.float32) / 255,
            transforms=transforms,
            output_shape=[FIELD, FIELD],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )


def field_to_image(*, angle, shear, scale_x, scale_y, shift_x, shift_y, image):
    """Six vectors (batch,) -> rows (batch, 8) of ImageProjectiveTransformV3."""
    cosine, sine = tf.cos(angle), tf.sin(angle)
    xx, xy = cosine / scale_x, (cosine * shear - sine) / scale_y
    yx, yy = sine / scale_x, (sine * shear + cosine) / scale_y
    x, y = (FIELD - 1) / 2 + shift_x, (FIELD - 1) / 2 + shift_y
    middle = (image - 1) / 2
    zero = tf.zeros_like(angle)
    return tf.stack(
        [
            *(xx, xy, middle - xx * x - xy * y),
            *(yx, yy, middle - yx * x - yy * y),
            *(zero, zero),
        ],
        axis=1,
    )
