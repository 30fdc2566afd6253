"""The random code of a variational autoencoder."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class GaussianSampling(keras.layers.Layer):
    """Draws from a Gaussian so that gradients reach its mean and variance.

    Use it as the last layer of the encoder of a variational autoencoder. In
    training it draws; otherwise it gives the mean, the most probable code,
    so that what a model predicts does not depend on chance.

        mean, log_variance = the two halves of the input's last axis
        z = mean + exp(log_variance / 2) * noise     in training
        z = mean                                     otherwise

    `noise` is standard normal, new at every call. The chance stands apart
    from the parameters (the *reparametrization trick*), so dz / dmean = 1 and
    dz / dlog_variance = (z - mean) / 2.

    Reference: Kingma and Welling, 2014, "Auto-encoding variational Bayes",
    section 2.4, https://arxiv.org/abs/1312.6114.

    Args:
        seed: Integer, for the same draws in every run; `None` takes Keras'
            global seed.

    Call arguments:
        inputs: Tensor, means and logarithms of variances.
        training: Boolean, whether to draw.

    Input shape: `(batch, ..., 2 * size)`.

    Output shape: `(batch, ..., size)`.

    Raises:
        ValueError: If the last axis of the input cannot be halved.

    Example:

    >>> layer, parameters = GaussianSampling(), ops.array([[1.0, -100.0]])
    >>> drawn = layer(parameters, training=True)  # variance e^-100
    >>> float(drawn[0, 0]), float(layer(-parameters)[0, 0])
    (1.0, -1.0)
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        if input_shape[-1] is None or input_shape[-1] % 2:
            raise ValueError(
                "The last axis of the input must hold the means and then as "
                f"many logarithms of variances. Received: {input_shape=}"
            )

    def call(self, inputs, training=False):
        mean, log_variance = mean_and_log_variance(inputs)
        if not training:
            return mean
        noise = keras.random.normal(
            ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator
        )
        return reparameterize(mean, log_variance, noise)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 2)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def mean_and_log_variance(parameters):
    """(..., 2 * size) -> twice (..., size)"""
    return ops.split(parameters, 2, axis=-1)


def reparameterize(mean, log_variance, noise):
    """Three tensors of shapes that broadcast -> codes."""
    return mean + ops.exp(log_variance / 2) * noise
