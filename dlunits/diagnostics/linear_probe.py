"""Linear probe: accuracy of a linear classifier on codes."""

import numpy as np

from dlunits.diagnostics.code_statistics import flatten_code
from dlunits.typing import ArrayLike


def linear_probe(
    training_code: ArrayLike,
    training_labels: ArrayLike,
    code: ArrayLike,
    labels: ArrayLike,
) -> float:
    """Linear probe: accuracy of a linear classifier that is trained on codes.

    The classifier is the logistic regression of scikit-learn with an L2 weight
    of 1. Each unit is standardized to mean 0 and variance 1 over the training
    codes. The accuracy measures how linearly separable the classes are.

    Reference: Alain and Bengio, 2016, "Understanding intermediate layers using
    linear classifier probes", https://arxiv.org/abs/1610.01644.

    Args:
        training_code: Array `(training examples, ...)`.
        training_labels: Integer array `(training examples,)`, at least two
            classes.
        code: Array `(examples, ...)`, codes to classify.
        labels: Integer array `(examples,)`.

    Returns:
        Float, accuracy in [0, 1].

    Raises:
        ValueError: If lengths differ, if a code is not finite, or if there is
            only one class.

    Example, two linearly separable classes, one test code on the wrong side:

    >>> linear_probe([[0.0], [1.0], [4.0], [5.0]], [0, 0, 1, 1],
    ...              [[0.5], [4.5], [2.0]], [0, 1, 1])
    0.6666666666666666
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=2000, tol=1e-3)
    )
    probe.fit(flatten_code(training_code), np.asarray(training_labels))
    return float(probe.score(flatten_code(code), np.asarray(labels)))
