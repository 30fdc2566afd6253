"""Class coverage: which classes a generator produces, and how often."""

from typing import Any

import numpy as np

from dlunits.typing import Array, ArrayLike


def class_coverage(
    labels: ArrayLike, num_classes: int, min_frequency: float = 0.05
) -> dict[str, Any]:
    """Class frequencies of generated examples, and number of classes covered.

    Use it with labels predicted by a classifier, to detect mode collapse. For n
    labels:

        frequency_k = (number of labels equal to k) / n
        num_covered = number of classes k with frequency_k >= min_frequency

    Reference: Srivastava et al., 2017, "VEEGAN: reducing mode collapse in GANs
    using implicit variational learning",
    https://arxiv.org/abs/1705.07761.

    Args:
        labels: Integer array `(examples,)`, from 0 to `num_classes - 1`.
        num_classes: Positive integer.
        min_frequency: Float in (0, 1], minimum frequency of a class that
            counts as covered. Above `1 / num_classes` not all classes can be
            covered.

    Returns:
        Dict: `frequencies`, array `(num_classes,)` with sum 1, and
        `num_covered`, an integer.

    Raises:
        ValueError: If there are no labels, if a label is not an integer or out
            of range, or if `min_frequency` is out of range.

    Example, with 3, 1 and 0 of 4 labels:

    >>> coverage = class_coverage([0, 0, 1, 0], num_classes=3)
    >>> coverage["frequencies"].tolist(), coverage["num_covered"]
    ([0.75, 0.25, 0.0], 2)
    """
    if not 0 < min_frequency <= 1:
        raise ValueError(
            f"Expected a `min_frequency` in (0, 1]. Received: {min_frequency=}"
        )
    frequencies = class_frequencies(labels, num_classes, "labels")
    return {
        "frequencies": frequencies,
        "num_covered": int((frequencies >= min_frequency).sum()),
    }


def class_frequencies(labels: ArrayLike, num_classes: int, name: str) -> Array:
    """Relative frequencies of classes.

    Args:
        labels: Integer array `(examples,)`, from 0 to `num_classes - 1`.
        num_classes: Positive integer.
        name: String, name of the labels for error messages.

    Returns:
        Array `(num_classes,)` with sum 1.

    Raises:
        ValueError: If there are no labels, or if a label is not an integer or
            out of range.
    """
    labels = np.asarray(labels)
    if num_classes < 1:
        raise ValueError(f"Expected at least 1 class. Received: {num_classes=}")
    if labels.ndim != 1 or not len(labels):
        raise ValueError(
            f"Expected `{name}` of shape (examples,), not empty. Received: "
            f"an array of shape {labels.shape}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"Expected integers in `{name}`: use the argmax of "
            f"probabilities. Received: {labels.dtype.name}"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise ValueError(
            f"Expected `{name}` from 0 to {num_classes - 1}. Received: labels "
            f"from {low} to {high}"
        )
    return np.bincount(labels, minlength=num_classes) / len(labels)
