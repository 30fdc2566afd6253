"""What counting does: the cross-entropy of an n-gram model of a text."""

import numpy as np


def n_gram_cross_entropy(known, new, order=5):
    """Predicts a text by counts of the n-grams of another: a floor.

    A network that predicts worse than this has not learnt what counting
    gives. Counts are smoothed as Witten and Bell do:

        p(w | c) = (n(c w) + t(c) p(w | c')) / (n(c) + t(c))

    with the context `c` of `order - 1` tokens, `c'` without its first, counts
    `n`, the number `t` of different tokens that follow, and p = 1 / size at
    the end. A context that was never seen leaves it to the shorter one.

    Reference: Witten and Bell, 1991, "The zero-frequency problem",
    https://doi.org/10.1109/18.87000, method C.

    Args:
        known: Integer array `(num_tokens,)`, the text to count.
        new: Integer array, the text to predict; its first tokens are predicted
            from shorter contexts.
        order: Positive integer, n.

    Returns:
        Float, mean nats a token.

    Raises:
        ValueError: If a text is empty.

    Example, a coin of which 2 of 4 throws were heads; p of each side is
    (2 + 2 / 2) / (4 + 2), and log(2) is 0.6931:

    >>> known, new = np.array([0, 1, 1, 0]), np.array([1, 1, 0])
    >>> round(n_gram_cross_entropy(known, new, order=1), 4)
    0.6931
    """
    known, new = (np.asarray(text).astype("int64") for text in (known, new))
    if not len(known) or not len(new):
        raise ValueError(
            "Two texts are expected that are not empty. Received: "
            f"{len(known)} and {len(new)} tokens"
        )
    size = int(max(known.max(), new.max())) + 1
    probability = np.full(len(new), 1 / size)
    contexts = np.zeros(len(known), "int64"), np.zeros(len(new), "int64")
    for length in range(order):
        if length:
            contexts = numbered(
                *(
                    longer(context, text, length)
                    for context, text in zip(
                        contexts, (known, new), strict=True
                    )
                )
            )
        seen, asked = (context[length:] for context in contexts)
        if not len(seen) or not len(asked):
            break
        pairs, counts = np.unique(
            seen * size + known[length:], return_counts=True
        )
        of_context = np.bincount(pairs // size, counts, asked.max() + 1)
        followers = np.bincount(pairs // size, minlength=asked.max() + 1)
        total, followers = of_context[asked], followers[asked]
        place = np.searchsorted(pairs, asked * size + new[length:])
        place = np.minimum(place, len(pairs) - 1)
        found = pairs[place] == asked * size + new[length:]
        count = np.where(found, counts[place], 0)
        mixed = count + followers * probability[length:]
        # Where a context was not seen, both are 0.
        mixed = mixed / np.maximum(total + followers, 1)
        probability[length:] = np.where(total > 0, mixed, probability[length:])
    return float(-np.log(probability).mean())


def longer(context, text, length):
    """Contexts one token longer: pairs (context at t - 1, token at t - 1)."""
    pairs = np.zeros((len(text), 2), "int64")
    pairs[1:, 0] = context[:-1]
    pairs[1:, 1] = text[:-1]
    return pairs


def numbered(known, new):
    """Pairs to numbers, the same for the same pair in both texts."""
    both = np.concatenate([known, new])
    key = both[:, 0] * (both[:, 1].max() + 1) + both[:, 1]
    _, numbers = np.unique(key, return_inverse=True)
    return numbers[: len(known)], numbers[len(known) :]
