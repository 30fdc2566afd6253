"""Batches of consecutive segments of a token sequence, for truncated BPTT."""

from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.data.batches import disable_autotune
from dlunits.data.shard import WHOLE, Shard
from dlunits.typing import Array


def segments_per_epoch(
    num_tokens: int, num_streams: int, segment_length: int
) -> int:
    """Number of whole segments in each stream.

    Args:
        num_tokens: Positive integer, length of the sequence.
        num_streams: Positive integer, number of parallel streams that the
            sequence is split into.
        segment_length: Positive integer, tokens of a segment.

    Returns:
        Positive integer.

    Raises:
        ValueError: If the sequence is too short for one segment per stream.

    Example:

    Two streams of 5 tokens, each followed by one to predict.

    >>> segments_per_epoch(12, num_streams=2, segment_length=2)
    2
    """
    segments = (num_tokens - 1) // num_streams // segment_length
    if segments < 1:
        required = num_streams * segment_length + 1
        raise ValueError(
            f"At least {required:,} tokens are required for {num_streams} "
            f"streams of segments of {segment_length} tokens. Received: "
            f"{num_tokens:,}. Use fewer streams, shorter segments or a longer "
            "text"
        )
    return segments


def training_segments(
    tokens: Array,
    *,
    num_streams: int,
    segment_length: int,
    first_step: int,
    last_step: int,
    shard: Shard = WHOLE,
) -> Any:
    """Consecutive segments of parallel streams, epoch after epoch.

    Stream i begins at token `i * (num_tokens - 1) // num_streams`. A batch
    holds one segment of every stream, and the next batch holds the segments
    that follow, for truncated backpropagation through time. A batch depends on
    its step only, so a resumed run gets the batches of a run without
    interruption.

    Args:
        tokens: Integer array `(num_tokens,)`, or a memory map.
        num_streams: Positive integer, the batch size of all processes.
        segment_length: Positive integer, tokens of a segment.
        first_step: Integer, first step, counted from 0 over the whole run.
        last_step: Integer, last step plus 1.
        shard: Streams of this process; others are not read.

    Returns:
        `tf.data.Dataset` of (tokens, next tokens), int32
        `(num_streams, segment_length)`.

    Raises:
        ValueError: If the sequence is too short, or `num_streams` is not a
            multiple of the number of devices.

    Example:

    Each token equals its position.

    >>> segments = training_segments(
    ...     np.arange(9),
    ...     num_streams=2,
    ...     segment_length=2,
    ...     first_step=0,
    ...     last_step=3,
    ... )
    >>> [x.numpy().tolist() for x, _ in segments]
    [[[0, 1], [4, 5]], [[2, 3], [6, 7]], [[0, 1], [4, 5]]]
    """
    segments = segments_per_epoch(len(tokens), num_streams, segment_length)
    begins = (len(tokens) - 1) * np.arange(num_streams) // num_streams
    first, last = shard.rows(num_streams)
    begins = begins[first:last]
    offsets = np.arange(segment_length + 1)

    def read(step):
        segment = step % segments
        positions = begins[:, None] + segment * segment_length + offsets
        return tokens[positions].astype("int32")

    def batch(step):
        segment = tf.numpy_function(read, [step], tf.int32, stateful=False)
        segment = tf.ensure_shape(segment, (last - first, segment_length + 1))
        return segment[:, :-1], segment[:, 1:]

    dataset = tf.data.Dataset.range(first_step, last_step).map(batch)
    return disable_autotune(dataset.prefetch(4))


def evaluation_segments(
    tokens: Array,
    *,
    num_streams: int = 1,
    segment_length: int = 256,
    shard: Shard = WHOLE,
) -> Any:
    """Consecutive segments of parallel streams for one evaluation.

    Every token but the first of the text is predicted exactly once. The last
    segments are padded with tokens of weight 0.

    Args:
        tokens: Integer array `(num_tokens,)`, of at least `num_streams + 1`.
        num_streams: Positive integer, the batch size of all processes.
        segment_length: Positive integer, tokens of a segment.
        shard: Streams of this process.

    Returns:
        `tf.data.Dataset` of (tokens, next tokens, weights),
        `(num_streams, segment_length)`.

    Raises:
        ValueError: If there are too few tokens.

    Example:

    >>> segments = evaluation_segments(np.arange(6), segment_length=3)
    >>> [y.numpy().tolist() for _, y, _ in segments]
    [[[1, 2, 3]], [[4, 5, 0]]]
    >>> sum(float(tf.reduce_sum(weights)) for *_, weights in segments)
    5.0
    """
    if len(tokens) < num_streams + 1:
        raise ValueError(
            f"At least {num_streams + 1} tokens are required to predict one in "
            f"each of {num_streams} streams. Received: {len(tokens)}"
        )
    begins = (len(tokens) - 1) * np.arange(num_streams + 1) // num_streams
    longest = np.diff(begins).max()
    num_segments = -(-longest // segment_length)
    first, last = shard.rows(num_streams)
    ends, begins = begins[first + 1 : last + 1], begins[first:last]

    def batches():
        for segment in range(num_segments):
            offsets = segment * segment_length + np.arange(segment_length)
            positions = begins[:, None] + offsets
            inside = positions < ends[:, None]
            x = np.where(inside, tokens[np.where(inside, positions, 0)], 0)
            y = tokens[np.where(inside, positions + 1, 0)]
            y = np.where(inside, y, 0)
            yield x.astype("int32"), y.astype("int32"), inside

    shape = (last - first, segment_length)
    dataset = tf.data.Dataset.from_generator(
        batches,
        output_signature=(
            tf.TensorSpec(shape, tf.int32),
            tf.TensorSpec(shape, tf.int32),
            tf.TensorSpec(shape, tf.float32),
        ),
    ).apply(tf.data.experimental.assert_cardinality(int(num_segments)))
    return disable_autotune(dataset.prefetch(2))
