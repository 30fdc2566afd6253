"""Diagnosis of learning curves: high bias, high variance, well fitted."""

import dataclasses
import math
from collections.abc import Sequence

HIGH_BIAS = "high bias"
HIGH_VARIANCE = "high variance"
WELL_FITTED = "well fitted"

REMEDIES = {
    HIGH_BIAS: "a larger network, more epochs, less regularization or better "
    "features; more training examples do not help",
    HIGH_VARIANCE: "more training examples, data augmentation, early stopping, "
    "more regularization, a smaller network or an ensemble",
    WELL_FITTED: "better data, to lower the irreducible error",
}


@dataclasses.dataclass(frozen=True)
class LearningCurveVerdict:
    """Diagnosis of learning curves, see `learning_curve_verdict`.

    Args:
        verdict: `"high bias"`, `"high variance"` or `"well fitted"`.
        excess_bias: Training error minus irreducible error, as a fraction of
            the range from the irreducible error to the error of guessing.
        gap: Validation error minus training error, as a fraction of that range.
        gain: Decrease of the validation error from the smallest to the largest
            training set, as a fraction of that range.
        remedy: Text, the usual remedies.

    Example:

    >>> learning_curve_verdict([0.3], [0.4], chance_error=1).excess_bias
    0.3
    """

    verdict: str
    excess_bias: float
    gap: float
    gain: float
    remedy: str


def learning_curve_verdict(
    training_errors: Sequence[float],
    validation_errors: Sequence[float],
    *,
    chance_error: float,
    irreducible_error: float = 0.0,
    tolerance: float = 0.1,
) -> LearningCurveVerdict:
    """Diagnoses underfitting (bias) or overfitting (variance) of a network.

    The diagnosis depends on the errors at the largest training set, relative to
    the range from the irreducible error to the error of guessing:

        range       = chance_error - irreducible_error
        excess_bias = (training error - irreducible_error) / range
        gap         = (validation error - training error) / range

    If neither exceeds `tolerance`, the network is well fitted. Otherwise the
    larger one determines the diagnosis: high bias (underfitting) for
    `excess_bias`, high variance (overfitting) for `gap`.

    Reference: Ng, 2018, "Machine Learning Yearning", chapters 20 to 32.

    Args:
        training_errors: Errors on the training set, for ascending numbers of
            training examples.
        validation_errors: Errors on the validation set, in the same order.
        chance_error: Error of the best constant prediction: the variance of the
            targets, or one minus the fraction of the largest class.
        irreducible_error: Error of the best possible predictor: the variance of
            the noise, or the lowest error of any model.
        tolerance: Fraction of the range that counts as small.

    Returns:
        `LearningCurveVerdict`.

    Raises:
        ValueError: If the lists are empty or differ in length, an error is not
            finite, or `chance_error` is not above `irreducible_error`.

    Example, a network that memorizes its training set:

    >>> result = learning_curve_verdict([0.0, 0.0], [0.6, 0.4], chance_error=1)
    >>> result.verdict, result.gap, round(result.gain, 2)
    ('high variance', 0.4, 0.2)
    """
    if not training_errors or len(training_errors) != len(validation_errors):
        raise ValueError(
            "Expected a training error and a validation error for each number "
            f"of examples. Received: {len(training_errors)} and "
            f"{len(validation_errors)}"
        )
    if not all(map(math.isfinite, (*training_errors, *validation_errors))):
        raise ValueError(
            "Expected finite errors: leave out trainings that diverged. "
            f"Received: {list(training_errors)} and {list(validation_errors)}"
        )
    span = chance_error - irreducible_error
    if not span > 0:
        raise ValueError(
            "Expected a `chance_error` above the `irreducible_error`: "
            "otherwise there is nothing to learn. Received: "
            f"{chance_error} and {irreducible_error}"
        )
    training, validation = training_errors[-1], validation_errors[-1]
    excess_bias = (training - irreducible_error) / span
    gap = (validation - training) / span
    if max(excess_bias, gap) <= tolerance:
        verdict = WELL_FITTED
    else:
        verdict = HIGH_BIAS if excess_bias > gap else HIGH_VARIANCE
    return LearningCurveVerdict(
        verdict=verdict,
        excess_bias=excess_bias,
        gap=gap,
        gain=(validation_errors[0] - validation) / span,
        remedy=REMEDIES[verdict],
    )
