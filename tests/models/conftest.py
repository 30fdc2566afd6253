"""Reference models that several tests share."""

import keras
import numpy as np
import pytest
from keras import layers

from dlunits.models import GAN, dense_variational_autoencoder


class PrincipalComponents:
    """x = W z + b + stddev * noise: the whole distribution in closed form.

    Tipping and Bishop, 1999: x is N(b, C) with C = W W' + stddev^2 I; given
    x, z is N(M^-1 W' (x - b), stddev^2 M^-1) with M = W' W + stddev^2 I.
    The columns of W are orthogonal, so M is diagonal.
    """

    size, latent_dim, stddev = 5, 2, 0.7

    def __init__(self):
        rng = np.random.default_rng(0)
        basis = np.linalg.qr(rng.normal(size=(self.size, self.latent_dim)))[0]
        self.W, self.b = basis * [2.0, 0.5], rng.normal(size=self.size)
        self.C = self.W @ self.W.T + self.stddev**2 * np.eye(self.size)
        self.M = np.diag(self.W.T @ self.W) + self.stddev**2
        self.x = rng.multivariate_normal(self.b, self.C, size=300)
        self.x = self.x.astype("float32")

    def log_likelihood(self):
        deviations = self.x - self.b
        distances = deviations * np.linalg.solve(self.C, deviations.T).T
        return -0.5 * (
            distances.sum(axis=1) + np.linalg.slogdet(2 * np.pi * self.C)[1]
        )

    def model(self, mean_error=0.0, log_variance_error=0.0, **options):
        """Autoencoder of this distribution; exact by default."""
        autoencoder = dense_variational_autoencoder(
            (self.size,),
            self.latent_dim,
            units=(),
            likelihood="gaussian",
            stddev=self.stddev,
            **options,
        )
        to_mean = self.W / self.M
        kernel = np.hstack([to_mean, np.zeros((self.size, self.latent_dim))])
        log_variance = np.log(self.stddev**2 / self.M) + log_variance_error
        bias = np.append(mean_error - self.b @ to_mean, log_variance)
        autoencoder.posterior.set_weights([kernel, bias])
        autoencoder.raw_decoder.set_weights([self.W.T, self.b])
        autoencoder.compile(keras.optimizers.SGD(0.0))
        return autoencoder


@pytest.fixture(scope="session")
def known():
    return PrincipalComponents()


class SmallGAN:
    """Builds small dense GANs of three numbers, reproducibly."""

    latent, size, batch, classes = 2, 3, 8, 4

    def __init__(self):
        rng = np.random.default_rng(0)
        self.real = rng.normal(3, 1, (4 * self.batch, self.size))
        self.real = self.real.astype("float32")

    def networks(self, num_classes=None, dtype=None, dropout=0.0):
        z, x = keras.Input((self.latent,)), keras.Input((self.size,))
        labels, with_z, with_x = keras.Input((), dtype="int32"), z, x
        both = z, x
        if num_classes:
            embedded = layers.Embedding(num_classes, self.latent)(labels)
            with_z = layers.Concatenate()([z, embedded])
            embedded = layers.Embedding(num_classes, self.size)(labels)
            with_x = layers.Concatenate()([x, embedded])
            both = [z, labels], [x, labels]
        hidden = layers.Dense(4, "tanh", dtype=dtype)(with_z)
        made = layers.Dense(self.size, dtype="float32")(hidden)
        hidden = layers.Dense(5, "tanh", dtype=dtype)(with_x)
        hidden = layers.Dropout(dropout, dtype=dtype)(hidden)
        answer = layers.Dense(1, dtype=dtype)(hidden)
        return keras.Model(both[0], made), keras.Model(both[1], answer)

    def __call__(
        self, num_classes=None, dtype=None, dropout=0.0, kind=GAN, **options
    ):
        keras.utils.set_random_seed(0)
        both = self.networks(num_classes, dtype, dropout)
        options = {"seed": 1, **options}
        model = kind(*both, self.latent, num_classes=num_classes, **options)
        model.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.02))
        return model

    def fit(self, model, real=None, labels=None):
        """Trains one epoch without shuffling; returns its history."""
        return model.fit(
            self.real if real is None else real,
            labels,
            batch_size=self.batch,
            shuffle=False,
            verbose=0,
        ).history


@pytest.fixture(scope="session")
def gan():
    return SmallGAN()
