"""How a generated text is drawn: the same seed, the same text, anywhere."""

import tensorflow as tf

# Splitmix64, a counter-based generator: Steele et al., 2014,
# https://doi.org/10.1145/2660193.2660195.
GOLDEN = 0x9E3779B97F4A7C15
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def uniform(seed, place):
    """Random numbers in [0, 1) that depend on nothing but seed and place.

        x = mix(mix(seed) + golden * (place + 1))

    Args:
        seed: Tensor of integers, int64.
        place: Tensor of integers, int64, of a shape that goes with it.

    Returns:
        Tensor, float32.

    Example, over many places, the mean of a number in [0, 1):

    >>> x = uniform(tf.constant(7, tf.int64), tf.range(10_000, dtype=tf.int64))
    >>> round(float(tf.reduce_mean(x)), 1)
    0.5
    """
    golden = tf.constant(GOLDEN, tf.uint64)
    place = tf.cast(place, tf.uint64) + tf.constant(1, tf.uint64)
    x = mixed(mixed(tf.cast(seed, tf.uint64)) + golden * place)
    top = tf.bitwise.right_shift(x, tf.constant(40, tf.uint64))
    return tf.cast(tf.cast(top, tf.int64), tf.float32) / float(1 << 24)


def mixed(x):
    """64 bits in, 64 bits out that look like chance.

    Example:

    >>> int(mixed(tf.constant(0, tf.uint64)))  # 0 is where it stays
    0
    """
    for shift, factor in ((30, MIX_1), (27, MIX_2), (31, None)):
        x = tf.bitwise.bitwise_xor(
            x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint64))
        )
        if factor is not None:
            x = x * tf.constant(factor, tf.uint64)
    return x


def choose(logits, chance, temperature, top_k, top_p):
    """Draws a token from the most probable ones.

        p  = softmax(logits / temperature), sorted
        kept: the first `top_k`, and of these as few as make `top_p` together
        token: the first at which the sum of kept p passes `chance` of all

    Args:
        logits: Tensor `(batch, vocabulary_size)`.
        chance: Tensor `(batch,)`, numbers in [0, 1), see `uniform`.
        temperature: Scalar of at least 0; 0 takes the most probable token.
        top_k: Integer scalar of at least 0; 0 keeps all.
        top_p: Scalar in (0, 1]; 1 keeps all.

    Returns:
        Tensor `(batch,)`, int32. Token 0, the unknown one, is never drawn.

    Example, of three tokens the one that is most probable:

    >>> logits = tf.constant([[9.0, 1.0, 2.0]])  # 9 is for the unknown one
    >>> int(choose(logits, tf.constant([0.9]), 0.0, 0, 1.0)[0])
    2
    """
    unknown = tf.one_hot(0, logits.shape[-1], logits.dtype.min, 0.0)
    size = tf.shape(logits)[-1]
    values, tokens = tf.math.top_k(logits + unknown, size)
    cold = temperature <= 0
    values = (values - values[:, :1]) / tf.where(cold, 1.0, temperature)
    p = tf.nn.softmax(values)
    before = tf.cumsum(p, axis=1, exclusive=True)
    rank = tf.range(size)
    limit = tf.where(cold, 1, tf.where(top_k > 0, top_k, size))
    kept = (rank < limit) & (before < top_p)
    sums = tf.cumsum(tf.where(kept, p, 0.0), axis=1)
    passed = sums <= chance[:, None] * sums[:, -1:]
    place = tf.reduce_sum(tf.cast(passed, tf.int32), axis=1)
    last = tf.reduce_sum(tf.cast(kept, tf.int32), axis=1) - 1
    # Where nothing is kept, by a `top_p` out of range, there is no last one.
    place = tf.minimum(place, tf.maximum(last, 0))
    return tf.gather(tokens, place, batch_dims=1)
