"""Random crops, reflections and color shifts of AlexNet, and its ten crops."""

import numpy as np
import tensorflow as tf

from dlunits.data.shard import WHOLE, Shard
from dlunits.typing import Array, ArrayLike, Tensor

CHUNK = 64  # images at a time, so that their floats take little memory
MAX_SAMPLE = 1000  # images whose colors are analyzed


class RandomCrop:
    """Random crop, horizontal reflection and color shift of images.

    Every image gets a window of its own. With `flip`, it is reflected with
    probability 1/2. With `color_shift`, the same color is added to all its
    pixels:

        P (a * e),    a_i ~ N(0, 0.1)

    The columns of `P` and the numbers `e` are the eigenvectors and eigenvalues
    of the 3x3 covariance matrix of the colors of the training images, pixels
    in [0, 1], see `color_components`. It imitates changes of the illumination.

    Reference: Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification
    with deep convolutional neural networks", section 4.1,
    https://papers.nips.cc/paper/4824.

    Args:
        crop_size: Height and width of the window, in pixels, 227 in AlexNet.
        image_size: Height and width to which the images are resized before, at
            least `crop_size`, 256 in AlexNet.
        flip: Whether to reflect.
        color_shift: `P * e` as `color_components` returns it, or `None`.

    Call arguments:
        images: `(batch, height, width, 1 or 3)`, uint8.
        seed: Integers `(2,)`. The same seed gives the same results.

    Returns:
        `(batch, crop_size, crop_size, 3)`, float32. In [0, 1] without
        `color_shift`.

    Raises:
        ValueError: If `crop_size` is not in [1, `image_size`].

    Example: the only window of a 2x2 image.

    >>> images = tf.constant([[0, 51], [102, 255]], tf.uint8)[None, ..., None]
    >>> crop = RandomCrop(crop_size=2, image_size=2, flip=False)
    >>> crop(images, [0, 0])[0, :, :, 2].numpy().round(1).tolist()
    [[0.0, 0.20000000298023224], [0.4000000059604645, 1.0]]
    """

    def __init__(
        self,
        crop_size: int,
        image_size: int,
        flip: bool = True,
        color_shift: ArrayLike | None = None,
    ) -> None:
        if not 1 <= crop_size <= image_size:
            raise ValueError(
                "`crop_size` must be at least 1 and at most `image_size`. "
                f"Received: {crop_size=}, {image_size=}"
            )
        self.crop_size = crop_size
        self.image_size = image_size
        self.flip = flip
        self.color_shift = color_shift

    def __call__(
        self, images: Tensor, seed: Tensor, shard: Shard = WHOLE
    ) -> Tensor:
        """Crops each image of the batch differently."""
        number = shard.count * tf.shape(images)[0]
        images = resize(images, self.image_size)
        seeds = tf.random.split(tf.cast(seed, tf.int64), 3)
        corners = tf.random.stateless_uniform(
            (2, number, 1),
            seeds[0],
            maxval=self.image_size - self.crop_size + 1,
            dtype=tf.int32,
        )
        corners = shard.part(corners, axis=1)
        rows, columns = tf.unstack(corners + tf.range(self.crop_size))
        if self.flip:
            draws = tf.random.stateless_uniform((number, 1), seeds[1])
            reflected = shard.part(draws) < 0.5
            columns = tf.where(reflected, columns[:, ::-1], columns)
        windows = tf.gather(images, rows, axis=1, batch_dims=1)
        windows = tf.gather(windows, columns, axis=2, batch_dims=1)
        colors = to_rgb(windows)
        if self.color_shift is None:
            return colors
        shift = tf.constant(self.color_shift, tf.float32)
        draws = tf.random.stateless_normal((number, 3), seeds[2], stddev=0.1)
        draws = shard.part(draws)
        return colors + (draws @ tf.transpose(shift))[:, None, None]


