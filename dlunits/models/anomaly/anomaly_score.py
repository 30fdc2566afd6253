"""How strange a row is, by densities of known rows and by autoencoders."""

import math

import keras
import numpy as np
from keras import ops

from dlunits.layers import CrossFittedKDE
from dlunits.layers.tabular.cross_fitted_kde import distances_in_order
from dlunits.models.anomaly.autoencoder_ensemble import (
    autoencoder_ensemble,
    train_ensemble,
)

NUM_PARTS = 3  # narrow, wide, misfit
SHARPNESS = 2.0  # of the soft maximum
ROWS_AT_ONCE = 1024


@keras.saving.register_keras_serializable(package="dlunits")
class AnomalyScore(keras.layers.Layer):
    """Measures by three senses how unlike the known rows a row is.

    A row can be strange in one sense and usual in the others, so the score is
    a soft maximum. Each part is set off against what known rows have:

        narrow   how rare known rows are close to it
        wide     how rare they are near it; both by `CrossFittedKDE`
        misfit   mean over features of (error / usual error)^2, with which an
                 autoencoder draws the row from a short code

        z_i   = (log part_i - center_i) / spread_i
        score = 1/2 log(mean over i of exp(2 z_i))

    A usual error is the median of its absolute values over 0.6745; `center`
    and `spread` are the median and the interquartile range over 1.349. They
    are taken, as all scores of known rows are, from a score learnt without
    the row: the rows are dealt into folds, and one score for each fold is
    learnt from the others.

    Args:
        num_features: Positive integer.
        num_references: Positive integer, known rows kept to compare with.
        num_folds: Positive integer.
        neighbors: Positive integer, rows that are close.
        far_neighbors: Integer of at least `neighbors`, rows that are near.
        kind, hidden_units, latent_dim: Of the autoencoders, see
            `dlunits.models.anomaly.autoencoder_ensemble`.
        seed: Integer.

    Input shape: `(batch, num_features)`.

    Output shape: `(batch, num_folds)`, by the fold that was left out.

    Example, numbers near 0; then one of them, and 20:

    >>> x = np.random.default_rng(0).normal(size=(50, 1))
    >>> score = AnomalyScore(1, num_references=50, latent_dim=1)
    >>> score.build(x.shape)
    >>> _ = score.learn(x, steps=10)
    >>> score.calibrate(x)
    >>> scores = own_fold(in_batches(score, x))
    >>> usual, strange = ops.mean(score(np.array([[0.1], [20.0]])), axis=1)
    >>> bool(usual < np.quantile(scores, 0.9)), bool(strange > max(scores))
    (True, True)
    """

    def __init__(
        self,
        num_features,
        num_references,
        num_folds=5,
        neighbors=5,
        far_neighbors=40,
        kind="denoising",
        hidden_units=64,
        latent_dim=8,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.options = {
            "num_features": num_features,
            "num_references": num_references,
            "num_folds": num_folds,
            "neighbors": neighbors,
            "far_neighbors": far_neighbors,
            "kind": kind,
            "hidden_units": hidden_units,
            "latent_dim": latent_dim,
            "seed": seed,
        }
        self.num_folds = num_folds
        self.densities = CrossFittedKDE(
            num_references, neighbors, far_neighbors, num_folds
        )
        self.autoencoders = autoencoder_ensemble(
            num_folds,
            num_features,
            kind,
            hidden_units,
            latent_dim,
            seed=seed,
            dtype=self.dtype_policy,
        )

    def build(self, input_shape):
        self.densities.build(input_shape)

        def constant(name, size):
            return self.add_weight(
                name=name, shape=(size,), initializer="ones", trainable=False
            )

        self.usual_error = constant("usual_error", input_shape[-1])
        self.center = constant("center", NUM_PARTS)
        self.spread = constant("spread", NUM_PARTS)

    def learn(self, features, steps, verbose=0):
        """Learns from known rows; row i belongs to fold `i % num_folds`.

        Args:
            features: Array `(rows, num_features)`, the references first.
            steps: Positive integer, gradient steps of the autoencoders.
            verbose: As Keras' `fit`.
        """
        references = self.densities.num_references
        self.densities.adapt(features[:references])
        seed = self.options["seed"]
        train_ensemble(self.autoencoders, features, steps, seed, verbose)

    def calibrate(self, features):
        """Sets what is usual.

        Args:
            features: Array `(rows, num_features)`, the same rows again, or,
                if there is one fold, others.
        """
        errors = own_fold(in_batches(self.errors, features))
        usual = np.median(np.abs(errors), axis=0) / 0.6745
        self.usual_error.assign(usual + 0.03)  # of spreads; none is 0
        parts = own_fold(in_batches(self.log_parts, features))
        low, middle, high = np.percentile(parts, [25, 50, 75], axis=0)
        self.center.assign(middle)
        self.spread.assign((high - low) / 1.349 + 0.05)

    def reconstructions(self, features):
        """(batch, features) -> (batch, folds, features)"""
        copies = ops.repeat(features[:, None], self.num_folds, axis=1)
        return self.autoencoders(copies, training=False)

    def errors(self, features):
        """(batch, features) -> (batch, folds, features)"""
        features = ops.cast(features, self.compute_dtype)
        return self.reconstructions(features) - features[:, None]

    def log_parts(self, features):
        """(batch, features) -> (batch, folds, parts)"""
        misfit = ops.square(self.errors(features) / self.usual_error)
        misfit = ops.mean(misfit, axis=-1, keepdims=True)
        parts = [self.densities(features), misfit]
        return ops.log(ops.concatenate(parts, axis=-1) + 1e-4)

    def call(self, features):
        z = (self.log_parts(features) - self.center) / self.spread
        soft = ops.logsumexp(SHARPNESS * z, axis=-1) - math.log(NUM_PARTS)
        return soft / SHARPNESS

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_folds)

    def get_config(self):
        return {**super().get_config(), **self.options}


def farthest_from_neighborhood(features, share, far_neighbors, most):
    """Whether a row is among that share of the rows, `(rows,)`.

    It goes by the mean distance to `far_neighbors` rows among the `most` first,
    of which the nearest is passed over: it may be the row itself.
    """
    references = features[:most]

    def distances(rows):
        nearest = distances_in_order(rows, references)[:, 1 : 1 + far_neighbors]
        return nearest.mean(axis=1)

    found = in_batches(distances, features)
    return found > np.quantile(found, 1 - share)


def in_batches(function, table):
    """The function of many rows, an array or a dict of arrays, as such."""
    results = []
    for start in range(0, number_of(table), ROWS_AT_ONCE):
        batch = rows_of(table, slice(start, start + ROWS_AT_ONCE))
        results.append(
            keras.tree.map_structure(ops.convert_to_numpy, function(batch))
        )
    return keras.tree.map_structure(
        lambda *batches: np.concatenate(batches), *results
    )


def rows_of(table, rows):
    """Some rows of an array or of a dict of arrays."""
    return keras.tree.map_structure(lambda column: column[rows], table)


def number_of(table):
    """The number of rows of an array or of a dict of arrays."""
    return len(keras.tree.flatten(table)[0])


def own_fold(values):
    """(rows, folds, ...) -> (rows, ...), by the score of a row's fold."""
    rows = np.arange(len(values))
    return values[rows, rows % values.shape[1]]
