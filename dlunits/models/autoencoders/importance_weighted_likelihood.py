"""The likelihood of an input under a variational autoencoder."""

import math

import keras
from keras import ops

from dlunits.layers.noise.gaussian_sampling import (
    mean_and_log_variance,
    reparameterize,
)

SAMPLES_AT_ONCE = 50


@keras.saving.register_keras_serializable(package="dlunits")
class ImportanceWeightedLikelihood(keras.Model):
    """Estimates log p(x) from many codes an example, in one compiled loop.

    `VariationalAutoencoder.log_likelihood` is how to use it.

        log w_k  = log p(x | z_k) + log p(z_k) - log q(z_k | x)
        log p(x) ~ log(w_1 + ... + w_K) - log K

    The sum runs over 50 codes at a time and stays a logarithm, so neither
    memory nor the size of a number grows with `K`.

    Reference: Burda, Grosse and Salakhutdinov, 2016, "Importance weighted
    autoencoders", equation 8, https://arxiv.org/abs/1509.00519.

    Args:
        autoencoder: `dlunits.models.VariationalAutoencoder`.
        num_samples: Positive integer `K`, codes an example.
        seed: Integer.

    Input shape: The autoencoder's, `(batch, ...)`.

    Output shape: `(batch,)`, in nats.

    Raises:
        ValueError: If `num_samples` is not positive.

    Example, a decoder that calls every pixel a fair coin:

    >>> from dlunits.models import dense_variational_autoencoder
    >>> model = dense_variational_autoencoder((2,), 1, units=())
    >>> model.set_weights([0 * weight for weight in model.get_weights()])
    >>> estimate = ImportanceWeightedLikelihood(model, num_samples=3)
    >>> round(float(estimate(ops.ones((1, 2)))[0]), 4)  # -2 log(2)
    -1.3863
    """

    def __init__(self, autoencoder, num_samples=5000, seed=0, **kwargs):
        if num_samples < 1:
            raise ValueError(
                f"`num_samples` must be positive. Received: {num_samples=}"
            )
        super().__init__(**kwargs)
        self.autoencoder = autoencoder
        self.num_samples = num_samples
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x):
        parameters = self.autoencoder.posterior(x, training=False)
        mean, log_variance = mean_and_log_variance(
            ops.expand_dims(ops.cast(parameters, "float32"), 1)
        )  # (batch, 1, ...)
        chunk = min(self.num_samples, SAMPLES_AT_ONCE)

        def add_chunk(index, carry):
            log_sum, seed_state = carry
            noise, seed_state = self.noise(
                (ops.shape(mean)[0], chunk, *mean.shape[2:]), seed_state
            )
            log_weights = self.log_weights(x, mean, log_variance, noise)
            number = index * chunk + ops.arange(chunk)
            log_weights = ops.where(
                number < self.num_samples, log_weights, -math.inf
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

    def noise(self, shape, seed_state):
        """Standard normal numbers, and the generator's state after them.

        A loop must hand on what it changes, so the state is an argument.
        """
        state = self.seed_generator.state
        with keras.StatelessScope([(state, seed_state)]) as scope:
            noise = keras.random.normal(shape, seed=self.seed_generator)
            return noise, scope.get_current_value(state)

    def log_weights(self, x, mean, log_variance, noise):
        """Log w_k, (batch, chunk); the normals' constants cancel."""
        codes = reparameterize(mean, log_variance, noise)
        _, chunk, *code = noise.shape
        decoded = self.autoencoder.raw_decoder(
            ops.reshape(codes, (-1, *code)), training=False
        )
        decoded = ops.reshape(decoded, (-1, chunk, *decoded.shape[1:]))
        likelihood = self.autoencoder.conditional_log_likelihood(
            ops.expand_dims(x, 1), decoded
        )
        return likelihood + 0.5 * ops.sum(
            ops.square(noise) - ops.square(codes) + log_variance,
            axis=tuple(range(2, len(noise.shape))),
        )

    def get_config(self):
        return {
            "autoencoder": keras.saving.serialize_keras_object(
                self.autoencoder
            ),
            "num_samples": self.num_samples,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        autoencoder = keras.saving.deserialize_keras_object(
            config.pop("autoencoder"), custom_objects
        )
        return cls(autoencoder, **config)
