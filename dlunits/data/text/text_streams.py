"""Segments of a long sequence of tokens, in parallel streams."""

import numpy as np
import tensorflow as tf

from dlunits.data.batches import disable_autotune


def segments_per_epoch(num_tokens, num_streams, steps):
    """Whole segments of every stream; each token but the last is read once.

    Args:
        num_tokens: Positive integer, length of the sequence.
        num_streams: Positive integer, streams that it is laid into.
        steps: Positive integer, tokens a segment.

    Raises:
        ValueError: If the sequence is too short for one segment a stream.

    Example, two streams of 5 tokens, each with one to predict behind it:

    >>> segments_per_epoch(12, num_streams=2, steps=2)
    2
    """
    segments = (num_tokens - 1) // num_streams // steps
    if segments < 1:
        needed = num_streams * steps + 1
        raise ValueError(
            f"At least {needed:,} tokens are needed for {num_streams} streams "
            f"of {steps}: take fewer streams or shorter segments, or a longer "
            f"text. Received: {num_tokens:,}"
        )
    return segments


def training_segments(tokens, *, num_streams, steps, first_step, last_step):
    """Yields segment after segment of all streams, pass after pass.

    Stream `i` begins at token `i * (num_tokens - 1) // num_streams`. The batch
    of a step is a function of the step alone, so a resumed run reads on where
    it was stopped.

    Args:
        tokens: Integer array `(num_tokens,)`; a memory map will do.
        num_streams: Positive integer.
        steps: Positive integer, tokens a segment.
        first_step: Integer, counted from 0 over the whole run.
        last_step: Integer, one past the last step.

    Returns:
        A `tf.data.Dataset` of (tokens, next tokens), int32 `(num_streams,
        steps)`.

    Example, where a token is its place:

    >>> segments = training_segments(
    ...     np.arange(9), num_streams=2, steps=2, first_step=0, last_step=3
    ... )
    >>> [now.numpy().tolist() for now, _ in segments]
    [[[0, 1], [4, 5]], [[2, 3], [6, 7]], [[0, 1], [4, 5]]]
    """
    segments = segments_per_epoch(len(tokens), num_streams, steps)
    begins = (len(tokens) - 1) * np.arange(num_streams) // num_streams
    within = np.arange(steps + 1)

    def read(step):
        places = begins[:, None] + step % segments * steps + within
        return tokens[places].astype("int32")

    def batch(step):
        read_on = tf.numpy_function(read, [step], tf.int32, stateful=False)
        read_on = tf.ensure_shape(read_on, (num_streams, steps + 1))
        return read_on[:, :-1], read_on[:, 1:]

    dataset = tf.data.Dataset.range(first_step, last_step).map(batch)
    return disable_autotune(dataset.prefetch(4))


def evaluation_segments(tokens, *, num_streams=1, steps=256):
    """Yields what an evaluation reads: one pass, nothing left out.

    The last segment is filled up; what was filled in has the weight 0.

    Args:
        tokens: Integer array `(num_tokens,)`, of at least `num_streams + 1`.
        num_streams: Positive integer.
        steps: Positive integer, tokens a segment.

    Returns:
        A `tf.data.Dataset` of (tokens, next tokens, weights), `(num_streams,
        steps)`.

    Example:

    >>> segments = evaluation_segments(np.arange(6), num_streams=1, steps=3)
    >>> [y.numpy().tolist() for _, y, _ in segments]
    [[[1, 2, 3]], [[4, 5, 0]]]
    >>> sum(float(tf.reduce_sum(weights)) for *_, weights in segments)
    5.0
    """
    if len(tokens) < num_streams + 1:
        raise ValueError(
            f"At least {num_streams + 1} tokens are needed to predict one in "
            f"each of {num_streams} streams. Received: {len(tokens)}"
        )
    begins = (len(tokens) - 1) * np.arange(num_streams + 1) // num_streams
    longest = np.diff(begins).max()
    num_segments = -(-longest // steps)

    def batches():
        for segment in range(num_segments):
            offset = segment * steps + np.arange(steps)
            places = begins[:-1, None] + offset
            within = places < begins[1:, None]
            now = np.where(within, tokens[np.where(within, places, 0)], 0)
            coming = tokens[np.where(within, places + 1, 0)]
            coming = np.where(within, coming, 0)
            yield now.astype("int32"), coming.astype("int32"), within

    shape = (num_streams, steps)
    dataset = tf.data.Dataset.from_generator(
        batches,
        output_signature=(
            tf.TensorSpec(shape, tf.int32),
            tf.TensorSpec(shape, tf.int32),
            tf.TensorSpec(shape, tf.float32),
        ),
    ).apply(tf.data.experimental.assert_cardinality(int(num_segments)))
    return disable_autotune(dataset.prefetch(2))
