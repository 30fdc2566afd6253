"""The random code of a variational autoencoder."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class GaussianSampling(keras.layers.Layer):
    """Draws from a Gaussian so that gradients reach its mean and variance.

    Use it as the last layer of the encoder of a variational autoencoder. In
    training it draws; otherwise it gives the mean, the most probable code,
    so that what a model predicts does not depend on chance.

        z = mean + exp(log_variance / 2) * noise     in training
        z = mean                                     otherwise

    `noise` is standard normal, new at every call. The chance stands apart
    from the parameters (the *reparametrisation trick*), so dz / dmean = 1 and
    dz / dlog_variance = (z - mean) / 2.

    Reference: Kingma and Welling, 2014, "Auto-encoding variational Bayes",
    section 2.4, https://arxiv.org/abs/1312.6114.

    Args:
        seed: Integer, for the same draws in every run; `None` takes Keras'
            global seed.

    Call arguments:
        inputs: Pair `(mean, log_variance)` of tensors of one shape.
        training: Boolean, whether to draw.

    Input shape: `(batch, ...)`, twice.

    Output shape: `(batch, ...)`.

    Raises:
        ValueError: If the input is not a pair of one shape.

    Example:

    >>> layer = GaussianSampling(seed=0)
    >>> mean, log_variance = ops.ones((1, 2)), ops.full((1, 2), -100.0)
    >>> drawn = layer((mean, log_variance), training=True)  # variance e^-100
    >>> given = layer((mean, -log_variance))  # not training: the mean
    >>> float(drawn[0, 0]), float(given[0, 0])
    (1.0, 1.0)
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        if len(input_shape) != 2 or tuple(input_shape[0]) != tuple(
            input_shape[1]
        ):
            raise ValueError(
                "The input must be a pair (mean, log_variance) of tensors of "
                f"one shape. Received: {input_shape=}"
            )

    def call(self, inputs, training=False):
        mean, log_variance = inputs
        if not training:
            return mean
        noise = keras.random.normal(
            ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator
        )
        return reparametrise(mean, log_variance, noise)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def reparametrise(mean, log_variance, noise):
    """Three tensors of shapes that broadcast -> codes."""
    return mean + ops.exp(log_variance / 2) * noise
