"""tf.data pipelines in which a batch is a pure function of (seed, step)."""

import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from dlunits.data.shard import WHOLE, Shard
from dlunits.typing import Array, ArrayLike, Tensor


def training_batches(
    images: Array,
    labels: ArrayLike,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    prepare: Callable[..., Any],
    relabel: Callable[[Tensor], Tensor] | None = None,
    shard: Shard = WHOLE,
) -> tf.data.Dataset:
    """Shuffled mini-batches of the training steps in a range.

    Every epoch visits the images in a new order, without repetition; images
    that do not fill a batch are left out of that epoch. There is no state
    between steps: the batch of step 700 is the same whether the run starts at
    step 0 or resumes at step 700.

        epoch, i = divmod(step, num_images // batch_size)
        rows     = order_epoch[i * batch_size : (i + 1) * batch_size]
        batch    = prepare(images[rows])

    where `i` is the number of the step in its epoch, and `order_epoch` is a
    pseudo-random permutation that depends on (seed, epoch) and takes no memory
    (`tf.random.experimental.index_shuffle`).

    Args:
        images: Array `(num_images, height, width, channels)`.
        labels: Integer array `(num_images,)`.
        batch_size: Images per step of all processes, at most `num_images`.
        seed: Seed of the order and of the augmentation.
        first_step: First step, counted from 0 over the whole run.
        last_step: Last step plus 1.
        prepare: Function of a batch of images and a seed of shape `(2,)`,
            different in every step, to the input of the model. If it has an
            argument `shard`, it is called with the rows of this process only,
            and must draw the random numbers that these rows have in the whole
            batch. Otherwise each process prepares the whole batch and takes
            its rows.
        relabel: Function of the labels of a batch to those of the prepared
            images. `None` keeps the labels.
        shard: Rows of each batch that are returned, for training in several
            processes.

    Returns:
        `tf.data.Dataset` of (prepared images, labels).

    Raises:
        ValueError: If there are fewer images than one batch needs, or the
            batch size is not a multiple of the number of devices.

    Example:

    >>> import numpy as np
    >>> images = np.arange(6).reshape(6, 1, 1, 1)
    >>> epoch = training_batches(
    ...     images, np.arange(6), batch_size=2, seed=0, first_step=0,
    ...     last_step=3, prepare=lambda images, seed: images)
    >>> sorted(int(label) for _, labels in epoch for label in labels)
    [0, 1, 2, 3, 4, 5]
    """
    num_images = len(images)
    num_batches = steps_per_epoch(num_images, batch_size)
    images, labels = tf.constant(images), tf.constant(labels)
    shard.rows(batch_size)
    by_row = "shard" in inspect.signature(prepare).parameters

    def batch(step: Tensor) -> tuple[Tensor, Tensor]:
        epoch, index = step // num_batches, step % num_batches
        positions = index * batch_size + tf.range(batch_size, dtype=tf.int64)
        rows = tf.random.experimental.index_shuffle(
            positions,
            seed=shuffle_key(seed, epoch),
            max_index=num_images - 1,
        )
        key = tf.stack([seed, step])
        if by_row:
            own = tf.gather(images, shard.part(rows))
            prepared = prepare(own, key, shard=shard)
        else:
            prepared = tf.nest.map_structure(
                shard.part, prepare(tf.gather(images, rows), key)
            )
        chosen = tf.gather(labels, rows)
        return prepared, shard.part(relabel(chosen) if relabel else chosen)

    steps = tf.data.Dataset.range(first_step, last_step)
    batches = steps.map(batch, num_parallel_calls=2, deterministic=True)
    return disable_autotune(batches.prefetch(4))


def shuffle_key(seed: int, epoch: Tensor) -> Tensor:
    """Two random integers as the seed of `index_shuffle`.

    `index_shuffle` uses only the low byte of each integer. Seed and epoch
    themselves would give the same order for many pairs.
    """
    return tf.random.stateless_uniform(
        (2,), (seed, epoch), minval=None, maxval=None, dtype=tf.int64
    )


def steps_per_epoch(
    num_images: int, batch_size: int, min_images: int = 0
) -> int:
    """Number of full mini-batches in one epoch.

    Args:
        num_images: Number of training images.
        batch_size: Number of images per step.
        min_images: Approximate minimum number of images in an epoch: a smaller
            data set is repeated `min_images // num_images` times.

    Returns:
        Number of steps.

    Raises:
        ValueError: If there are fewer images than one batch needs.

    Example:

    >>> steps_per_epoch(60_000, batch_size=128)  # 96 images are left out
    468
    >>> steps_per_epoch(1_372, batch_size=128, min_images=10_000)  # 7 times 10
    70
    """
    if batch_size > num_images:
        raise ValueError(
            "The batch size must not be larger than the number of images. "
            f"Received: {num_images} training images; choose a smaller batch "
            f"size than {batch_size=}"
        )
    num_repeats = max(1, min_images // num_images)
    return num_images // batch_size * num_repeats


def evaluation_batches(
    images: Array,
    labels: ArrayLike,
    *,
    prepare: Callable[[Tensor], Tensor],
    batch_size: int = 1000,
) -> tf.data.Dataset:
    """Batches of all images once, in order.

    Args:
        images: Array `(num_images, height, width, channels)`.
        labels: Integer array `(num_images,)`.
        prepare: Function of a batch of images to the input of the model.
        batch_size: Images per batch; the last one may be smaller.

    Returns:
        `tf.data.Dataset` of (prepared images, labels).

    Example:

    >>> import numpy as np
    >>> batches = evaluation_batches(
    ...     np.zeros((5, 1, 1, 1)), np.arange(5), batch_size=2,
    ...     prepare=lambda images: images)
    >>> [labels.numpy().tolist() for _, labels in batches]
    [[0, 1], [2, 3], [4]]
    """
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(
        batch_size
    )
    batches = batches.map(
        lambda images, labels: (prepare(images), labels), num_parallel_calls=2
    )
    return disable_autotune(batches.prefetch(4))


def rescale_images(images: Tensor, seed: Tensor | None = None) -> Tensor:
    """Rescales uint8 images to floats in [0, 1], for the argument `prepare`.

    Args:
        images: uint8 tensor.
        seed: Not used.

    Returns:
        float32 tensor of the same shape.

    Example:

    >>> rescale_images(tf.constant([0, 255], tf.uint8)).numpy().tolist()
    [0.0, 1.0]
    """
    return tf.image.convert_image_dtype(images, tf.float32)


def disable_autotune(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Turns off the autotuning of tf.data, which delays the end of an epoch.

    The tuner releases a finished iterator only at its next update, and the time
    between updates grows to seconds. All pipelines of this package have a fixed
    parallelism, so there is nothing to tune.

    Args:
        dataset: `tf.data.Dataset`.

    Returns:
        The data set with the option.

    Example:

    >>> dataset = disable_autotune(tf.data.Dataset.range(3))
    >>> dataset.options().autotune.enabled
    False
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
