"""Intervals around forecasts, as wide as held-out errors say."""

import math

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class ConformalInterval(keras.layers.Layer):
    """Puts an interval around each number of a forecast.

    Use it to say how far a forecast may be off: of new examples that are like
    those it was calibrated on, at least a share of `coverage` lies in the
    interval, whatever the model and however the errors are distributed. That
    holds for each step and channel by itself, not for all of them at once.

        low, high = forecast - q, forecast + q
        q = the k-th smallest of n absolute errors,
        k = ceil((n + 1) coverage)

    The n errors are of examples that the model was not trained on. There must
    be enough of them for k <= n: 9 for a coverage of 0.9, 99 for 0.99. In a
    series that changes its ways, new examples are not like the old, and the
    share that is reached has to be measured on later ones.

    Reference: Lei et al., 2018, "Distribution-free predictive inference for
    regression", https://arxiv.org/abs/1604.04173.

    Args:
        coverage: Number in (0, 1).

    Input shape: `(batch, ...)`, forecasts.

    Output shape: `(batch, ..., 2)`, low and high. Before `adapt` both are the
        forecast.

    Raises:
        ValueError: If the coverage is out of range.

    Example, k = ceil((4 + 1) 0.75) = 4, the largest of four errors:

    >>> layer = ConformalInterval(0.75)
    >>> layer.adapt([[0.5], [-2.0], [1.0], [-1.0]])
    >>> ops.convert_to_numpy(layer(ops.array([[10.0]]))).tolist()
    [[[8.0, 12.0]]]
    """

    def __init__(self, coverage=0.9, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if not 0 < coverage < 1:
            raise ValueError(
                f"`coverage` must be in (0, 1). Received: {coverage=}"
            )
        self.coverage = coverage

    def build(self, input_shape):
        self.half_width = self.add_weight(
            name="half_width",
            shape=input_shape[1:],
            initializer="zeros",
            dtype="float32",
            trainable=False,
            autocast=False,
        )

    def adapt(self, errors):
        """Takes the errors of examples that the model did not learn from.

        Args:
            errors: Array `(examples, ...)`, of either sign.

        Raises:
            ValueError: If there are too few for the coverage, or one is NaN.
        """
        widths = conformal_quantile(errors, self.coverage)
        if not self.built:
            self.build((None, *widths.shape))
        self.half_width.assign(widths)

    def call(self, forecast):
        forecast = ops.cast(forecast, "float32")
        low, high = forecast - self.half_width, forecast + self.half_width
        return ops.cast(ops.stack([low, high], axis=-1), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape, 2)

    def get_config(self):
        return {**super().get_config(), "coverage": self.coverage}


def conformal_quantile(errors, coverage):
    """(examples, ...) -> (...), the k-th smallest absolute error

    >>> conformal_quantile([3.0, -1.0, 2.0], 0.5).item()  # k = 2
    2.0
    """
    errors = np.abs(np.asarray(errors, "float32"))
    least = least_examples(coverage)
    if len(errors) < least or np.isnan(errors).any():
        raise ValueError(
            f"A coverage of {coverage:g} needs the errors of at least {least} "
            f"examples, none of them NaN. Received: {len(errors)}, "
            f"{np.isnan(errors).sum()} NaN"
        )
    rank = rank_of(len(errors), coverage)
    return np.partition(errors, rank - 1, axis=0)[rank - 1]


def rank_of(examples, coverage):
    # 19 * 0.95 may come out above 18.05 by rounding: that is no reason to
    # ask for one more.
    return math.ceil(round((examples + 1) * coverage, 9))


def least_examples(coverage):
    """Fewest errors that an interval of this coverage can be made of.

    >>> least_examples(0.9), least_examples(0.95), least_examples(0.5)
    (9, 19, 1)
    """
    return math.ceil(round(coverage / (1 - coverage), 6))
