"""(noisy, clean) pairs for denoising, as pure functions of (seed, step)."""

import math

import numpy as np
import tensorflow as tf

from dlunits.data.batches import disable_autotune, training_batches


def gaussian_noise(stddev, clip=(0.0, 1.0)):
    """Corruption that adds Gaussian noise, then clips to the range.

        y = clip(x + stddev * n),    n ~ N(0, 1) for each value

    Args:
        stddev: Float, not negative, in the unit of the images.
        clip: Pair, the ends of the range of the images, or `None` for noise
            as it is.

    Returns:
        Function `corrupt(images, seed)` of a float batch and a seed of shape
        `(2,)`, which gives a batch of the same shape and type. The same seed
        gives the same noise.

    Raises:
        ValueError: If `stddev` is negative or not finite, or `clip` is no
            range.

    Example:

    >>> corrupt = gaussian_noise(0.5, clip=None)
    >>> noise = corrupt(np.zeros((200, 500), "float32"), seed=(0, 0))
    >>> f"{np.std(noise):.2f}"  # the standard error is 0.001
    '0.50'
    """
    if not 0 <= stddev < math.inf:
        raise ValueError(
            "`stddev` must be a finite number, not negative. Received: "
            f"{stddev=}"
        )
    if clip is not None:
        check_range(*clip)

    def corrupt(images, seed):
        images = as_floats(images)
        noise = tf.random.stateless_normal(tf.shape(images), seed)
        noisy = images + tf.cast(stddev * noise, images.dtype)
        return noisy if clip is None else tf.clip_by_value(noisy, *clip)

    return corrupt


