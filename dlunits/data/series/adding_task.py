"""Adding task: a long-term dependency benchmark for recurrent networks."""

from typing import Any

import tensorflow as tf

from dlunits.data.batches import disable_autotune
from dlunits.typing import Array

# Root mean squared error of always predicting 1: the standard deviation of
# the sum of two numbers that are uniform in [0, 1].
BASELINE_RMSE = (2 / 12) ** 0.5


def adding_batches(
    *,
    length: int,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    min_length: int | None = None,
) -> Any:
    """Mini-batches of the adding task, generated for every step.

    Each time step holds a pair (value, marker). The values are uniform in
    [0, 1]. The markers are 0 except for two, one in each half of the sequence,
    that are 1. The target y is the sum of the two marked values:

        y = x_i + x_j,    i in the first half, j in the second

    where x_t is the value of time step t. A model that cannot remember the
    first marked value predicts 1 at best, with a root mean squared error of
    `BASELINE_RMSE`, 0.408.

    A batch depends only on (seed, step), so a run that resumes at step 700
    gets the same batches as a run without interruption.

    Reference: Hochreiter and Schmidhuber, 1997,
    https://doi.org/10.1162/neco.1997.9.8.1735, section 5.4; in this form Le et
    al., 2015, https://arxiv.org/abs/1504.00941, and Arjovsky et al., 2016,
    https://arxiv.org/abs/1511.06464, section 5.1.

    Args:
        length: Integer of at least 2, time steps of a sequence.
        batch_size: Positive integer, sequences of a mini-batch.
        seed: Integer, seed of all random numbers.
        first_step: Integer, first step, counted from 0 over the whole run.
        last_step: Integer, last step plus 1.
        min_length: Integer of at least 2. The length of a batch is drawn from
            `min_length`, `min_length + 10`, ... up to `length`. `None` gives
            all batches the same length.

    Returns:
        A `tf.data.Dataset` of (sequences `(batch, length, 2)`, sums
        `(batch, 1)`).

    Raises:
        ValueError: If a length or `batch_size` is out of range.

    Example:

    >>> [(x, y)] = adding_batches(
    ...     length=6, batch_size=1, seed=0, first_step=0, last_step=1
    ... )
    >>> x.shape.as_list(), int(tf.reduce_sum(x[..., 1]))
    ([1, 6, 2], 2)
    >>> bool(tf.reduce_sum(x[..., 0] * x[..., 1]) == y[0, 0])
    True
    """
    min_length = length if min_length is None else min_length
    if not 2 <= min_length <= length or batch_size < 1:
        raise ValueError(
            "`length` must be at least 2, one time step for each marker, "
            "`min_length` from 2 to `length`, and `batch_size` at least 1. "
            f"Received: {length=}, {min_length=}, {batch_size=}"
        )
    lengths = tf.range(min_length, length + 1, 10)

    def batch(step):
        keys = tf.random.split([seed, step], 4)
        index = tf.random.stateless_uniform(
            (), keys[3], 0, len(lengths), tf.int32
        )
        steps = length if min_length == length else lengths[index]
        values = tf.random.stateless_uniform((batch_size, steps), keys[0])
        half = steps // 2
        markers = marker(keys[1], 0, half, steps)
        markers += marker(keys[2], half, steps, steps)
        sums = tf.reduce_sum(values * markers, axis=1, keepdims=True)
        return tf.stack([values, markers], axis=-1), sums

    def marker(key, first, last, steps):
        """One-hot markers in [first, last): (batch, steps)"""
        positions = tf.random.stateless_uniform(
            (batch_size,), key, first, last, tf.int32
        )
        return tf.one_hot(positions, steps)

    steps = tf.data.Dataset.range(first_step, last_step)
    batches = steps.map(batch, num_parallel_calls=1, deterministic=True)
    return disable_autotune(batches.prefetch(4))


def adding_examples(
    num_examples: int, *, length: int, seed: int
) -> tuple[Array, Array]:
    """Sequences of the adding task for evaluation.

    Args:
        num_examples: Positive integer, number of sequences.
        length: Integer of at least 2, time steps of a sequence.
        seed: Integer, different from that of training.

    Returns:
        `(sequences, sums)`: arrays `(num_examples, length, 2)` and
        `(num_examples, 1)`.

    Raises:
        ValueError: As `adding_batches`.

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
