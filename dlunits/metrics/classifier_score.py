"""How sure a classifier is of examples, and how many classes it sees."""

import math

import numpy as np

from dlunits.metrics.feature_rows import (
    block_slices,
    feature_table,
    finite_block,
)

# How far the probabilities of a row may be from 1 in sum: half precision.
ROUNDING = 1e-2


def classifier_score(probabilities, splits=10, seed=0):
    """Scores generated examples by what a classifier makes of them.

    Use it with any classifier of the data; with the Inception network it is
    the Inception score. Numbers from different classifiers do not compare.

        score = exp(mean over x of KL(p(y | x) || p(y)))
        KL(p || q) = sum_y p(y) ln(p(y) / q(y))

    `p(y | x)` are the probabilities of the classes of an example `x`, `p(y)`
    their mean over the examples. The score is 1 if all examples get the same
    probabilities, and the number of classes if the classifier is sure of each
    example and sees every class equally often. It sees neither whether a
    class looks always the same nor what the real data is.

    The spread is the standard deviation (of n - 1) of the scores of `splits`
    random parts. Parts of few rows score less than the whole, so `score` is of
    all rows, not the mean of the parts.

    Reference: Salimans et al., 2016, "Improved techniques for training GANs",
    https://arxiv.org/abs/1606.03498; on what it does not tell,
    Barratt and Sharma, 2018, "A note on the Inception score",
    https://arxiv.org/abs/1801.01973.

    Args:
        probabilities: Array `(examples, classes)`, rows that sum to 1.
        splits: Integer of at least 2, into how many parts of at least 2 rows
            the examples are split.
        seed: Integer, decides which example is in which part.

    Returns:
        Dict: `score`, from 1 to the number of classes, and its `spread`.

    Raises:
        ValueError: If a row holds no probabilities, a value is not finite, or
            there are too few rows or splits.

    Example, sure of four classes, one each:

    >>> scores = classifier_score(np.eye(4), splits=2)
    >>> round(scores["score"], 6)
    4.0
    >>> scores["spread"]  # each half scores 2
    0.0
    """
    if splits < 2:
        raise ValueError(
            f"Expected at least 2 splits, or there is no spread. "
            f"Received: {splits=}"
        )
    probabilities = feature_table(
        probabilities, "probabilities", least_rows=2 * splits
    )
    num_rows, num_classes = probabilities.shape
    part_of = np.random.default_rng(seed).permutation(num_rows) % splits
    counts = np.bincount(part_of, minlength=splits)
    sums = np.zeros((splits, num_classes))
    negative_entropies = np.zeros(splits)
    for rows in block_slices(num_rows):
        block = finite_block(probabilities, rows, "probabilities")
        check_probabilities(block)
        np.add.at(sums, part_of[rows], block)
        np.add.at(negative_entropies, part_of[rows], sum_p_ln_p(block))
    of_parts = scores_of(sums, negative_entropies, counts)
    [score] = scores_of(
        sums.sum(axis=0, keepdims=True), negative_entropies.sum(), num_rows
    )
    return {"score": float(score), "spread": float(of_parts.std(ddof=1))}


def scores_of(sums, negative_entropies, counts):
    """Sums of probabilities (parts, classes), and so on -> (parts,)

    The mean divergence is the entropy of the mean less the mean entropy.
    """
    means = sums / np.reshape(counts, (-1, 1))
    return np.exp(negative_entropies / counts - sum_p_ln_p(means))


def sum_p_ln_p(p):
    """(..., classes) -> (...), where 0 ln 0 is 0"""
    return np.sum(p * np.log(np.where(p > 0, p, 1)), axis=-1)


def check_probabilities(block):
    sums = block.sum(axis=1)
    wrong = (block < 0).any(axis=1) | (np.abs(sums - 1) > ROUNDING)
    if wrong.any():
        row = block[np.argmax(wrong)]
        raise ValueError(
            "Expected rows of probabilities, not negative and 1 in sum: take "
            f"the softmax of logits. Received: a row from {row.min():g} to "
            f"{row.max():g} with the sum {math.fsum(row):g}"
        )
