"""Sampling from a Gaussian by the reparameterization trick."""

from typing import Any

import keras
from keras import ops

from dlunits.typing import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class GaussianSampling(keras.layers.Layer):
    """Samples from a diagonal Gaussian by the reparameterization trick.

    Use it as the last layer of the encoder of a variational autoencoder. In
    training it samples. In inference it returns the mean, so that predictions
    do not depend on random numbers.

        mean, log_variance = the two halves of the last axis of the input
        z = mean + exp(log_variance / 2) * noise     in training
        z = mean                                     in inference

    `noise` is standard normal and new at every call. It does not depend on
    the parameters of the Gaussian, so gradients reach them:
    dz / dmean = 1 and dz / dlog_variance = (z - mean) / 2.

    Reference: Kingma and Welling, 2014, "Auto-encoding variational Bayes",
    section 2.4, https://arxiv.org/abs/1312.6114.

    Args:
        seed: Integer, for the same samples in every run; `None` uses the
            global seed of Keras.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor, means followed by logarithms of variances.
        training: Whether to sample.

    Input shape: `(batch, ..., 2 * size)`.

    Output shape: `(batch, ..., size)`.

    Raises:
        ValueError: If the input is not one tensor, or its last axis has an odd
            or unknown length.

    Example:

    >>> layer, parameters = GaussianSampling(), ops.array([[1.0, -100.0]])
    >>> sample = layer(parameters, training=True)  # variance exp(-100)
    >>> float(sample[0, 0]), float(layer(-parameters)[0, 0])
    (1.0, -1.0)
    """

    def __init__(self, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        size = input_shape[-1] if input_shape else None
        if not isinstance(size, int) or size % 2:
            raise ValueError(
                "The input must be one tensor (batch, ..., 2 * size), whose "
                "last axis holds means followed by as many logarithms of "
                "variances. For two tensors, call the layer with "
                "`keras.ops.concatenate([mean, log_variance], axis=-1)`. "
                f"Received: {input_shape=}"
            )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        mean, log_variance = mean_and_log_variance(inputs)
        if not training:
            return mean
        noise = keras.random.normal(
            ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator
        )
        return reparameterize(mean, log_variance, noise)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self.build(input_shape)  # raises for other shapes
        *others, size = input_shape
        return (*others, size and size // 2)

    def get_config(self) -> Config:
        return {**super().get_config(), "seed": self.seed}


def mean_and_log_variance(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Splits `(..., 2 * size)` into two tensors `(..., size)`."""
    return ops.split(parameters, 2, axis=-1)


def reparameterize(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Returns mean + exp(log_variance / 2) * noise, with broadcasting."""
    return mean + ops.exp(log_variance / 2) * noise
