"""Anomaly score of a row: kernel density estimates and autoencoders."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.layers import CrossFittedKDE
from dlunits.layers.tabular.cross_fitted_kde import sorted_distances
from dlunits.models.anomaly.autoencoder_ensemble import (
    autoencoder_ensemble,
    train_ensemble,
)
from dlunits.typing import Array, Config, Shape, Tensor

NUM_PARTS = 3  # narrow, wide, misfit
SHARPNESS = 2.0  # of the soft maximum
EPSILON = 1e-4  # added to a part before the logarithm
MIN_ERROR_SCALE = 0.03  # added, in units of the features' spread
MIN_SPREAD = 0.05  # added
# Of a standard normal variable: median of the absolute value, and
# interquartile range.
NORMAL_MAD, NORMAL_IQR = 0.6745, 1.349
BATCH_SIZE = 1024


@keras.saving.register_keras_serializable(package="dlunits")
class AnomalyScore(keras.layers.Layer):
    """Anomaly score from kernel density estimates and reconstruction errors.

    A row may be unusual by one of three measures, its *parts*, and usual by
    the others, so the score is a soft maximum of them:

        narrow   -log density of the training rows, narrow kernels
        wide     -log density, wide kernels; both by `CrossFittedKDE`
        misfit   mean over features j of (e_j / s_j)^2

        s_j   = median |e_j| / 0.6745 + 0.03
        z_i   = (log(part_i + 0.0001) - m_i) / (IQR_i / 1.349 + 0.05)
        score = 1/2 log(1/3 sum over i of exp(2 z_i))

    `e_j` is the error with which an autoencoder reconstructs feature j; `m_i`
    and `IQR_i` are the median and the interquartile range of
    log(part_i + 0.0001). 0.6745 and 1.349 are the median absolute value and
    the interquartile range of a standard normal variable.

    All of them are cross-fitted: the rows are split into folds, and for each
    fold there is a score that is fitted to the other ones. The medians and
    ranges are of training rows, each with the score of its own fold.

    Args:
        num_features: Number of features.
        num_references: Number of training rows that `CrossFittedKDE` keeps.
        num_folds: Number of folds.
        neighbors, far_neighbors: See `CrossFittedKDE`.
        autoencoder, units, latent_dim: See
            `dlunits.models.anomaly.autoencoder_ensemble`.
        seed: Seed of the initial weights and the order of the rows.

    Input shape: `(batch, num_features)`.

    Output shape: `(batch, num_folds)`, by the fold that is left out.

    Example, numbers near 0; then one of them, and 20:

    >>> x = np.random.default_rng(0).normal(size=(50, 1))
    >>> layer = AnomalyScore(1, num_references=50, latent_dim=1)
    >>> layer.build(x.shape)
    >>> _ = layer.adapt(x, train_steps=10)
    >>> layer.adapt_scale(x)
    >>> scores = own_fold(in_batches(layer, x))
    >>> usual, anomalous = ops.mean(layer(np.array([[0.1], [20.0]])), axis=1)
    >>> bool(usual < np.quantile(scores, 0.9)), bool(anomalous > max(scores))
    (True, True)
    """

    def __init__(
        self,
        num_features: int,
        num_references: int,
        num_folds: int = 5,
        neighbors: int = 5,
        far_neighbors: int = 40,
        autoencoder: str = "denoising",
        units: int = 64,
        latent_dim: int = 8,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_features = num_features
        self.num_references = num_references
        self.num_folds = num_folds
        self.neighbors = neighbors
        self.far_neighbors = far_neighbors
        self.autoencoder = autoencoder
        self.units = units
        self.latent_dim = latent_dim
        self.seed = seed
        self.kde = CrossFittedKDE(
            num_references, neighbors, far_neighbors, num_folds
        )
        self.autoencoders = autoencoder_ensemble(
            num_folds,
            num_features,
            autoencoder,
            units,
            latent_dim,
            seed=seed,
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: Shape) -> None:
        self.kde.build(input_shape)

        def constant(name: str, size: int | None) -> Any:
            return self.add_weight(
                name=name, shape=(size,), initializer="ones", trainable=False
            )

        self.error_scale = constant("error_scale", input_shape[-1])
        self.center = constant("center", NUM_PARTS)
        self.spread = constant("spread", NUM_PARTS)

    def adapt(
        self, features: Array, train_steps: int, verbose: int | str = 0
    ) -> None:
        """Fits the densities and the autoencoders to training rows.

        Args:
            features: Array `(rows, num_features)`. Row i belongs to fold
                `i % num_folds`; the first `num_references` rows are the
                references.
            train_steps: Number of gradient steps of the autoencoders.
            verbose: As in `keras.Model.fit`.
        """
        self.kde.adapt(features[: self.num_references])
        train_ensemble(
            self.autoencoders, features, train_steps, self.seed, verbose
        )

    def adapt_scale(self, features: Array) -> None:
        """Sets `s_j`, `m_i` and `IQR_i` of the equations.

        Args:
            features: Array `(rows, num_features)`: the rows of `adapt`, or,
                if there is one fold, other rows.
        """
        errors = own_fold(in_batches(self.errors, features))
        scale = np.median(np.abs(errors), axis=0) / NORMAL_MAD
        self.error_scale.assign(scale + MIN_ERROR_SCALE)
        parts = own_fold(in_batches(self.log_parts, features))
        low, middle, high = np.percentile(parts, [25, 50, 75], axis=0)
        self.center.assign(middle)
        self.spread.assign((high - low) / NORMAL_IQR + MIN_SPREAD)

    def reconstructions(self, features: Tensor) -> Tensor:
        """(batch, features) -> (batch, folds, features)"""
        copies = ops.repeat(features[:, None], self.num_folds, axis=1)
        return self.autoencoders(copies, training=False)

    def errors(self, features: Tensor) -> Tensor:
        """(batch, features) -> (batch, folds, features)"""
        features = ops.cast(features, self.compute_dtype)
        return self.reconstructions(features) - features[:, None]

    def log_parts(self, features: Tensor) -> Tensor:
        """(batch, features) -> (batch, folds, parts)"""
        misfit = ops.square(self.errors(features) / self.error_scale)
        misfit = ops.mean(misfit, axis=-1, keepdims=True)
        parts = [self.kde(features), misfit]
        return ops.log(ops.concatenate(parts, axis=-1) + EPSILON)

    def call(self, features: Tensor) -> Tensor:
        z = (self.log_parts(features) - self.center) / self.spread
        soft = ops.logsumexp(SHARPNESS * z, axis=-1) - math.log(NUM_PARTS)
        return soft / SHARPNESS

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.num_folds)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_features": self.num_features,
            "num_references": self.num_references,
            "num_folds": self.num_folds,
            "neighbors": self.neighbors,
            "far_neighbors": self.far_neighbors,
            "autoencoder": self.autoencoder,
            "units": self.units,
            "latent_dim": self.latent_dim,
            "seed": self.seed,
        }


def is_isolated(
    features: Array, share: float, far_neighbors: int, max_references: int
) -> Array:
    """Marks the given share of the rows that is farthest from other rows.

    The distance of a row is the mean over its `far_neighbors` nearest among
    the first `max_references` rows, without the nearest one, which may be the
    row itself.

    Args:
        features: Array `(rows, features)`.
        share: Share of the rows, in [0, 1).
        far_neighbors: Number of nearest rows.
        max_references: Number of rows to compare with.

    Returns:
        Boolean array `(rows,)`.
    """
    references = features[:max_references]

    def mean_distances(rows: Array) -> Array:
        nearest = sorted_distances(rows, references)[:, 1 : 1 + far_neighbors]
        return nearest.mean(axis=1)

    distances = in_batches(mean_distances, features)
    return distances > np.quantile(distances, 1 - share)


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


def take_rows(inputs: Any, rows: Any) -> Any:
    """Selects rows of an array or of a dict of arrays."""
    return keras.tree.map_structure(lambda column: column[rows], inputs)


def num_rows(inputs: Any) -> int:
    """Number of rows of an array or of a dict of arrays."""
    return len(keras.tree.flatten(inputs)[0])


def own_fold(values: Array) -> Array:
    """(rows, folds, ...) -> (rows, ...), of the fold i % folds of row i"""
    rows = np.arange(len(values))
    return values[rows, rows % values.shape[1]]
