"""Anomaly score of a row: the maximum of three distances to training rows."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.layers import CrossFittedWhitening, LeSiNN
from dlunits.typing import Array, Config, Shape, Tensor

MAX_REFERENCES = 5_000  # rows from which subsamples are drawn
# Number of subsamples, and of rows in one.
BULK, NEIGHBORHOOD, DEPENDENCE = (100, 4), (4, 256), (2, 256)
EPSILON = 1e-4  # added to a distance before the logarithm
MIN_SPREAD = 0.05  # added to IQR / 1.349
NORMAL_IQR = 1.349  # interquartile range of a standard normal variable
BATCH_SIZE = 2048  # rows scored at once


@keras.saving.register_keras_serializable(package="dlunits")
class AnomalyScore(keras.layers.Layer):
    """Anomaly score: maximum of three normalized distances to training rows.

    A row may be unusual by one distance and usual by the others. Each of them
    is a `LeSiNN` distance `d_i` of asinh(x), with x the features of the row:

        bulk          of 100 subsamples of 4 rows
        neighborhood  of 4 subsamples of 256 rows
        dependence    of 2 subsamples of 256 rows, after `CrossFittedWhitening`

        z_i   = (log(d_i + 0.0001) - m_i) / (IQR_i / 1.349 + 0.05)
        score = max over i of z_i

    `m_i` and `IQR_i` are the median and the interquartile range of
    log(d_i + 0.0001) over training rows, each with the distance by its own
    fold. 1.349 is the interquartile range of a standard normal variable. The
    inverse hyperbolic sine, asinh, is about x near 0 and logarithmic far from
    it, so that single extreme values do not dominate all other features.

    Subsamples contain at most half of the rows outside of their fold.

    Args:
        num_rows: Number of training rows, at least 6.
        num_folds: Number of folds.
        seed: Integer, seed of the subsamples.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        features: Tensor.

    Input shape: `(batch, num_features)`, with a spread of about 1.

    Output shape: `(batch, num_folds)`, the score without the rows of each fold.

    Example, where the training rows are near 0, and the rows 0.1 and 20 are
    scored:

    >>> x = np.random.default_rng(0).normal(size=(50, 1))
    >>> layer = AnomalyScore(num_rows=50)
    >>> layer.adapt(x)
    >>> layer.adapt_scale(x)
    >>> scores = own_fold(in_batches(layer, x))
    >>> usual, anomalous = ops.mean(layer(np.array([[0.1], [20.0]])), axis=1)
    >>> bool(usual < np.quantile(scores, 0.9)), bool(anomalous > max(scores))
    (True, True)
    """

    def __init__(
        self,
        num_rows: int,
        num_folds: int = 5,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.num_rows = num_rows
        self.num_folds = num_folds
        self.seed = seed
        outside = min(num_rows, MAX_REFERENCES)
        if num_folds > 1:
            outside -= -(-outside // num_folds)

        def lesinn(num_subsamples: int, subsample_size: int) -> LeSiNN:
            size = max(min(subsample_size, outside // 2), 1)
            return LeSiNN(num_subsamples, size, num_folds, seed)

        self.bulk = lesinn(*BULK)
        self.neighborhood = lesinn(*NEIGHBORHOOD)
        self.dependence = lesinn(*DEPENDENCE)
        self.whitening = CrossFittedWhitening(num_folds, seed=seed)

    def build(self, input_shape: Shape) -> None:
        self.bulk.build(input_shape)
        self.neighborhood.build(input_shape)
        self.whitening.build(input_shape)
        self.dependence.build(self.whitening.compute_output_shape(input_shape))

        def constant(name: str) -> Any:
            return self.add_weight(
                name=name,
                shape=(3,),
                initializer="ones",
                dtype="float32",
                trainable=False,
                autocast=False,
            )

        self.center = constant("center")
        self.spread = constant("spread")

    def adapt(self, features: Array) -> None:
        """Draws the subsamples and computes the covariances.

        Args:
            features: Array `(num_rows, num_features)`, in random order. Row i
                belongs to fold `i % num_folds`.
        """
        if not self.built:
            self.build(features.shape)
        compressed = np.arcsinh(features)
        self.whitening.adapt(compressed)
        compressed = compressed[:MAX_REFERENCES]
        self.bulk.adapt(compressed)
        self.neighborhood.adapt(compressed)
        self.dependence.adapt(in_batches(self.whitening, compressed))

    def adapt_scale(self, features: Array) -> None:
        """Sets `m_i` and `IQR_i` of the equations.

        Args:
            features: Array `(rows, num_features)`: the rows of `adapt`, or,
                if there is one fold, other rows.
        """
        logs = own_fold(in_batches(self.log_distances, features))
        center, spread = robust_scale(logs)
        self.center.assign(center)
        self.spread.assign(spread)

    def log_distances(self, features: Tensor) -> Tensor:
        """(batch, features) -> log(d_i + 0.0001), (batch, folds, 3)"""
        compressed = ops.arcsinh(ops.cast(features, "float32"))
        distances = [
            self.bulk(compressed),
            self.neighborhood(compressed),
            self.dependence(self.whitening(compressed)),
        ]
        return ops.log(ops.stack(distances, axis=-1) + EPSILON)

    def call(self, features: Tensor) -> Tensor:
        z = (self.log_distances(features) - self.center) / self.spread
        return ops.cast(ops.max(z, axis=-1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.num_folds)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_rows": self.num_rows,
            "num_folds": self.num_folds,
            "seed": self.seed,
        }


def robust_scale(logs: Array) -> tuple[Array, Array]:
    """`m` and `IQR / 1.349 + 0.05` of the first axis, see `AnomalyScore`.

    >>> robust_scale(np.array([0.0, 1.349, 2.698, 1.349, 1.349]))
    (np.float64(1.349), np.float64(0.05))
    """
    low, middle, high = np.percentile(logs, [25, 50, 75], axis=0)
    return middle, (high - low) / NORMAL_IQR + MIN_SPREAD


def in_batches(function: Callable[[Any], Any], inputs: Any) -> Any:
    """Applies a function to batches of rows, and concatenates the results.

    Args:
        function: Function of an array or a dict of arrays, `(batch, ...)`.
        inputs: Array or dict of arrays, `(rows, ...)`.

    Returns:
        NumPy arrays `(rows, ...)` in the structure that `function` returns.
    """
    results = []
    for start in range(0, num_rows(inputs), BATCH_SIZE):
        batch = take_rows(inputs, slice(start, start + BATCH_SIZE))
        results.append(
            keras.tree.map_structure(ops.convert_to_numpy, function(batch))
        )
    return keras.tree.map_structure(
        lambda *batches: np.concatenate(batches), *results
    )


def pad_rows(inputs: Mapping[str, Array], multiple: int) -> dict[str, Array]:
    """Repeats the last row until the number of rows is a multiple.

    The rounding of matrix products depends on the batch size. In batches of the
    same size, the score of a row does not depend on the other rows.

    Args:
        inputs: Dict of arrays `(rows, ...)`.
        multiple: Integer.

    Example:

    >>> pad_rows({"x": np.array([[1.0], [2.0]])}, 3)["x"].tolist()
    [[1.0], [2.0], [2.0]]
    """
    missing = -num_rows(inputs) % multiple
    return {
        key: np.pad(rows, [(0, missing)] + [(0, 0)] * (rows.ndim - 1), "edge")
        for key, rows in inputs.items()
    }


def take_rows(inputs: Any, rows: Any) -> Any:
    """Selects rows of an array or of a dict of arrays."""
    return keras.tree.map_structure(lambda column: column[rows], inputs)


def num_rows(inputs: Any) -> int:
    """Number of rows of an array or of a dict of arrays."""
    return len(keras.tree.flatten(inputs)[0])


def own_fold(values: Array) -> Array:
    """Values of fold i % folds of row i, (rows, folds, ...) -> (rows, ...)."""
    rows = np.arange(len(values))
    return values[rows, rows % values.shape[1]]