def masking_noise(rate, mask_value=0.0):
    """Corruption that replaces values by `mask_value`.

        y = mask_value  if u < rate,  else x,    u uniform for each value

    `dlunits.layers.MaskingNoise` does the same inside a model.

    Args:
        rate: Float in [0, 1], the expected share of values replaced.
        mask_value: Float, what stands for a missing value.

    Returns:
        Function `corrupt(images, seed)`, see `gaussian_noise`.

    Raises:
        ValueError: If `rate` lies outside [0, 1], or `mask_value` is not
            finite.

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

    def corrupt(images, seed):
        images = as_floats(images)
        draws = tf.random.stateless_uniform(tf.shape(images), seed)
        masked = tf.constant(mask_value, images.dtype)
        return tf.where(draws < rate, masked, images)

    return corrupt


def salt_and_pepper_noise(rate, low=0.0, high=1.0):
    """Corruption that replaces values by either end of the range.

        y = low   if u < rate / 2
            high  if rate / 2 <= u < rate
            x     else,                       u uniform for each value

    `dlunits.layers.SaltAndPepperNoise` does the same inside a model.

    Args:
        rate: Float in [0, 1], the expected share of values replaced.
        low: Float, the smallest value of the range: pepper.
        high: Float, the largest value of the range: salt.

    Returns:
        Function `corrupt(images, seed)`, see `gaussian_noise`.

    Raises:
        ValueError: If `rate` lies outside [0, 1], or `low` and `high` are not
            the finite ends of a range.

    Example:

    >>> corrupt = salt_and_pepper_noise(0.5)
    >>> noisy = corrupt(np.full((100, 100), 0.4), seed=(0, 0)).numpy()
    >>> np.unique(noisy).tolist()
    [0.0, 0.4, 1.0]
    """
    check_rate(rate)
    check_range(low, high)

    def corrupt(images, seed):
        images = as_floats(images)
        draws = tf.random.stateless_uniform(tf.shape(images), seed)
        pepper = tf.constant(low, images.dtype)
        salt = tf.constant(high, images.dtype)
        extreme = tf.where(draws < rate / 2, pepper, salt)
        return tf.where(draws < rate, extreme, images)

    return corrupt


def denoising_batches(
    images,
    corrupt,
    *,
    batch_size,
    seed,
    first_step,
    last_step,
    prepare=tf.identity,
):
    """Yields (noisy, clean) of training steps `first_step` to `last_step`.

    Every epoch sees the images in a new order and under new noise. Both
    depend on the seed and the step alone, so a resumed run gets the noise of
    one never stopped. See `dlunits.data.batches.training_batches`.

    Args:
        images: Array `(num_images, ...)`.
        corrupt: Function of a float batch and a seed of shape `(2,)` to the
            noisy batch, such as `gaussian_noise(0.5)`.
        batch_size: Images a step, at most `num_images`.
        seed: Integer, seed of the order and of the noise.
        first_step: Integer, counted from 0 over the whole run.
        last_step: Integer, one past the last step.
        prepare: Function of a batch of `images` to clean floats, for images
            that are kept as uint8.

    Returns:
        A `tf.data.Dataset` of (noisy batch, clean batch).

    Raises:
        ValueError: If an image holds NaN or infinity, or there are fewer
            images than one batch needs.

    Example:

    >>> images = np.ones((4, 2, 2, 1), "float32")
    >>> pairs = denoising_batches(
    ...     images, masking_noise(0.5), batch_size=2, seed=0, first_step=0,
    ...     last_step=2)
    >>> [float(tf.reduce_sum(clean)) for noisy, clean in pairs]
    [8.0, 8.0]
    """
    check_finite(images)

    def pair(images, seed):
        clean = prepare(images)
        return corrupt(clean, seed), clean

    batches = training_batches(
        images,
        np.zeros(len(images), "uint8"),  # the clean image is the target
        batch_size=batch_size,
        seed=seed,
        first_step=first_step,
        last_step=last_step,
        prepare=pair,
    )
    return batches.map(lambda pair, _: pair)


def denoising_evaluation_batches(
    images, corrupt, *, seed, prepare=tf.identity, batch_size=1000
):
    """Yields (noisy, clean) of every image once, in order, none left out.

    The noise of an image depends on `seed` and on its place in `images`
    alone: it is the same at every pass and for every batch size. No training
    step of that seed has it.

    Args:
        images: Array `(num_images, ...)`.
        corrupt: Function of a float batch and a seed of shape `(2,)` to the
            noisy batch.
        seed: Integer.
        prepare: Function of a batch of `images` to clean floats.
        batch_size: Images a batch; the last one may be smaller.

    Returns:
        A `tf.data.Dataset` of (noisy batch, clean batch).

    Raises:
        ValueError: If an image holds NaN or infinity.

    Example:

    >>> images = np.ones((3, 2, 2, 1), "float32")
    >>> pairs = denoising_evaluation_batches(
    ...     images, masking_noise(0.5), seed=0, batch_size=2)
    >>> [noisy.shape[0] for noisy, clean in pairs]
    [2, 1]
    """
    check_finite(images)

    def pair(index, image):
        clean = prepare(image[None])
        noisy = corrupt(clean, tf.stack([seed, -1 - index]))
        return noisy[0], clean[0]

    images = tf.data.Dataset.from_tensor_slices(images).enumerate()
    pairs = images.map(pair, num_parallel_calls=2, deterministic=True)
    return disable_autotune(pairs.batch(batch_size).prefetch(4))


def check_finite(images):
    """Refuses images that no model can learn from.

    Args:
        images: Array `(num_images, ...)`.

    Raises:
        ValueError: If a value is NaN or infinite, with the place of the first
            such image.

    Example:

    >>> check_finite(np.array([[0.0], [np.nan], [1.0]]))
    Traceback (most recent call last):
    ...
    ValueError: Every pixel must be a finite number. Received: NaN or \
infinity in 1 of 3 images, first in image 1 (counted from 0). Leave it \
out, or mend it.
    """
    finite = np.isfinite(images).all(axis=tuple(range(1, np.ndim(images))))
    if not finite.all():
        raise ValueError(
            "Every pixel must be a finite number. Received: NaN or infinity "
            f"in {np.sum(~finite)} of {len(images)} images, first in "
            f"image {np.argmin(finite)} (counted from 0). Leave it out, or "
            "mend it."
        )


def check_rate(rate):
    if not 0 <= rate <= 1:
        raise ValueError(
            "`rate` is the share of values to replace and must lie in [0, 1]. "
            f"Received: {rate=}"
        )


def check_range(low, high):
    if not -math.inf < low < high < math.inf:
        raise ValueError(
            "A range must be two finite numbers, the lower one first. "
            f"Received: ({low}, {high})"
        )


def as_floats(images):
    images = tf.convert_to_tensor(images)
    if not images.dtype.is_floating:
        raise ValueError(
            "Noise needs images of floats: divide by the largest value "
            f"first. Received: {images.dtype.name}"
        )
    return images
