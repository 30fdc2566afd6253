"""Classifier score (Inception score with any classifier)."""

import math

import numpy as np

from dlunits.metrics.feature_rows import (
    block_slices,
    feature_table,
    finite_block,
)
from dlunits.typing import Array, ArrayLike

# Allowed deviation of the sum of probabilities from 1, for half precision.
SUM_TOLERANCE = 1e-2


def classifier_score(
    probabilities: ArrayLike, splits: int = 10, seed: int = 0
) -> dict[str, float]:
    """Inception score of generated examples, with any classifier.

    Scores of different classifiers are not comparable.

        score = exp(mean over x of KL(p(y | x) || p(y)))
        KL(p || q) = sum_y p(y) ln(p(y) / q(y))

    `p(y | x)` are the class probabilities of an example `x`, and `p(y)` is
    their mean over the examples. The score is 1 if all examples have the same
    probabilities. It is the number of classes if the classifier is certain of
    each example and all classes are equally frequent. It measures neither the
    diversity within a class nor the similarity to real data.

    The standard deviation is that of the scores of `splits` random parts of
    the examples (with n - 1). Small parts have lower scores than the whole, so
    `score` is computed from all examples and is not the mean of the parts.

    References: Salimans et al., 2016, "Improved techniques for training GANs",
    https://arxiv.org/abs/1606.03498; on its limits, Barratt and Sharma, 2018,
    "A note on the Inception score", https://arxiv.org/abs/1801.01973.

    Args:
        probabilities: Array `(examples, classes)`, rows with sum 1.
        splits: Integer of at least 2, number of parts, of at least 2 rows
            each.
        seed: Integer, seed of the assignment of examples to parts.

    Returns:
        Dict: `score`, from 1 to the number of classes, and
        `standard_deviation`.

    Raises:
        ValueError: If a row does not hold probabilities, if a value is not
            finite, or if there are too few rows or splits.

    Example, where the classifier is certain of four classes, one each:

    >>> result = classifier_score(np.eye(4), splits=2)
    >>> round(result["score"], 6)
    4.0
    >>> result["standard_deviation"]  # each half scores 2
    0.0
    """
    if splits < 2:
        raise ValueError(
            "Expected at least 2 splits, or there is no standard deviation. "
            f"Received: {splits=}"
        )
    probabilities = feature_table(
        probabilities, "probabilities", min_rows=2 * splits
    )
    num_rows, num_classes = probabilities.shape
    part = np.random.default_rng(seed).permutation(num_rows) % splits
    counts = np.bincount(part, minlength=splits)
    sums = np.zeros((splits, num_classes))
    negative_entropies = np.zeros(splits)
    for rows in block_slices(num_rows):
        block = finite_block(probabilities, rows, "probabilities")
        check_probabilities(block)
        np.add.at(sums, part[rows], block)
        np.add.at(negative_entropies, part[rows], sum_p_ln_p(block))
    part_scores = scores_from_sums(sums, negative_entropies, counts)
    [score] = scores_from_sums(
        sums.sum(axis=0, keepdims=True),
        np.array([negative_entropies.sum()]),
        np.array([num_rows]),
    )
    return {
        "score": float(score),
        "standard_deviation": float(part_scores.std(ddof=1)),
    }


def scores_from_sums(
    sums: Array, negative_entropies: Array, counts: Array
) -> Array:
    """Scores of parts of the examples.

    The mean divergence is the entropy of the mean minus the mean entropy.

    Args:
        sums: Array `(parts, classes)`, sums of the probabilities.
        negative_entropies: Array `(parts,)`, sums of sum_y p ln p.
        counts: Array `(parts,)`, numbers of examples.

    Returns:
        Array `(parts,)`.
    """
    means = sums / np.reshape(counts, (-1, 1))
    return np.exp(negative_entropies / counts - sum_p_ln_p(means))


def sum_p_ln_p(p: Array) -> Array:
    """`(..., classes)` -> `(...)`, with 0 ln 0 = 0."""
    return np.sum(p * np.log(np.where(p > 0, p, 1)), axis=-1)


def check_probabilities(block: Array) -> None:
    """Checks that rows are probabilities.

    Raises:
        ValueError: If one is negative, or if the sum of a row is not 1.
    """
    sums = block.sum(axis=1)
    wrong = (block < 0).any(axis=1) | (np.abs(sums - 1) > SUM_TOLERANCE)
    if wrong.any():
        row = block[np.argmax(wrong)]
        raise ValueError(
            "Expected rows of probabilities, not negative and with sum 1: use "
            f"the softmax of logits. Received: a row from {row.min():g} to "
            f"{row.max():g} with the sum {math.fsum(row):g}"
        )
