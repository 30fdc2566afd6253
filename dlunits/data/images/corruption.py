"""Corruption of images, and (noisy, clean) pairs for denoising."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from dlunits.data.batches import disable_autotune, training_batches
from dlunits.data.shard import WHOLE, Shard
from dlunits.typing import Array, ArrayLike, Tensor

# Function of a float batch and a seed of shape (2,) to the noisy batch. If the
# batch is part of a larger one, the third argument is its `shard`.
Corruption: TypeAlias = Callable[..., Tensor]


def gaussian_noise(
    stddev: float, clip: tuple[float, float] | None = (0.0, 1.0)
) -> Corruption:
    """Additive Gaussian noise, clipped to the range of the images.

        y = clip(x + stddev * n),    n ~ N(0, 1) for each value

    where x is the clean image and y the noisy one.

    Args:
        stddev: Standard deviation, not negative, in the unit of the images.
        clip: Minimum and maximum of the images, or `None` not to clip.

    Returns:
        Function `corrupt(images, seed)` of a float batch and a seed of shape
        `(2,)` to a batch of the same shape and type. The same seed gives the
        same noise.

    Raises:
        ValueError: If `stddev` is negative or not finite, or `clip` is not
            a range.

    Example:

    >>> corrupt = gaussian_noise(0.5, clip=None)
    >>> noise = corrupt(np.zeros((200, 500), "float32"), seed=(0, 0))
    >>> f"{np.std(noise):.2f}"  # the standard error is 0.001
    '0.50'
    """
    if not 0 <= stddev < math.inf:
        raise ValueError(
            "`stddev` must be a finite, non-negative number. Received: "
            f"{stddev=}"
        )
    if clip is not None:
        check_range(*clip)

    def corrupt(images: Tensor, seed: Tensor, shard: Shard = WHOLE) -> Tensor:
        images = to_float_tensor(images)
        noise = draw(tf.random.stateless_normal, images, seed, shard)
        noisy = images + tf.cast(stddev * noise, images.dtype)
        return noisy if clip is None else tf.clip_by_value(noisy, *clip)

    return corrupt


def masking_noise(rate: float, mask_value: float = 0.0) -> Corruption:
    """Masking noise: replaces random values by a constant.

        y = mask_value  if u < rate,  else x,    u ~ U(0, 1) for each value

    where x is the clean image and y the noisy one. As a layer:
    `dlunits.layers.MaskingNoise`.

    Args:
        rate: Expected fraction of replaced values, in [0, 1].
        mask_value: Value that replaces them.

    Returns:
        Function `corrupt(images, seed)`, see `gaussian_noise`.

    Raises:
        ValueError: If `rate` is not in [0, 1], or `mask_value` is not finite.

    Example:

    >>> corrupt = masking_noise(1.0, mask_value=-1.0)
    >>> corrupt([[0.25, 0.5]], seed=(0, 0)).numpy().tolist()
    [[-1.0, -1.0]]
    """
    check_rate(rate)
    if not math.isfinite(mask_value):
        raise ValueError(
            f"`mask_value` must be finite. Received: {mask_value=}"
        )

    def corrupt(images: Tensor, seed: Tensor, shard: Shard = WHOLE) -> Tensor:
        images = to_float_tensor(images)
        draws = draw(tf.random.stateless_uniform, images, seed, shard)
        masked = tf.constant(mask_value, images.dtype)
        return tf.where(draws < rate, masked, images)

    return corrupt


def salt_and_pepper_noise(
    rate: float, low: float = 0.0, high: float = 1.0
) -> Corruption:
    """Salt-and-pepper noise: replaces random values by minimum or maximum.

        y = low   if u < rate / 2
            high  if rate / 2 <= u < rate
            x     else,                       u ~ U(0, 1) for each value

    where x is the clean image and y the noisy one. As a layer:
    `dlunits.layers.SaltAndPepperNoise`.

    Args:
        rate: Expected fraction of replaced values, in [0, 1].
        low: Minimum of the images: pepper.
        high: Maximum of the images: salt.

    Returns:
        Function `corrupt(images, seed)`, see `gaussian_noise`.

    Raises:
        ValueError: If `rate` is not in [0, 1], or `low` and `high` are not a
            finite range.

    Example:

    >>> corrupt = salt_and_pepper_noise(0.5)
    >>> noisy = corrupt(np.full((100, 100), 0.4), seed=(0, 0)).numpy()
    >>> np.unique(noisy).tolist()
    [0.0, 0.4, 1.0]
    """
    check_rate(rate)
    check_range(low, high)

    def corrupt(images: Tensor, seed: Tensor, shard: Shard = WHOLE) -> Tensor:
        images = to_float_tensor(images)
        draws = draw(tf.random.stateless_uniform, images, seed, shard)
        pepper = tf.constant(low, images.dtype)
        salt = tf.constant(high, images.dtype)
        extreme = tf.where(draws < rate / 2, pepper, salt)
        return tf.where(draws < rate, extreme, images)

    return corrupt


def denoising_batches(
    images: Array,
    corrupt: Corruption,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    prepare: Callable[[Tensor], Tensor] = tf.identity,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """Shuffled (noisy, clean) batches of the training steps in a range.

    Every epoch has a new order and new noise. Both depend on the seed and the
    step only, so that a resumed run gets the same batches as one that was not
    interrupted. See `dlunits.data.batches.training_batches`.

    Args:
        images: Array `(num_images, ...)`.
        corrupt: Function of a float batch and a seed of shape `(2,)` to the
            noisy batch, such as `gaussian_noise(0.5)`.
        batch_size: Images per step, at most `num_images`.
        seed: Seed of the order and of the noise.
        first_step: First step, counted from 0 over the whole run.
        last_step: Last step plus 1.
        prepare: Function of a batch of `images` to clean floats, needed if
            `images` are uint8.
        shard: Rows of each batch that are returned, for training in several
            processes.

    Returns:
        `tf.data.Dataset` of (noisy batch, clean batch).

    Raises:
        ValueError: If a pixel is NaN or infinite, or there are fewer images
            than one batch needs.

    Example:

    >>> images = np.ones((4, 2, 2, 1), "float32")
    >>> pairs = denoising_batches(
    ...     images, masking_noise(0.5), batch_size=2, seed=0, first_step=0,
    ...     last_step=2)
    >>> [float(tf.reduce_sum(clean)) for noisy, clean in pairs]
    [8.0, 8.0]
    """
    check_finite(images)

    def pair(
        images: Tensor, seed: Tensor, shard: Shard
    ) -> tuple[Tensor, Tensor]:
        clean = prepare(images)
        return corrupt(clean, seed, shard), clean

    batches = training_batches(
        images,
        np.zeros(len(images), "uint8"),  # not used: clean images are targets
        batch_size=batch_size,
        seed=seed,
        first_step=first_step,
        last_step=last_step,
        prepare=pair,
        shard=shard,
    )
    return batches.map(lambda pair, _: pair)


def denoising_evaluation_batches(
    images: Array,
    corrupt: Corruption,
    *,
    seed: int,
    prepare: Callable[[Tensor], Tensor] = tf.identity,
    batch_size: int = 1000,
) -> tf.data.Dataset:
    """(noisy, clean) batches of all images once, in order.

    The noise of an image depends on `seed` and on its index in `images` only:
    it is the same in every epoch and for every batch size, and differs from
    the noise of all training steps of that seed.

    Args:
        images: Array `(num_images, ...)`.
        corrupt: Function of a float batch and a seed of shape `(2,)` to the
            noisy batch.
        seed: Seed of the noise.
        prepare: Function of a batch of `images` to clean floats.
        batch_size: Images per batch; the last one may be smaller.

    Returns:
        `tf.data.Dataset` of (noisy batch, clean batch).

    Raises:
        ValueError: If a pixel is NaN or infinite.

    Example:

    >>> images = np.ones((3, 2, 2, 1), "float32")
    >>> pairs = denoising_evaluation_batches(
    ...     images, masking_noise(0.5), seed=0, batch_size=2)
    >>> [noisy.shape[0] for noisy, clean in pairs]
    [2, 1]
    """
    check_finite(images)

    def pair(index: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        clean = prepare(image[None])
        noisy = corrupt(clean, tf.stack([seed, -1 - index]))
        return noisy[0], clean[0]

    numbered = tf.data.Dataset.from_tensor_slices(images).enumerate()
    pairs = numbered.map(pair, num_parallel_calls=2, deterministic=True)
    return disable_autotune(pairs.batch(batch_size).prefetch(4))


def draw(
    distribution: Callable[..., Tensor],
    images: Tensor,
    seed: Tensor,
    shard: Shard,
) -> Tensor:
    """Random numbers of the shape of `images`, which may be part of a batch.

    They are the numbers that these rows have in the whole batch.
    """
    shape = tf.shape(images)
    whole = tf.concat([shard.count * shape[:1], shape[1:]], axis=0)
    return shard.part(distribution(whole, seed))


def check_finite(images: ArrayLike) -> None:
    """Raises ValueError for images with NaN or infinity.

    Args:
        images: Array `(num_images, ...)`.

    Raises:
        ValueError: If a pixel is NaN or infinite. The message contains the
            index of the first such image.

    Example:

    >>> check_finite(np.array([[0.0], [np.nan], [1.0]]))
    Traceback (most recent call last):
    ...
    ValueError: Every pixel must be a finite number. Received: NaN or \