def color_components(images: Array) -> Array:
    """Principal components of the colors of images, times their eigenvalues.

    Of more than 1,000 images, at most 1,000 at equal distances are taken.

    Args:
        images: `(num_images, height, width, 1 or 3)`, uint8.

    Returns:
        Array `(3, 3)`, one component per column, the largest eigenvalue last.

    Example: black and white pixels have one component, along (1, 1, 1). Each
    color has the variance 1/4, and the eigenvalue is 3/4.

    >>> images = np.array([0, 255], "uint8").reshape(1, 1, 2, 1)
    >>> abs(color_components(images)[:, 2]).round(3).tolist()  # 0.75 / sqrt(3)
    [0.433, 0.433, 0.433]
    """
    images = images[:: -(-len(images) // MAX_SAMPLE)]
    total, products, number = np.zeros(3), np.zeros((3, 3)), 0
    for start in range(0, len(images), CHUNK):
        pixels = images[start : start + CHUNK].astype("float32") / 255
        pixels = pixels.reshape(-1, images.shape[-1])
        pixels = np.broadcast_to(pixels, (len(pixels), 3))
        total += pixels.sum(axis=0, dtype="float64")
        products += pixels.T @ pixels
        number += len(pixels)
    mean = total / number
    covariance = products / number - np.outer(mean, mean)
    eigenvalues, eigenvectors = np.linalg.eigh(covariance)
    return eigenvectors * np.maximum(eigenvalues, 0)


def center_crop(images: Tensor, crop_size: int, image_size: int) -> Tensor:
    """Central window of images.

    Args:
        images: `(batch, height, width, 1 or 3)`, uint8, or floats in [0, 255].
        crop_size: Height and width of the window, in pixels.
        image_size: Height and width to which the images are resized before.

    Returns:
        `(batch, crop_size, crop_size, 3)`, float32 in [0, 1].
    """
    first = (image_size - crop_size) // 2
    window = slice(first, first + crop_size)
    return to_rgb(resize(images, image_size)[:, window, window])


def ten_crops(
    images: Tensor, crop_size: int, image_size: int, flip: bool = True
) -> Tensor:
    """Windows at the corners and the center, and their reflections.

    AlexNet averages its predictions over these.

    Args:
        images: `(batch, height, width, 1 or 3)`, uint8, or floats in [0, 255].
        crop_size: Height and width of the windows, in pixels.
        image_size: Height and width to which the images are resized before.
        flip: Whether to add the reflections: ten windows, else five.

    Returns:
        `(batch, 10 or 5, crop_size, crop_size, 3)`, float32 in [0, 1].

    Example:

    >>> images = tf.constant([[0, 255], [0, 0]], tf.uint8)[None, ..., None]
    >>> crops = ten_crops(images, crop_size=1, image_size=2, flip=False)
    >>> crops[0, :, 0, 0, 0].numpy().tolist()  # the center is rounded down
    [0.0, 1.0, 0.0, 0.0, 0.0]
    """
    images = resize(images, image_size)
    last = image_size - crop_size
    corners = [(0, 0), (0, last), (last, 0), (last, last), (last // 2,) * 2]
    windows = tf.stack(
        [
            images[:, top : top + crop_size, left : left + crop_size]
            for top, left in corners
        ],
        axis=1,
    )
    if flip:
        windows = tf.concat([windows, windows[..., ::-1, :]], axis=1)
    return to_rgb(windows)


def resize(images: Tensor, image_size: int) -> Tensor:
    """Images with `image_size` pixels of height and width."""
    if images.shape[1:3] == (image_size, image_size):
        return images
    return tf.image.resize(images, (image_size, image_size), antialias=True)


def to_rgb(images: Tensor) -> Tensor:
    """Three channels, float32: from 0 to 1 for pixels from 0 to 255."""
    scaled = tf.cast(images, tf.float32) / 255
    return tf.repeat(scaled, 3, -1) if images.shape[-1] == 1 else scaled
