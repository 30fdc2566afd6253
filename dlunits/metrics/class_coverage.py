"""Which classes a generator makes, and how often."""

import numpy as np


def class_coverage(labels, num_classes, min_frequency=0.05):
    """Counts the classes that generated examples cover.

    Use it, on the labels that a classifier finds, to see whether a generator
    has collapsed to a few kinds of examples.

        share_k = (number of labels that are k) / n
        covered = number of classes k with share_k >= min_frequency

    Reference: Srivastava et al., 2017, "VEEGAN: reducing mode collapse in GANs
    using implicit variational learning",
    https://arxiv.org/abs/1705.07761.

    Args:
        labels: Integers `(examples,)` from 0 to `num_classes - 1`.
        num_classes: Positive integer.
        min_frequency: Number in (0, 1], the share from which a class counts as
            covered. Above `1 / num_classes` not all classes can be.

    Returns:
        Dict: `frequencies`, array `(num_classes,)` with the sum 1, and
        `num_covered`, an integer.

    Raises:
        ValueError: If there are no labels, one is not an integer or out of
            range, or `min_frequency` is.

    Example, 3, 1 and none of 4:

    >>> coverage = class_coverage([0, 0, 1, 0], num_classes=3)
    >>> coverage["frequencies"].tolist(), coverage["num_covered"]
    ([0.75, 0.25, 0.0], 2)
    """
    if not 0 < min_frequency <= 1:
        raise ValueError(
            "Expected a `min_frequency` above 0 and at most 1. Received: "
            f"{min_frequency=}"
        )
    shares = class_frequencies(labels, num_classes, "labels")
    return {
        "frequencies": shares,
        "num_covered": int((shares >= min_frequency).sum()),
    }


def class_frequencies(labels, num_classes, name):
    """Integers `(examples,)` -> shares `(num_classes,)` of the classes."""
    labels = np.asarray(labels)
    if num_classes < 1:
        raise ValueError(f"Expected at least 1 class. Received: {num_classes=}")
    if labels.ndim != 1 or not len(labels):
        raise ValueError(
            f"Expected `{name}` of shape (examples,), at least one. Received: "
            f"an array of shape {labels.shape}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"Expected integers in `{name}`: take the argmax of "
            f"probabilities. Received: {labels.dtype.name}"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise ValueError(
            f"Expected `{name}` from 0 to {num_classes - 1}. Received: labels "
            f"from {low} to {high}"
        )
    return np.bincount(labels, minlength=num_classes) / len(labels)
