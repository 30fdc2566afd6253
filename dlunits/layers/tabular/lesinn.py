"""Distance to the nearest rows of random subsamples."""

from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import Array, Config, Shape, Tensor

ROUNDING = 4e-6  # relative error of squared distances in single precision
MIN_SQUARE = 1e-12  # of a distance that weighs rows
LEFT_OUT = 1e30  # added to the squared distance of a row that is left out


@keras.saving.register_keras_serializable(package="dlunits")
class LeSiNN(keras.layers.Layer):
    """Mean distance to the nearest rows of random subsamples.

    Use it to measure how far a row is from the rows of a training table, its
    *references*. Small subsamples measure the distance from the bulk of the
    rows, and a small cluster of anomalies among the references has hardly any
    effect: few subsamples hold one of them. Large subsamples measure the
    distance to the rows nearby.

        d_f(x) = mean over subsamples S of
                 min over r in S outside of fold f of |x - r|

    The layer is cross-fitted: the references are split into folds, each
    subsample holds equally many rows of each fold, and `d_f` leaves out those
    of fold f. So a reference is measured like a new row by `d_f` of its own
    fold, and the distances of a row by different folds hardly differ.

    Squared distances within the rounding error of single precision are 0:

        |x - r|^2 = max((1 - 4e-6) (|x|^2 + |r|^2) - 2 x'r, 0)

    Reference: Pang, Ting and Albrecht, 2015, "LeSiNN: Detecting anomalies by
    identifying least similar nearest neighbours",
    https://doi.org/10.1109/ICDMW.2015.62.

    Args:
        num_subsamples: Number of subsamples.
        subsample_size: Number of references in a subsample without those of
            one fold. It is rounded up to the same number for each fold.
        num_folds: Number of folds. With 1, no reference is left out.
        seed: Seed of the subsamples.

    Input shape: `(batch, features)`, or `(batch, num_folds, features)` for
        features that are cross-fitted themselves.

    Output shape: `(batch, num_folds)`, by the fold that is left out.

    Raises:
        ValueError: If a number is out of range.

    Example, the nearer one of the two references is 3 away, and a subsample
    holds both:

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

    @property
    def num_references(self) -> int:
        return self.num_subsamples * self.num_folds * self.rows_of_fold

    def build(self, input_shape: Shape) -> None:
        spaces = input_shape[1:-1]  # (num_folds,) for cross-fitted features
        self.references = self.add_weight(
            name="references",
            shape=(*spaces, self.num_references, input_shape[-1]),
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
        folds = [
            np.arange(fold, len(rows), self.num_folds)
            for fold in range(self.num_folds)
        ]
        places = [
            generator.choice(fold, self.rows_of_fold, replace=False)
            for _ in range(self.num_subsamples)
            for fold in folds
        ]
        if not self.built:
            self.build(rows.shape)
        references = rows[np.concatenate(places)]
        if rows.ndim == 3:
            references = references.swapaxes(0, 1)
        self.references.assign(references)

    def square_distances(self, x: Tensor) -> Tensor:
        """(batch, [folds,] features) -> (batch, [folds,] references)"""
        of_x, of_references = (
            (1 - ROUNDING) * ops.sum(ops.square(rows), axis=-1)
            for rows in (x, self.references)
        )
        if len(x.shape) == 2:
            products = ops.matmul(x, ops.transpose(self.references))
        else:
            products = ops.matmul(
                ops.transpose(x, (1, 0, 2)),
                ops.transpose(self.references, (0, 2, 1)),
            )
            products = ops.transpose(products, (1, 0, 2))
        return ops.maximum(of_x[..., None] + of_references - 2 * products, 0)

    def distances(self, squares: Tensor) -> Tensor:
        """(batch, [folds,] references) -> d (batch, folds)"""
        shape = (self.num_subsamples, self.num_folds, self.rows_of_fold)
        squares = ops.reshape(squares, (-1, *squares.shape[1:-1], *shape))
        nearest = ops.min(squares, axis=-1)  # of each subsample and fold
        if len(nearest.shape) == 3:
            nearest = nearest[:, None]
        if self.num_folds > 1:
            left_out = np.eye(self.num_folds, dtype="float32") * LEFT_OUT
            nearest = nearest + left_out[:, None]
        nearest = ops.min(nearest, axis=-1)  # (batch, folds, subsamples)
        return ops.mean(ops.sqrt(nearest), axis=-1)

    def call(self, x: Tensor) -> Tensor:
        squares = self.square_distances(ops.cast(x, "float32"))
        return ops.cast(self.distances(squares), self.compute_dtype)

    def typical(self, x: Tensor) -> Tensor:
        """Weighted mean of the references near each row.

            typical(x) = mean of r, weighted by exp(-|x - r|^2 / (2 d^2))
            d          = mean of d_f(x) over the folds

        Args:
            x: Tensor `(batch, features)`.

        Returns:
            Tensor `(batch, features)`.
        """
        squares = self.square_distances(ops.cast(x, "float32"))
        d = ops.mean(self.distances(squares), axis=-1, keepdims=True)
        logits = -0.5 * squares / ops.maximum(ops.square(d), MIN_SQUARE)
        return ops.matmul(ops.softmax(logits), self.references)

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