infinity in 1 of 3 images, first in image 1 (counted from 0). Remove it, or \
replace the values.
    """
    images = np.asarray(images)
    finite = np.isfinite(images).all(axis=tuple(range(1, images.ndim)))
    if not finite.all():
        raise ValueError(
            "Every pixel must be a finite number. Received: NaN or infinity "
            f"in {np.sum(~finite)} of {len(images)} images, first in "
            f"image {np.argmin(finite)} (counted from 0). Remove it, or "
            "replace the values."
        )


def check_rate(rate: float) -> None:
    """Raises ValueError unless `rate` is in [0, 1]."""
    if not 0 <= rate <= 1:
        raise ValueError(
            "`rate` is a fraction of the values and must be in [0, 1]. "
            f"Received: {rate=}"
        )


def check_range(low: float, high: float) -> None:
    """Raises ValueError unless `low` < `high`, both finite."""
    if not -math.inf < low < high < math.inf:
        raise ValueError(
            "A range must be two finite numbers, the smaller one first. "
            f"Received: ({low}, {high})"
        )


def to_float_tensor(images: Tensor) -> Tensor:
    """Converts images to a tensor; raises ValueError unless it is of floats."""
    images = tf.convert_to_tensor(images)
    if not images.dtype.is_floating:
        raise ValueError(
            "Images must be floats: divide integers by their maximum first. "
            f"Received: {images.dtype.name}"
        )
    return images
