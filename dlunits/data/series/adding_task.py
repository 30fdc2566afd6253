"""The adding task: two numbers of a long sequence are to be remembered."""

import tensorflow as tf

from dlunits.data.batches import disable_autotune

# Standard deviation of a sum of two numbers, each uniform in [0, 1]: the root
# mean squared error of who always answers 1.
BASELINE_RMSE = (2 / 12) ** 0.5


def adding_batches(
    *, length, batch_size, seed, first_step, last_step, shortest=None
):
    """Yields mini-batches of the adding task, each drawn anew.

    A sequence of pairs (value, marker): the values are uniform in [0, 1], the
    markers are 0 but for two, one in each half of the sequence, that are 1.
    What is to be told at the end is the sum of the two marked values.

        y = x_i + x_j,    i in the first half, j in the second

    Who cannot carry a number over the lag answers 1 and is wrong by
    `BASELINE_RMSE`, 0.408, in the root mean square.

    A batch depends on nothing but (seed, step), so a run that is resumed at
    step 700 sees what a run never stopped sees.

    Reference: Hochreiter and Schmidhuber, 1997,
    https://doi.org/10.1162/neco.1997.9.8.1735, section 5.4; in this form Le et
    al., 2015, https://arxiv.org/abs/1504.00941, and Arjovsky et al., 2016,
    https://arxiv.org/abs/1511.06464, section 5.1.

    Args:
        length: Integer, at least 2, time steps.
        batch_size: Positive integer, sequences a step.
        seed: Integer.
        first_step: Integer, counted from 0 over the whole run.
        last_step: Integer, one past the last step.
        shortest: Integer, at least 2: the length of a batch is drawn from
            `shortest`, `shortest + 10`, ... up to `length`. `None` keeps all
            of one length.

    Returns:
        A `tf.data.Dataset` of (sequences `(batch, length, 2)`, sums
        `(batch, 1)`).

    Raises:
        ValueError: If `length` or `batch_size` is too small.

    Example:

    >>> [(x, y)] = adding_batches(
    ...     length=6, batch_size=1, seed=0, first_step=0, last_step=1
    ... )
    >>> x.shape.as_list(), int(tf.reduce_sum(x[..., 1]))
    ([1, 6, 2], 2)
    >>> bool(tf.reduce_sum(x[..., 0] * x[..., 1]) == y[0, 0])
    True
    """
    shortest = length if shortest is None else shortest
    if not 2 <= shortest <= length or batch_size < 1:
        raise ValueError(
            "`length` must be at least 2, a marker for each half, `shortest` "
            "from 2 to `length`, and `batch_size` at least 1. Received: "
            f"{length=}, {shortest=}, {batch_size=}"
        )
    lengths = tf.range(shortest, length + 1, 10)

    def batch(step):
        keys = tf.random.split([seed, step], 4)
        drawn = tf.random.stateless_uniform(
            (), keys[3], 0, len(lengths), tf.int32
        )
        steps = length if shortest == length else lengths[drawn]
        values = tf.random.stateless_uniform((batch_size, steps), keys[0])
        half = steps // 2
        markers = marker(keys[1], 0, half, steps)
        markers += marker(keys[2], half, steps, steps)
        sums = tf.reduce_sum(values * markers, axis=1, keepdims=True)
        return tf.stack([values, markers], axis=-1), sums

    def marker(key, first, last, steps):
        """1 at one place from `first` to before `last`: (batch, steps)"""
        places = tf.random.stateless_uniform(
            (batch_size,), key, first, last, tf.int32
        )
        return tf.one_hot(places, steps)

    steps = tf.data.Dataset.range(first_step, last_step)
    batches = steps.map(batch, num_parallel_calls=1, deterministic=True)
    return disable_autotune(batches.prefetch(4))


def adding_examples(num_examples, *, length, seed):
    """Draws sequences of the adding task to measure by.

    Args:
        num_examples: Positive integer.
        length: Integer, at least 2, time steps.
        seed: Integer, other than that of training.

    Returns:
        `(sequences, sums)`: arrays `(examples, length, 2)` and
        `(examples, 1)`.

    Example:

    >>> sequences, sums = adding_examples(5, length=8, seed=1)
    >>> sequences.shape, sums.shape
    ((5, 8, 2), (5, 1))
    """
    [(sequences, sums)] = adding_batches(
        length=length,
        batch_size=num_examples,
        seed=seed,
        first_step=0,
        last_step=1,
    )
    return sequences.numpy(), sums.numpy()
