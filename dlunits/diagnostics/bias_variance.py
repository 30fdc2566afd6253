"""Bias, variance and noise: decompositions of the expected error."""

import numpy as np

from dlunits.typing import Array, ArrayLike


def squared_error_decomposition(
    predictions: ArrayLike, true_values: ArrayLike, noise: ArrayLike = 0.0
) -> dict[str, Array]:
    """Bias-variance decomposition of the expected squared error.

        E (y - p)^2 = noise + bias^2 + variance
        noise    = E (y - f)^2
        bias^2   = (f - E p)^2
        variance = E (p - E p)^2

    for each example x: f is the true value, y = f + noise a measured target and
    p the prediction of a network that was trained on a random training set.
    E p is the mean prediction. Use it with networks that were trained on
    independent training sets of the same size, and on examples outside of them.

    With K training sets, the mean prediction is estimated by their mean p'. Its
    own variance would be counted as bias, so both parts are corrected:

        variance = sum_k (p_k - p')^2 / (K - 1)
        bias^2   = (f - p')^2 - variance / K

    They are unbiased, and their sum is still the mean of (f - p_k)^2. The
    estimate of bias^2 can be negative for a single example.

    Reference: Geman, Bienenstock and Doursat, 1992, "Neural Networks and the
    Bias/Variance Dilemma", https://doi.org/10.1162/neco.1992.4.1.1

    Args:
        predictions: Numbers `(training_sets, examples)`, of at least two
            networks.
        true_values: Numbers `(examples,)`: f. If only measured targets are
            known, their noise is counted as bias.
        noise: Number, or numbers `(examples,)`: variance of the targets.

    Returns:
        Dict of float64 arrays `(examples,)`: `bias_squared`, `variance`,
        `noise` and their sum, `error`. The means over the examples are the
        decomposition of the expected error.

    Raises:
        ValueError: If shapes do not match, or there is only one network.

    Example, where the true value is 0, and two networks predict 1 and 3. Their
    mean is 2 and their variance (1 + 1) / (2 - 1) = 2, so bias^2 is
    4 - 2 / 2 = 3. The sum of bias^2 and variance is the mean of 1 and 9:

    >>> parts = squared_error_decomposition([[1.0], [3.0]], [0.0], noise=0.5)
    >>> {name: float(part[0]) for name, part in parts.items()}
    {'bias_squared': 3.0, 'variance': 2.0, 'noise': 0.5, 'error': 5.5}
    """
    p = np.asarray(predictions, "float64")
    f = np.asarray(true_values, "float64")
    check_shapes(p, f)
    num_sets = len(p)
    variance = p.var(axis=0, ddof=1)
    bias_squared = (f - p.mean(axis=0)) ** 2 - variance / num_sets
    parts = {
        "bias_squared": bias_squared,
        "variance": variance,
        "noise": np.broadcast_to(np.asarray(noise, "float64"), f.shape),
    }
    return {**parts, "error": sum(parts.values(), np.zeros(f.shape))}


def zero_one_decomposition(
    predictions: ArrayLike,
    true_classes: ArrayLike,
    num_classes: int,
    noise: ArrayLike = 0.0,
) -> dict[str, Array]:
    """Bias-variance decomposition of the expected 0-1 loss (error rate).

        P(t != p) = c1 noise + bias + c2 variance
        noise    = P(t != y)
        bias     = 1 if m != y, else 0
        variance = P(p != m)

    for each example x: y is the true class, t a label that is wrong with the
    probability `noise`, p the prediction of a network that was trained on a
    random training set, and m the main prediction, the most frequent p. A wrong
    label is one of the other C - 1 classes, all with the same probability. Then

        c1 = P(p = y) - P(p != y) / (C - 1)
        c2 = 1 if m = y, else -P(p = y | p != m)

    so that variance increases the error where the main prediction is correct,
    and decreases it where the main prediction is wrong. The equation holds
    exactly for the frequencies among any number of training sets.

    Reference: Domingos, 2000, "A Unified Bias-Variance Decomposition and its
    Applications", https://homes.cs.washington.edu/~pedrod/papers/mlc00a.pdf,
    theorem 3.

    Args:
        predictions: Integers `(training_sets, examples)`, classes, of at least
            two networks.
        true_classes: Integers `(examples,)`: y.
        num_classes: Integer of at least 2: C.
        noise: Number in [0, 1), or numbers `(examples,)`: probability of a
            wrong label. If it is not known, leave it out: wrong labels then
            count as bias or variance.

    Returns:
        Dict of float64 arrays `(examples,)`: `bias`; `variance`; its parts
        `variance_unbiased` and `variance_biased`, the amounts by which it
        increases and decreases the error; `noise` times c1; and `error`, which
        is bias + variance_unbiased - variance_biased + noise. The means over
        the examples are the decomposition of the expected error.

    Raises:
        ValueError: If shapes do not match, there is only one network, or a
            class is out of range.

    Example, where three networks predict the classes 0, 0 and 1. If the true
    class is 0, the main prediction is correct, and the variance, 1/3, is the
    error. If it is 1, the bias is 1, and the variance decreases the error to
    2/3:

    >>> parts = zero_one_decomposition([[0, 0], [0, 0], [1, 1]], [0, 1], 2)
    >>> for name in ("bias", "variance", "error"):
    ...     print(name, parts[name].round(2).tolist())
    bias [0.0, 1.0]
    variance [0.33, 0.33]
    error [0.33, 0.67]
    """
    p, y = np.asarray(predictions), np.asarray(true_classes)
    check_shapes(p, y)
    for name, classes in (("predictions", p), ("true_classes", y)):
        if classes.size and not 0 <= classes.min() <= classes.max() < (
            num_classes
        ):
            raise ValueError(
                f"`{name}` must be from 0 to num_classes - 1 = "
                f"{num_classes - 1}. Received: {classes.min()} to "
                f"{classes.max()}"
            )
    frequencies = np.stack([(p == c).mean(axis=0) for c in range(num_classes)])
    examples = np.arange(len(y))
    m = frequencies.argmax(axis=0)
    right = frequencies[y, examples]  # P(p = y)
    bias = (m != y).astype("float64")
    variance = 1 - frequencies[m, examples]
    c1 = right - (1 - right) / (num_classes - 1)
    parts = {
        "bias": bias,
        "variance": variance,
        "variance_unbiased": np.where(m == y, variance, 0.0),
        "variance_biased": np.where(m == y, 0.0, right),
        "noise": c1 * np.asarray(noise, "float64"),
    }
    error = (
        bias
        + parts["variance_unbiased"]
        - parts["variance_biased"]
        + parts["noise"]
    )
    return {**parts, "error": error}


def check_shapes(predictions: Array, truth: Array) -> None:
    """Raises ValueError unless the shapes are `(K, n)` and `(n,)`, K > 1."""
    if (
        predictions.ndim != 2
        or predictions.shape[1:] != truth.shape
        or len(predictions) < 2
    ):
        raise ValueError(
            "Expected predictions of at least two networks, of shape "
            "(training_sets, examples), and true values of shape (examples,). "
            f"Received: shapes {predictions.shape} and {truth.shape}"
        )
