"""Cross-fitted whitening by a regularized covariance."""

from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import Array, Config, Shape, Tensor

MIN_VARIANCE = 1e-9  # added, so that equal rows can be whitened


@keras.saving.register_keras_serializable(package="dlunits")
class CrossFittedWhitening(keras.layers.Layer):
    """Cross-fitted whitening of features by a regularized covariance.

    Use it before a distance: the Euclidean distance of whitened rows is the
    Mahalanobis distance. It detects rows whose features are each usual, but
    unusual in combination.

        y_f = L_f^-1 (P' x - m_f)
        L_f L_f' = C_f + (ridge trace(C_f) / n + 1e-9) I

    `x` is a row of features, `'` the transposition and `I` the identity. `m_f`
    and `C_f` are the mean and the covariance of `P' x` over the training rows
    outside of fold f, and `n` is the number of its elements. The ridge bounds
    the weight of directions in which rows hardly differ. With more than
    `max_features` features, `P` is a random projection to `max_features`
    dimensions, which approximately preserves distances (Johnson and
    Lindenstrauss, 1984); otherwise it is the identity. Before `adapt` the means
    are 0 and the covariances the identity.

    Args:
        num_folds: Positive integer, number of folds. With 1, no row is left
            out.
        ridge: Positive float, variance that is added to each feature, as a
            multiple of the mean variance of the features.
        max_features: Positive integer, maximum number of output features.
        seed: Integer, seed of the projection.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        x: Tensor.

    Input shape: `(batch, features)`.

    Output shape: `(batch, num_folds, min(features, max_features))`.

    Raises:
        ValueError: If a number is out of range.

    Example, two features that are 1 or -1 together: the variance is 2 in one
    direction and 0 in the other, and trace(C) / n = 1. Two rows of norm sqrt(2)
    have the norms sqrt(2 / (2 + 0.1)) and sqrt(2 / (0 + 0.1)) after whitening:

    >>> layer = CrossFittedWhitening(num_folds=1)
    >>> layer.adapt(np.array([[1.0, 1.0], [-1.0, -1.0]] * 50))
    >>> y = ops.convert_to_numpy(layer(np.array([[1.0, 1.0], [1.0, -1.0]])))
    >>> print(np.linalg.norm(y[:, 0], axis=1).round(2))
    [0.98 4.47]
    """

    def __init__(
        self,
        num_folds: int = 5,
        ridge: float = 0.1,
        max_features: int = 512,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if num_folds < 1 or max_features < 1 or not ridge > 0:
            raise ValueError(
                "There must be at least one fold and one feature, and a "
                f"positive ridge. Received: {num_folds=}, {max_features=}, "
                f"{ridge=}"
            )
        self.num_folds = num_folds
        self.ridge = ridge
        self.max_features = max_features
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        size = self.num_features(input_shape)

        def weight(name: str, initializer: Any, *shape: int | None) -> Any:
            return self.add_weight(
                name=name,
                shape=shape,
                initializer=initializer,
                dtype="float32",
                trainable=False,
                autocast=False,
            )

        def identity(shape: Shape, dtype: Any = None) -> Tensor:
            return ops.tile(ops.eye(size, dtype=dtype), (shape[0], 1, 1))

        normal = keras.initializers.RandomNormal(
            stddev=size**-0.5, seed=self.seed
        )
        self.mean = weight("mean", "zeros", self.num_folds, size)
        self.kernel = weight("kernel", identity, self.num_folds, size, size)
        self.projection = None
        if size != features:
            self.projection = weight("projection", normal, features, size)

    def num_features(self, input_shape: Shape) -> int:
        """Number of features of the output."""
        return min(input_shape[-1] or self.max_features, self.max_features)

    def adapt(self, rows: Array) -> None:
        """Computes means and covariances of training rows.

        Args:
            rows: Array `(rows, features)`. Row i belongs to fold
                `i % num_folds`.

        Raises:
            ValueError: If there are fewer than two rows outside of a fold.
        """
        rows = np.asarray(rows, "float32")
        if len(rows) < 2 + self.num_folds:
            raise ValueError(
                f"There must be at least {2 + self.num_folds} rows. Received: "
                f"{len(rows)}"
            )
        if not self.built:
            self.build(rows.shape)
        if self.projection is not None:
            projection = ops.convert_to_numpy(self.projection)
            rows = rows @ projection
        means, kernels = [], []
        for fold in range(self.num_folds):
            outside = rows
            if self.num_folds > 1:
                own = np.arange(fold, len(rows), self.num_folds)
                outside = np.delete(rows, own, axis=0)
            means.append(outside.mean(axis=0, dtype="float64"))
            covariance = np.cov(outside, rowvar=False, bias=True)
            kernels.append(inverse_root(np.atleast_2d(covariance), self.ridge))
        self.mean.assign(np.stack(means).astype("float32"))
        self.kernel.assign(np.stack(kernels).astype("float32"))

    def call(self, x: Tensor) -> Tensor:
        x = ops.cast(x, "float32")
        if self.projection is not None:
            x = ops.matmul(x, self.projection)
        centered = x - self.mean[:, None]  # (folds, batch, features)
        white = ops.transpose(ops.matmul(centered, self.kernel), (1, 0, 2))
        return ops.cast(white, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (
            input_shape[0],
            self.num_folds,
            self.num_features(input_shape),
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_folds": self.num_folds,
            "ridge": self.ridge,
            "max_features": self.max_features,
            "seed": self.seed,
        }


def inverse_root(covariance: Array, ridge: float) -> Array:
    """W `(n, n)` with W W' = inverse of C + (ridge mean(diag C) + 1e-9) I."""
    size = len(covariance)
    added = ridge * np.trace(covariance) / size + MIN_VARIANCE
    root = np.linalg.cholesky(covariance + added * np.eye(size))
    return np.linalg.inv(root).T
