"""LeSiNN: distance to the nearest rows of random subsamples."""

import itertools
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import Array, Config, Shape, Tensor

ROUNDING = 4e-6  # relative error of squared distances in single precision
MIN_SQUARE = 1e-12  # smallest d^2 in the weights of `typical`


@keras.saving.register_keras_serializable(package="dlunits")
class LeSiNN(keras.layers.Layer):
    """LeSiNN: mean distance to the nearest rows of random subsamples.

    Use it to measure the distance of a row from the rows of a training table,
    its *references*. Small subsamples measure the distance from the bulk of the
    rows, and a small cluster of anomalies among the references has hardly any
    effect: few subsamples contain one of them. Large subsamples measure the
    distance to the rows nearby.

        d_f(x) = mean over subsamples S of
                 min over r in S outside of fold f of |x - r|

    `x` is a row, `r` a reference and `|.|` the Euclidean norm. The layer is
    cross-fitted: the references are split into folds, each subsample contains
    equally many rows of each fold, and `d_f` leaves out those of fold f. So
    `d_f` of its own fold measures a reference like a new row, and the distances
    of a row hardly differ between folds.

    Squared distances within the rounding error of single precision are 0:

        |x - r|^2 = max((1 - 4e-6) (|x|^2 + |r|^2) - 2 x'r, 0)

    Reference: Pang, Ting and Albrecht, 2015, "LeSiNN: Detecting anomalies by
    identifying least similar nearest neighbours",
    https://doi.org/10.1109/ICDMW.2015.62.

    Args:
        num_subsamples: Positive integer, number of subsamples.
        subsample_size: Positive integer, number of references in a subsample
            without those of one fold. It is rounded up to the same number for
            each fold.
        num_folds: Positive integer, number of folds. With 1, no reference is
            left out.
        seed: Integer, seed of the subsamples.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        x: Tensor.

    Input shape: `(batch, features)`, or `(batch, num_folds, features)` for
        features that are cross-fitted themselves.

    Output shape: `(batch, num_folds)`, `d_f(x)` for each fold f that is left
    out.

    Raises:
        ValueError: If a number is out of range.

    Example, a subsample that contains both references, the nearer one at the
    distance 3:

    >>> layer = LeSiNN(num_subsamples=1, subsample_size=2, num_folds=1)
    >>> layer.adapt(np.array([[0.0], [10.0]]))
    >>> print(ops.convert_to_numpy(layer(np.array([[7.0]]))).round(3))
    [[3.]]
    """

    def __init__(
        self,
        num_subsamples: int = 20,
        subsample_size: int = 16,
        num_folds: int = 5,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if min(num_subsamples, subsample_size, num_folds) < 1:
            raise ValueError(
                "There must be at least one subsample, one row in it, and one "
                f"fold. Received: {num_subsamples=}, {subsample_size=}, "
                f"{num_folds=}"
            )
        self.num_subsamples = num_subsamples
        self.subsample_size = subsample_size
        self.num_folds = num_folds
        self.seed = seed
        self.rows_of_fold = -(-subsample_size // max(num_folds - 1, 1))

    def build(self, input_shape: Shape) -> None:
        count = self.num_subsamples * self.rows_of_fold
        shape: Shape = (count * self.num_folds, input_shape[-1])
        if len(input_shape) == 3:  # features, and references, of each fold
            count *= max(self.num_folds - 1, 1)
            shape = (self.num_folds, count, input_shape[-1])
        self.references = self.add_weight(
            name="references",
            shape=shape,
            initializer="zeros",
            dtype="float32",
            trainable=False,
            autocast=False,
        )

    def adapt(self, rows: Array) -> None:
        """Draws the subsamples.

        Args:
            rows: Array `(rows, features)` or `(rows, num_folds, features)`.
                Row i belongs to fold `i % num_folds`.

        Raises:
            ValueError: If there are too few rows in a fold.
        """
        rows = np.asarray(rows, "float32")
        if len(rows) // self.num_folds < self.rows_of_fold:
            raise ValueError(
                f"There must be at least {self.rows_of_fold} rows in each of "
                f"{self.num_folds} folds. Received: {len(rows)} rows"
            )
        generator = np.random.default_rng(self.seed)
        places = np.array(
            [
                [
                    generator.choice(
                        np.arange(fold, len(rows), self.num_folds),
                        self.rows_of_fold,
                        replace=False,
                    )
                    for _ in range(self.num_subsamples)
                ]
                for fold in range(self.num_folds)
            ]
        )  # (folds, subsamples, rows_of_fold)
        if not self.built:
            self.build(rows.shape)
        if rows.ndim == 2:
            self.references.assign(rows[places.ravel()])
            return
        references = []
        for fold in range(self.num_folds):
            outside = places
            if self.num_folds > 1:
                outside = np.delete(places, fold, axis=0)
            by_subsample = outside.swapaxes(0, 1).ravel()
            references.append(rows[by_subsample, fold])
        self.references.assign(np.stack(references))

    # The part of |x - r|^2 that depends on the reference r is |r|^2 - 2 x'r.

    def partial_squares(self, x: Tensor, references: Tensor) -> Tensor:
        """(batch, features), (references, features) -> (references, batch)"""
        squares = ops.sum(ops.square(references), axis=-1)
        products = ops.matmul(references, ops.transpose(-2 * x))
        return (1 - ROUNDING) * squares[:, None] + products

    def complete_squares(self, x: Tensor, partial: Tensor) -> Tensor:
        """|x - r|^2 from |r|^2 - 2 x'r, (..., batch)."""
        squares = ops.sum(ops.square(x), axis=-1)
        return ops.maximum((1 - ROUNDING) * squares + partial, 0)

    def nearest(self, partial: Tensor) -> Tensor:
        """Minimum of each subsample: (references, batch) -> (subsamples, batch)

        The references are sorted by subsample.
        """
        size = partial.shape[0] // self.num_subsamples
        shape = (self.num_subsamples, size, -1)
        return ops.min(ops.reshape(partial, shape), axis=1)

    def mean_distance(self, x: Tensor, nearest: Tensor) -> Tensor:
        """(batch, features), (subsamples, batch) -> (batch,)"""
        return ops.mean(ops.sqrt(self.complete_squares(x, nearest)), axis=0)

    def leave_one_out(self, x: Tensor, nearest: list[Tensor]) -> list[Tensor]:
        """d_f(x) for each fold, from `nearest` of each fold"""
        if self.num_folds > 1:
            before = list(itertools.accumulate(nearest, ops.minimum))
            after = list(itertools.accumulate(nearest[::-1], ops.minimum))
            nearest = [
                after[-2],
                *map(ops.minimum, before[:-2], after[-3::-1]),
                before[-2],
            ]
        return [self.mean_distance(x, of_fold) for of_fold in nearest]

    def call(self, x: Tensor) -> Tensor:
        x = ops.cast(x, "float32")
        # One fold at a time: the products of all folds would not fit in the
        # cache.
        if len(x.shape) == 2:
            nearest = [
                self.nearest(self.partial_squares(x, references))
                for references in ops.split(self.references, self.num_folds)
            ]
            d = self.leave_one_out(x, nearest)
        else:
            d = []
            for fold in range(self.num_folds):
                own = x[:, fold]
                partial = self.partial_squares(own, self.references[fold])
                d.append(self.mean_distance(own, self.nearest(partial)))
        return ops.cast(ops.stack(d, axis=-1), self.compute_dtype)

    def typical(self, x: Tensor) -> Tensor:
        """Weighted mean of the references near each row.

            typical(x) = mean of r, weighted by exp(-|x - r|^2 / (2 d^2))
            d          = mean of d_f(x) over the folds

        Args:
            x: Tensor `(batch, features)`.

        Returns:
            Tensor `(batch, features)`.
        """
        x = ops.cast(x, "float32")
        partial = self.partial_squares(x, self.references)
        nearest = [
            self.nearest(of_fold)
            for of_fold in ops.split(partial, self.num_folds)
        ]
        d = ops.mean(ops.stack(self.leave_one_out(x, nearest)), axis=0)
        squares = self.complete_squares(x, partial)
        logits = -0.5 * squares / ops.maximum(ops.square(d), MIN_SQUARE)
        weights = ops.softmax(logits, axis=0)  # (references, batch)
        return ops.matmul(ops.transpose(weights), self.references)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.num_folds)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_subsamples": self.num_subsamples,
            "subsample_size": self.subsample_size,
            "num_folds": self.num_folds,
            "seed": self.seed,
        }
