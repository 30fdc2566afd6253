"""Conformal p-values of anomaly scores."""

from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import Array, ArrayLike, Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class ConformalPValue(keras.layers.Layer):
    """Cross-conformal p-values of anomaly scores.

    Use it to set a threshold. A new row that is exchangeable with the
    calibration rows has a p-value of at most `a` with a probability of about
    `a` or less, for any score and any distribution of the rows.

        p(x) = (1 + sum over folds f of #{i in f: s_f(x_i) >= s_f(x) - t})
               / (1 + num_rows)

    `x` is the new row and `s_f` a score that is fitted without the rows of fold
    `f`, neither `x` nor the calibration rows `x_i` of that fold. With one fold,
    of held-out rows, P(p <= a) <= a exactly. With more folds, where all rows
    are used both for fitting and for calibration, P(p <= a) is about `a` and,
    with large folds, at most about `2 a`.

    `t` is the tolerance: calibration scores that are lower by less than `t`, as
    by rounding errors, count as equal. So p does not depend on the mini-batch
    of a row, and is rather too high than too low.

    References: Vovk, 2015, "Cross-conformal predictors",
    https://arxiv.org/abs/1208.0806; Barber et al., 2021, "Predictive inference
    with the jackknife+", https://arxiv.org/abs/1905.02928, for the bound.

    Args:
        num_rows: Number of calibration rows.
        num_folds: Number of folds, at most `num_rows`.
        tolerance: `t`, in units of the scores. The default is for scores with
            a standard deviation of about 1.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        scores: Tensor.

    Input shape: `(batch, num_folds)`, scores `s_f(x)`.

    Output shape: `(batch,)`, from `1 / (1 + num_rows)` to 1.

    Raises:
        ValueError: If a number is out of range.

    Example, of four scores one is at least 2.5, and (1 + 1) / (1 + 4) = 0.4:

    >>> layer = ConformalPValue(num_rows=4)
    >>> layer.adapt([1.0, 2.0, 3.0, 0.0])
    >>> round(float(layer(ops.array([[2.5]]))[0]), 4)
    0.4
    """

    def __init__(
        self,
        num_rows: int,
        num_folds: int = 1,
        tolerance: float = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if not 1 <= num_folds <= num_rows:
            raise ValueError(
                "`num_folds` must be at least 1 and at most `num_rows`. "
                f"Received: {num_rows=}, {num_folds=}"
            )
        if not tolerance >= 0:
            raise ValueError(
                f"`tolerance` must be at least 0. Received: {tolerance=}"
            )
        self.num_rows = num_rows
        self.num_folds = num_folds
        self.tolerance = tolerance

    def build(self, input_shape: Shape) -> None:
        self.known = self.add_weight(
            name="known",  # scores in ascending order, padded with -inf
            shape=(self.num_folds, -(-self.num_rows // self.num_folds)),
            initializer="zeros",
            dtype="float32",
            trainable=False,
            autocast=False,
        )

    def adapt(self, scores: ArrayLike) -> None:
        """Sets the scores of the calibration rows.

        Args:
            scores: Array `(num_rows,)`. Row i belongs to the fold f =
                `i % num_folds`, and its score is that of `s_f`.

        Raises:
            ValueError: If the number of scores is not `num_rows`, or one is
                NaN.
        """
        scores = np.asarray(scores, "float32")
        if scores.shape != (self.num_rows,) or np.isnan(scores).any():
            raise ValueError(
                f"There must be {self.num_rows} scores, none of them NaN. "
                f"Received: {scores.shape=}, {np.isnan(scores).sum()} NaN"
            )
        if not self.built:
            self.build((None, self.num_folds))
        known = np.full(self.known.shape, -np.inf, "float32")
        for fold in range(self.num_folds):
            ordered = np.sort(scores[fold :: self.num_folds])
            known[fold, known.shape[1] - len(ordered) :] = ordered
        self.known.assign(known)

    def calibration_scores(self) -> Array:
        """Returns the scores of the calibration rows.

        Returns:
            Array `(num_rows,)`, in ascending order.
        """
        known = np.ravel(ops.convert_to_numpy(self.known))
        return np.sort(known[np.isfinite(known)])

    def call(self, scores: Tensor) -> Tensor:
        scores = ops.cast(scores, "float32") - self.tolerance
        rows = self.known.shape[1]
        count = 0.0
        for fold in range(self.num_folds):
            less = ops.searchsorted(self.known[fold], scores[:, fold])
            count += ops.cast(rows - less, "float32")
        p_values = (1 + count) / (1 + self.num_rows)
        return ops.cast(p_values, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0],)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_rows": self.num_rows,
            "num_folds": self.num_folds,
            "tolerance": self.tolerance,
        }
