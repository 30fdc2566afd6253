"""Reproducible sampling of tokens: temperature, top-k and top-p."""

from typing import Any

import tensorflow as tf

# Splitmix64, a counter-based generator: Steele et al., 2014,
# https://doi.org/10.1145/2660193.2660195.
GOLDEN = 0x9E3779B97F4A7C15
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def uniform(seed: Any, position: Any) -> Any:
    """Random numbers in [0, 1) as a function of seed and position alone.

        x = mix(mix(seed) + golden * (position + 1))

    with the constant golden of splitmix64, see `mix`. The result is the same
    on all machines and in all batches.

    Args:
        seed: Int64 tensor.
        position: Int64 tensor that broadcasts with `seed`.

    Returns:
        Float32 tensor.

    Example, the mean over many positions:

    >>> x = uniform(tf.constant(7, tf.int64), tf.range(10_000, dtype=tf.int64))
    >>> round(float(tf.reduce_mean(x)), 1)
    0.5
    """
    golden = tf.constant(GOLDEN, tf.uint64)
    position = tf.cast(position, tf.uint64) + tf.constant(1, tf.uint64)
    x = mix(mix(tf.cast(seed, tf.uint64)) + golden * position)
    high_bits = tf.bitwise.right_shift(x, tf.constant(40, tf.uint64))
    return tf.cast(tf.cast(high_bits, tf.int64), tf.float32) / float(1 << 24)


def mix(x: Any) -> Any:
    """Mixing function of splitmix64.

        x = (x xor (x >> 30)) * MIX_1
        x = (x xor (x >> 27)) * MIX_2
        x =  x xor (x >> 31)

    Args:
        x: Uint64 tensor.

    Returns:
        Uint64 tensor.

    Example:

    >>> int(mix(tf.constant(0, tf.uint64)))  # 0 is its fixed point
    0
    """
    for shift, factor in ((30, MIX_1), (27, MIX_2), (31, None)):
        x = tf.bitwise.bitwise_xor(
            x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint64))
        )
        if factor is not None:
            x = x * tf.constant(factor, tf.uint64)
    return x


def sample_token(
    logits: Any, u: Any, temperature: Any, top_k: Any, top_p: Any
) -> Any:
    """Samples a token with temperature, top-k and top-p (nucleus) sampling.

        p     = softmax(logits / temperature), sorted in descending order
        kept  : the first `top_k` tokens whose predecessors sum to less than
                `top_p`
        token : the first one at which the cumulative sum of the kept p exceeds
                u times their total

    Reference: Holtzman et al., 2020, "The curious case of neural text
    degeneration", https://arxiv.org/abs/1904.09751 (top-p).

    Args:
        logits: Tensor `(batch, vocabulary_size)`.
        u: Tensor `(batch,)` of uniform random numbers in [0, 1), see
            `uniform`.
        temperature: Scalar of at least 0; 0 selects the most probable token.
        top_k: Integer scalar of at least 0; 0 keeps all tokens.
        top_p: Scalar in (0, 1]; 1 keeps all tokens.

    Returns:
        Int32 tensor `(batch,)`. Token 0, the unknown one, is never sampled.

    Example, the more probable of two known tokens:

    >>> logits = tf.constant([[9.0, 1.0, 2.0]])  # 9 is for the unknown token
    >>> int(sample_token(logits, tf.constant([0.9]), 0.0, 0, 1.0)[0])
    2
    """
    tokens, p = kept_probabilities(logits, temperature, top_k, top_p)
    sums = tf.cumsum(p, axis=1)
    below = sums <= u[:, None] * sums[:, -1:]
    index = tf.reduce_sum(tf.cast(below, tf.int32), axis=1)
    last = tf.reduce_sum(tf.cast(p > 0, tf.int32), axis=1) - 1
    # With `top_p` out of range no token is kept, and `last` is -1.
    index = tf.minimum(index, tf.maximum(last, 0))
    return tf.gather(tokens, index, batch_dims=1)


def kept_probabilities(
    logits: Any, temperature: Any, top_k: Any, top_p: Any
) -> tuple[Any, Any]:
    """Tokens in descending order of probability, and the kept probabilities.

    Args:
        logits: As in `sample_token`.
        temperature: As in `sample_token`.
        top_k: As in `sample_token`.
        top_p: As in `sample_token`.

    Returns:
        `(tokens, p)`, `(batch, vocabulary_size)` each: p of `sample_token`, 0
        for tokens that are not kept. It sums to 1 if all tokens are kept.

    Example:

    >>> logits = tf.math.log([[0.1, 0.6, 0.4]])  # 0.1 is for the unknown token
    >>> tokens, p = kept_probabilities(logits, 1.0, 0, 0.5)
    >>> tokens.numpy().tolist(), [round(float(x), 1) for x in p[0]]
    ([[1, 2, 0]], [0.6, 0.0, 0.0])
    """
    exclude_unknown = tf.one_hot(0, logits.shape[-1], logits.dtype.min, 0.0)
    size = tf.shape(logits)[-1]
    values, tokens = tf.math.top_k(logits + exclude_unknown, size)
    greedy = temperature <= 0
    values = (values - values[:, :1]) / tf.where(greedy, 1.0, temperature)
    p = tf.nn.softmax(values)
    preceding = tf.cumsum(p, axis=1, exclusive=True)
    rank = tf.range(size)
    limit = tf.where(greedy, 1, tf.where(top_k > 0, top_k, size))
    kept = (rank < limit) & (preceding < top_p)
    return tokens, tf.where(kept, p, 0.0)
