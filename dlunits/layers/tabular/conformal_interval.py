"""Conformal prediction intervals from held-out errors."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import Array, ArrayLike, Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class ConformalInterval(keras.layers.Layer):
    """Split conformal prediction interval around each value of a forecast.

    Use it to bound the error of a forecast. If new examples are exchangeable
    with the calibration examples, the true value lies in the interval with a
    probability of at least `coverage`, for any model and any distribution of
    the errors. This holds for each step and channel separately, not for all of
    them jointly.

        low, high = forecast - q, forecast + q
        q = the k-th smallest of n absolute errors,
        k = ceil((n + 1) coverage)

    The n errors are those of examples that the model was not trained on. They
    must be enough for k <= n: 9 for a coverage of 0.9, 99 for 0.99. In a series
    whose distribution changes, new examples are not exchangeable with the old
    ones, and the coverage has to be measured on later ones.

    Reference: Lei et al., 2018, "Distribution-free predictive inference for
    regression", https://arxiv.org/abs/1604.04173.

    Args:
        coverage: Float in (0, 1), probability that a new value lies in its
            interval.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        forecast: Tensor.

    Input shape: `(batch, ...)`, forecasts.

    Output shape: `(batch, ..., 2)`, lower and upper bound. Before `adapt` both
    are the forecast.

    Raises:
        ValueError: If `coverage` is outside (0, 1).

    Example, k = ceil((4 + 1) 0.75) = 4, the largest of four errors:

    >>> layer = ConformalInterval(0.75)
    >>> layer.adapt([[0.5], [-2.0], [1.0], [-1.0]])
    >>> ops.convert_to_numpy(layer(ops.array([[10.0]]))).tolist()
    [[[8.0, 12.0]]]
    """

    def __init__(self, coverage: float = 0.9, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        if not 0 < coverage < 1:
            raise ValueError(
                f"`coverage` must be in (0, 1). Received: {coverage=}"
            )
        self.coverage = coverage

    def build(self, input_shape: Shape) -> None:
        self.half_width = self.add_weight(
            name="half_width",
            shape=input_shape[1:],
            initializer="zeros",
            dtype="float32",
            trainable=False,
            autocast=False,
        )

    def adapt(self, errors: ArrayLike) -> None:
        """Computes the half-width of the interval from held-out errors.

        Args:
            errors: Array `(examples, ...)`, of either sign, of examples that
                the model was not trained on.

        Raises:
            ValueError: If there are too few for the coverage, or one is NaN.
        """
        widths = conformal_quantile(errors, self.coverage)
        if not self.built:
            self.build((None, *widths.shape))
        self.half_width.assign(widths)

    def call(self, forecast: Tensor) -> Tensor:
        forecast = ops.cast(forecast, "float32")
        low, high = forecast - self.half_width, forecast + self.half_width
        return ops.cast(ops.stack([low, high], axis=-1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, 2)

    def get_config(self) -> Config:
        return {**super().get_config(), "coverage": self.coverage}


def conformal_quantile(errors: ArrayLike, coverage: float) -> Array:
    """k-th smallest absolute error, `(examples, ...)` -> `(...)`.

    >>> conformal_quantile([3.0, -1.0, 2.0], 0.5).item()  # k = 2
    2.0
    """
    absolute = np.abs(np.asarray(errors, "float32"))
    least = min_examples(coverage)
    if len(absolute) < least or np.isnan(absolute).any():
        raise ValueError(
            f"A coverage of {coverage:g} needs the errors of at least {least} "
            f"examples, none of them NaN. Received: {len(absolute)}, "
            f"{np.isnan(absolute).sum()} NaN"
        )
    rank = quantile_rank(len(absolute), coverage)
    return np.partition(absolute, rank - 1, axis=0)[rank - 1]


def quantile_rank(examples: int, coverage: float) -> int:
    """Rank k = ceil((n + 1) coverage)."""
    # Without rounding, (18 + 1) * 0.95 may exceed 18.05.
    return math.ceil(round((examples + 1) * coverage, 9))


def min_examples(coverage: float) -> int:
    """Smallest number of examples that an interval of this coverage needs.

    >>> min_examples(0.9), min_examples(0.95), min_examples(0.5)
    (9, 19, 1)
    """
    return math.ceil(round(coverage / (1 - coverage), 6))
