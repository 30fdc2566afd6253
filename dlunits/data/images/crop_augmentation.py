"""Data augmentation of AlexNet: random crops, reflections, color shifts."""

import numpy as np
import tensorflow as tf

from dlunits.data.shard import WHOLE, Shard
from dlunits.typing import Array, ArrayLike, Tensor

CHUNK = 64  # images converted to floats at a time, which limits the memory
MAX_SAMPLE = 1000  # images for the covariance of the colors


class RandomCrop:
    """Random crop, horizontal reflection and color shift of images.

    Every image gets a window at a random place. With `flip`, it is reflected
    with probability 1/2. With `color_shift`, one random color is added to all
    pixels of the image, which imitates changes of the illumination:

        P (a * e),    a_i ~ N(0, 0.1^2) for i = 1, 2, 3

    where the columns of P and the numbers e are the eigenvectors and
    eigenvalues of the 3x3 covariance matrix of the colors of the training
    images, with pixels in [0, 1]. See `color_components`.

    Reference: Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification
    with deep convolutional neural networks", section 4.1,
    https://papers.nips.cc/paper/4824.

    Args:
        crop_size: Height and width of the window, in pixels, 227 in AlexNet.
        image_size: Height and width to which the images are resized before
            they are cropped, in pixels, at least `crop_size`, 256 in AlexNet.
        flip: Whether to reflect images at random.
        color_shift: `P * e` from `color_components`. `None` adds no color.

    Call arguments:
        images: `(batch, height, width, 1 or 3)`, uint8.
        seed: Integers `(2,)`. The same seed gives the same results.
        shard: Part of a larger batch that `images` are.

    Returns:
        `(batch, crop_size, crop_size, 3)`, float32. In [0, 1] without
        `color_shift`.

    Raises:
        ValueError: If `crop_size` is not in [1, `image_size`].

    Example:

    The only window of a 2x2 image.

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

    If there are more than 1,000 images, every k-th one is used, at most 1,000.

    Args:
        images: `(num_images, height, width, 1 or 3)`, uint8.

    Returns:
        Array `(3, 3)`, one component per column, the largest eigenvalue last.

    Example:

    Black and white pixels have one component, along (1, 1, 1). Each color has
    the variance 1/4, and the eigenvalue is 3/4.

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
    """Center crop of images.

    Args:
        images: `(batch, height, width, 1 or 3)`, uint8, or floats in [0, 255].
        crop_size: Height and width of the window, in pixels.
        image_size: Height and width to which the images are resized before
            they are cropped, in pixels.

    Returns:
        `(batch, crop_size, crop_size, 3)`, float32 in [0, 1].

    Example:

    >>> images = tf.constant([[[0, 0, 0], [0, 255, 0], [0, 0, 0]]])
    >>> center_crop(images[..., None], 1, image_size=3).numpy().tolist()
    [[[[1.0, 1.0, 1.0]]]]
    """
    first = (image_size - crop_size) // 2
    window = slice(first, first + crop_size)
    return to_rgb(resize(images, image_size)[:, window, window])


def ten_crops(
    images: Tensor, crop_size: int, image_size: int, flip: bool = True
) -> Tensor:
    """Ten crops: windows at the corners and the center, and their reflections.

    AlexNet averages its predictions over these crops.

    Args:
        images: `(batch, height, width, 1 or 3)`, uint8, or floats in [0, 255].
        crop_size: Height and width of the windows, in pixels.
        image_size: Height and width to which the images are resized before
            they are cropped, in pixels.
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
    """Resizes images to a height and width of `image_size` pixels."""
    if images.shape[1:3] == (image_size, image_size):
        return images
    return tf.image.resize(images, (image_size, image_size), antialias=True)


def to_rgb(images: Tensor) -> Tensor:
    """Converts pixels from 0 to 255 to three channels, float32 in [0, 1]."""
    scaled = tf.cast(images, tf.float32) / 255
    return tf.repeat(scaled, 3, -1) if images.shape[-1] == 1 else scaled
