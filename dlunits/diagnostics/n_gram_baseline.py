"""N-gram language model with Witten-Bell smoothing, a baseline."""

import numpy as np

from dlunits.typing import Array, ArrayLike


def n_gram_cross_entropy(
    train_tokens: ArrayLike, test_tokens: ArrayLike, order: int = 5
) -> float:
    """Cross-entropy of an n-gram model with Witten-Bell smoothing.

    Use it as a baseline for neural language models. The model counts n-grams
    of one text and predicts another:

        p(w | c) = (n(c w) + t(c) p(w | c')) / (n(c) + t(c))

    `w` is a token, `c` the context of the `order - 1` tokens before it and
    `c'` that context without its first token. `n` are counts, `t(c)` is the
    number of different tokens that follow `c`. The recursion ends with the
    uniform distribution, 1 / (number of tokens). A context that does not occur
    in `train_tokens` is replaced by the shorter one.

    Reference: Witten and Bell, 1991, "The zero-frequency problem",
    https://doi.org/10.1109/18.87000, method C.

    Args:
        train_tokens: Integer array `(train tokens,)`, token ids to count.
        test_tokens: Integer array `(test tokens,)`, token ids to predict. The
            first ones are predicted from shorter contexts.
        order: Positive integer, n.

    Returns:
        Float, mean of -ln p(w | c), in nats per token.

    Raises:
        ValueError: If a text is empty.

    Example, a coin with 2 heads in 4 throws: p = (2 + 2 / 2) / (4 + 2) = 1/2,
    and ln 2 = 0.6931:

    >>> train, test = np.array([0, 1, 1, 0]), np.array([1, 1, 0])
    >>> round(n_gram_cross_entropy(train, test, order=1), 4)
    0.6931
    """
    train = np.asarray(train_tokens).astype("int64")
    test = np.asarray(test_tokens).astype("int64")
    if not len(train) or not len(test):
        raise ValueError(
            "Both texts must have at least one token. Received: "
            f"{len(train)} and {len(test)} tokens"
        )
    num_tokens = int(max(train.max(), test.max())) + 1
    probability = np.full(len(test), 1 / num_tokens)
    # Ids of the contexts of the current length, equal in both texts.
    contexts = [np.zeros(len(train), "int64"), np.zeros(len(test), "int64")]
    for length in range(order):
        if length:
            contexts = number_pairs(
                extend_contexts(contexts[0], train),
                extend_contexts(contexts[1], test),
            )
        train_context, test_context = (ids[length:] for ids in contexts)
        if not len(train_context) or not len(test_context):
            break
        n_grams, counts = np.unique(
            train_context * num_tokens + train[length:], return_counts=True
        )
        max_context = test_context.max() + 1
        context_of_n_gram = n_grams // num_tokens
        context_counts = np.bincount(context_of_n_gram, counts, max_context)
        num_followers = np.bincount(context_of_n_gram, minlength=max_context)
        n_c, t_c = context_counts[test_context], num_followers[test_context]
        test_n_grams = test_context * num_tokens + test[length:]
        place = np.searchsorted(n_grams, test_n_grams)
        place = np.minimum(place, len(n_grams) - 1)
        n_cw = np.where(n_grams[place] == test_n_grams, counts[place], 0)
        smoothed = n_cw + t_c * probability[length:]
        # For an unknown context n(c) and t(c) are 0.
        smoothed = smoothed / np.maximum(n_c + t_c, 1)
        probability[length:] = np.where(n_c > 0, smoothed, probability[length:])
    return float(-np.log(probability).mean())


def extend_contexts(context: Array, tokens: Array) -> Array:
    """Contexts that are one token longer.

    Args:
        context: Integer array `(tokens,)`, id of the context of each token.
        tokens: Integer array `(tokens,)`.

    Returns:
        Array `(tokens, 2)`: pairs (context at t - 1, token at t - 1).
    """
    pairs = np.zeros((len(tokens), 2), "int64")
    pairs[1:, 0] = context[:-1]
    pairs[1:, 1] = tokens[:-1]
    return pairs


def number_pairs(train_pairs: Array, test_pairs: Array) -> list[Array]:
    """Assigns an id to each different pair, the same in both texts."""
    pairs = np.concatenate([train_pairs, test_pairs])
    keys = pairs[:, 0] * (pairs[:, 1].max() + 1) + pairs[:, 1]
    _, ids = np.unique(keys, return_inverse=True)
    return [ids[: len(train_pairs)], ids[len(train_pairs) :]]
