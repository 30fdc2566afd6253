"""Log-likelihood of a variational autoencoder by importance sampling."""

import math
from typing import Any

import keras
from keras import ops

from dlunits.layers.noise.gaussian_sampling import (
    mean_and_log_variance,
    reparameterize,
)
from dlunits.typing import Config, Tensor

CHUNK_SIZE = 50  # samples of z per example that are decoded at once


@keras.saving.register_keras_serializable(package="dlunits")
class ImportanceWeightedLikelihood(keras.Model):
    """Importance-weighted estimate of the log-likelihood log p(x) of a VAE.

    Use `VariationalAutoencoder.log_likelihood`, which calls it.

        log w_k  = log p(x | z_k) + log p(z_k) - log q(z_k | x),  z_k ~ q(z | x)
        log p(x) ~ log(w_1 + ... + w_K) - log K

    z_k are samples from the posterior q, and w_k their importance weights. The
    sum is computed over chunks of 50 samples in a compiled loop and on a log
    scale, so that memory does not grow with K and no weight overflows.

    Reference: Burda, Grosse and Salakhutdinov, 2016, "Importance weighted
    autoencoders", equation 8, https://arxiv.org/abs/1509.00519.

    Args:
        autoencoder: `dlunits.models.VariationalAutoencoder`.
        num_samples: Positive integer K, samples of z per example.
        seed: Integer, seed of the samples of z.
        **kwargs: Keyword arguments of `keras.Model`.

    Input shape: That of the autoencoder, `(batch, ...)`.

    Output shape: `(batch,)`, in nats.

    Raises:
        ValueError: If `num_samples` is not positive.

    Example, where all weights are 0 and each of two pixels has the probability
    1/2, so log p(x) is -2 log(2):

    >>> from dlunits.models import dense_variational_autoencoder
    >>> model = dense_variational_autoencoder((2,), 1, units=())
    >>> model.set_weights([0 * weight for weight in model.get_weights()])
    >>> estimator = ImportanceWeightedLikelihood(model, num_samples=3)
    >>> round(float(estimator(ops.ones((1, 2)))[0]), 4)
    -1.3863
    """

    def __init__(
        self,
        autoencoder: keras.Model,
        num_samples: int = 5000,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        if num_samples < 1:
            raise ValueError(
                f"`num_samples` must be positive. Received: {num_samples=}"
            )
        super().__init__(**kwargs)
        self.autoencoder = autoencoder
        self.num_samples = num_samples
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x: Tensor) -> Tensor:
        parameters = self.autoencoder.posterior(x, training=False)
        mean, log_variance = mean_and_log_variance(
            ops.expand_dims(ops.cast(parameters, "float32"), 1)
        )  # (batch, 1, ...)
        chunk = min(self.num_samples, CHUNK_SIZE)

        def add_chunk(index: Tensor, carry: Any) -> Any:
            log_sum, seed_state = carry
            noise, seed_state = self.sample_noise(
                (ops.shape(mean)[0], chunk, *mean.shape[2:]), seed_state
            )
            log_weights = self.log_weights(x, mean, log_variance, noise)
            k = index * chunk + ops.arange(chunk)
            log_weights = ops.where(
                k < self.num_samples, log_weights, -math.inf
            )
            log_sum = ops.logaddexp(log_sum, ops.logsumexp(log_weights, 1))
            return log_sum, seed_state

        log_sum, seed_state = ops.fori_loop(
            0,
            math.ceil(self.num_samples / chunk),
            add_chunk,
            (
                ops.full((ops.shape(mean)[0],), -math.inf),
                ops.convert_to_tensor(self.seed_generator.state),
            ),
        )
        self.seed_generator.state.assign(seed_state)
        return log_sum - math.log(self.num_samples)

    def sample_noise(
        self, shape: tuple[Any, ...], seed_state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Samples N(0, I); returns the noise and the new seed state.

        The state is an argument because it is carried by a compiled loop.
        """
        state = self.seed_generator.state
        with keras.StatelessScope([(state, seed_state)]) as scope:
            noise = keras.random.normal(shape, seed=self.seed_generator)
            return noise, scope.get_current_value(state)

    def log_weights(
        self, x: Tensor, mean: Tensor, log_variance: Tensor, noise: Tensor
    ) -> Tensor:
        """Computes log w_k, (batch, chunk).

        With z = mean + exp(log_variance / 2) noise, the constants of both
        normal densities cancel:

            log p(z) - log q(z | x)
                = 1/2 sum_j (noise_j^2 - z_j^2 + log_variance_j)
        """
        z = reparameterize(mean, log_variance, noise)
        _, chunk, *code = noise.shape
        raw_outputs = self.autoencoder.raw_decoder(
            ops.reshape(z, (-1, *code)), training=False
        )
        raw_outputs = ops.reshape(
            raw_outputs, (-1, chunk, *raw_outputs.shape[1:])
        )
        log_likelihood = self.autoencoder.conditional_log_likelihood(
            ops.expand_dims(x, 1), raw_outputs
        )
        return log_likelihood + 0.5 * ops.sum(
            ops.square(noise) - ops.square(z) + log_variance,
            axis=tuple(range(2, len(noise.shape))),
        )

    def get_config(self) -> Config:
        return {
            "autoencoder": keras.saving.serialize_keras_object(
                self.autoencoder
            ),
            "num_samples": self.num_samples,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> "ImportanceWeightedLikelihood":
        config = dict(config)
        autoencoder = keras.saving.deserialize_keras_object(
            config.pop("autoencoder"), custom_objects
        )
        return cls(autoencoder, **config)
