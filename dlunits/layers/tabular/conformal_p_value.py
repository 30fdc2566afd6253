"""How many of the normal rows are as strange as this one."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class ConformalPValue(keras.layers.Layer):
    """Turns scores of strangeness into honest p-values.

    Use it to set a threshold: of new rows that are like the known ones, at
    most a share of about `a` has a p-value of at most `a`, whatever the score
    and however the rows are distributed.

        p(x) = (1 + sum over folds f of #{i in f: s_f(x_i) >= s_f(x) - t})
               / (1 + num_rows)

    `s_f` is a score learnt without the rows of fold `f`, so that the known
    row `x_i` of that fold is as new to it as `x` is. With one fold, of rows
    that were kept aside, P(p <= a) <= a exactly; with more, in which all rows
    can both teach and calibrate, P(p <= a) is about `a` and, with large
    folds, never more than about `2 a`.

    `t` is the tolerance: known scores that are lower by rounding alone count
    as equally strange. So p does not depend on the mini-batch in which a row
    comes, and is rather too high than too low.

    References: Vovk, 2015, "Cross-conformal predictors",
    https://arxiv.org/abs/1208.0806; Barber et al., 2021, "Predictive inference
    with the jackknife+", https://arxiv.org/abs/1905.02928, for the bound.

    Args:
        num_rows: Positive integer, known rows.
        num_folds: Positive integer, at most `num_rows`.
        tolerance: Number, `t`, in units of the scores. The default suits
            scores of spread about 1.

    Input shape: `(batch, num_folds)`, scores by the fold left out.

    Output shape: `(batch,)`, from `1 / (1 + num_rows)` to 1.

    Raises:
        ValueError: If a number is out of range.

    Example, of four scores one is at least 2.5, and (1 + 1) / (1 + 4) = 0.4:

    >>> layer = ConformalPValue(num_rows=4)
    >>> layer.adapt([1.0, 2.0, 3.0, 0.0])
    >>> round(float(layer(ops.array([[2.5]]))[0]), 4)
    0.4
    """

    def __init__(self, num_rows, num_folds=1, tolerance=1e-4, **kwargs):
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

    def build(self, input_shape):
        self.known = self.add_weight(
            name="known",  # scores in order; too few ones begin with -inf
            shape=(self.num_folds, -(-self.num_rows // self.num_folds)),
            initializer="zeros",
            dtype="float32",
            trainable=False,
            autocast=False,
        )

    def adapt(self, scores):
        """Takes the known rows' scores.

        Args:
            scores: Array `(num_rows,)`: row i belongs to fold
                `i % num_folds`, and its score is by that fold's `s_f`.

        Raises:
            ValueError: If there are more or fewer, or one is NaN.
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

    def known_scores(self):
        """The known rows' scores in order, an array."""
        known = np.ravel(ops.convert_to_numpy(self.known))
        return np.sort(known[np.isfinite(known)])

    def call(self, scores):
        scores = ops.cast(scores, "float32") - self.tolerance
        rows = self.known.shape[1]
        as_strange = 0.0
        for fold in range(self.num_folds):
            less = ops.searchsorted(self.known[fold], scores[:, fold])
            as_strange += ops.cast(rows - less, "float32")
        p_values = (1 + as_strange) / (1 + self.num_rows)
        return ops.cast(p_values, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0],)

    def get_config(self):
        return {
            **super().get_config(),
            "num_rows": self.num_rows,
            "num_folds": self.num_folds,
            "tolerance": self.tolerance,
        }
