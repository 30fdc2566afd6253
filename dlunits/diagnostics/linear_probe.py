"""How much of what images show can be read off their codes by a line."""

import numpy as np

from dlunits.diagnostics.code_statistics import flat


def linear_probe(training_code, training_labels, code, labels):
    """Trains a linear classifier on codes and returns its accuracy on others.

    The classifier is a logistic regression (scikit-learn's, L2 weight 1) of
    codes that are brought to mean 0 and variance 1, unit by unit, over the
    training codes. What it cannot do, the code does not show plainly.

    Reference: Alain and Bengio, 2016, "Understanding intermediate layers using
    linear classifier probes", https://arxiv.org/abs/1610.01644.

    Args:
        training_code: Array `(examples, ...)`.
        training_labels: Integers `(examples,)`, at least two classes.
        code: Array `(others, ...)`, codes that the classifier never saw.
        labels: Integers `(others,)`.

    Returns:
        Float, the share of `labels` that it finds.

    Raises:
        ValueError: If lengths differ, a code is not finite, or there is one
            class only.

    Example, of two classes that a line parts:

    >>> linear_probe([[0.0], [1.0], [4.0], [5.0]], [0, 0, 1, 1],
    ...              [[0.5], [4.5], [2.0]], [0, 1, 1])  # the last is nearer 0
    0.6666666666666666
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=2000, tol=1e-3)
    )
    probe.fit(flat(training_code), np.asarray(training_labels))
    return float(probe.score(flat(code), np.asarray(labels)))
