"""tf.data pipelines in which a batch is a pure function of (seed, step)."""

import tensorflow as tf


def training_batches(
    images, labels, *, batch_size, seed, first_step, last_step, prepare
):
    """Yields the mini-batches of training steps `first_step` to `last_step`.

    Every epoch visits the images in a new order, without repetition; what
    does not fill a batch is left out of that epoch. Nothing is remembered
    between steps: the batch of step 700 is the same whether the run started
    at 0 or was resumed at 700.

        epoch, i = divmod(step, num_images // batch_size)
        batch    = prepare(images[order_epoch[i * batch_size + 0, 1, ...]])

    `order_epoch` is a permutation drawn from (seed, epoch), never held in
    memory (`tf.random.experimental.index_shuffle`).

    Args:
        images: Array `(num_images, height, width, channels)`.
        labels: Integer array `(num_images,)`.
        batch_size: Images a step, at most `num_images`.
        seed: Integer, seed of the order and of the augmentation.
        first_step: Integer, counted from 0 over the whole run.
        last_step: Integer, one past the last step.
        prepare: Function of a batch of images and a seed of shape `(2,)`
            that is different at every step, to what the model takes.

    Returns:
        A `tf.data.Dataset` of (prepared images, labels).

    Raises:
        ValueError: If there are fewer images than one batch needs.

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

    def batch(step):
        epoch, index = step // num_batches, step % num_batches
        places = index * batch_size + tf.range(batch_size, dtype=tf.int64)
        rows = tf.random.experimental.index_shuffle(
            places,
            seed=shuffle_key(seed, epoch),
            max_index=num_images - 1,
        )
        chosen = prepare(tf.gather(images, rows), tf.stack([seed, step]))
        return chosen, tf.gather(labels, rows)

    steps = tf.data.Dataset.range(first_step, last_step)
    batches = steps.map(batch, num_parallel_calls=2, deterministic=True)
    return disable_autotune(batches.prefetch(4))


def shuffle_key(seed, epoch):
    """Two random numbers: `index_shuffle` reads the low byte of each only."""
    return tf.random.stateless_uniform(
        (2,), (seed, epoch), minval=None, maxval=None, dtype=tf.int64
    )


def steps_per_epoch(num_images, batch_size):
    """Whole mini-batches in one pass over the images.

    Raises:
        ValueError: If there are fewer images than one batch needs.

    Example:

    >>> steps_per_epoch(60_000, batch_size=128)  # 96 images are left out
    468
    """
    if batch_size > num_images:
        raise ValueError(
            f"A batch must not need more than the {num_images} training "
            f"images: choose a smaller batch size. Received: {batch_size=}"
        )
    return num_images // batch_size


def evaluation_batches(images, labels, *, prepare, batch_size=1000):
    """Yields every image once, in order, none left out.

    Args:
        images: Array `(num_images, height, width, channels)`.
        labels: Integer array `(num_images,)`.
        prepare: Function of a batch of images to what the model takes.
        batch_size: Images a batch; the last one may be smaller.

    Returns:
        A `tf.data.Dataset` of (prepared images, labels).

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


def rescale_images(images, seed=None):
    """Takes uint8 images to floats in [0, 1]; for `prepare`, without chance.

    Example:

    >>> rescale_images(tf.constant([0, 255], tf.uint8)).numpy().tolist()
    [0.0, 1.0]
    """
    return tf.image.convert_image_dtype(images, tf.float32)


def disable_autotune(dataset):
    """Keeps tf.data from tuning itself, which stalls the end of every epoch.

    An iterator is torn down only at the tuner's next tick, and ticks double
    up to seconds: with fixed parallelism there is nothing to wait for.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
