"""Variational autoencoder of dense layers."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from dlunits.layers import GaussianSampling
from dlunits.models.autoencoders.variational_autoencoder import (
    VariationalAutoencoder,
)
from dlunits.typing import Array, ArrayLike


def dense_variational_autoencoder(
    input_shape: tuple[int, ...] = (28, 28, 1),
    latent_dim: int = 50,
    units: Sequence[int] = (200, 200),
    *,
    activation: Any = "silu",
    likelihood: str = "bernoulli",
    beta: float = 1.0,
    stddev: float = 1.0,
    mean: ArrayLike | None = None,
    seed: int | None = None,
    dtype: Any = None,
    name: str = "variational_autoencoder",
) -> VariationalAutoencoder:
    """Builds a variational autoencoder (VAE) of dense layers.

        h_0 = x,  h_i = f(h_{i-1} W_i + b_i),  i = 1 ... n    hidden layers
        (mean, log_variance) = h_n W + b                      posterior
        z ~ N(mean, diag(exp(log_variance)))                  code
        a, with the same widths in reverse order              raw decoder

    x is the flattened input, W and b are kernels and biases, and a are logits
    (`"bernoulli"`) or means (`"gaussian"`). The default sizes,
    784-200-200-50-200-200-784, are those of the reference, for which
    likelihoods on MNIST are published.

    Reference: Burda, Grosse and Salakhutdinov, 2016, "Importance weighted
    autoencoders", section 5, https://arxiv.org/abs/1509.00519.

    Args:
        input_shape: Tuple, shape of one example; any rank, flattened inside.
        latent_dim: Positive integer, size of the code z.
        units: Tuple of integers, widths of the encoder's hidden layers.
        activation: Activation f of the hidden layers. The reference uses
            `"tanh"`; the smooth `"silu"` converges in fewer epochs.
        likelihood: `"bernoulli"` or `"gaussian"`, see
            `VariationalAutoencoder`.
        beta: Positive number, weight of the KL term.
        stddev: Positive number, standard deviation of the Gaussian
            likelihood.
        mean: Array of the shape `input_shape`, mean of the training examples.
            It sets the output bias so that the untrained decoder returns it for
            the code 0, clipped to [0.001, 0.999] for a Bernoulli likelihood.
            With `None` the bias is 0.
        seed: Integer, seed of the samples of z in training.
        dtype: Dtype policy of all layers; `None` for Keras' global policy. The
            parameters of distributions, of the code and of the output, are
            always in single precision.
        name: Name of the model.

    Returns:
        `dlunits.models.VariationalAutoencoder`. The layers of the encoder are
        named `encoder_1`, ..., `posterior`, `code`, those of the decoder
        `decoder_1`, ..., `reconstruction`.

    Raises:
        ValueError: If a size is not positive, the shape of `mean` is not
            `input_shape`, or an argument is out of range.

    Example, weights and biases of 4 -> 2 * 3 -> 4:

    >>> dense_variational_autoencoder((2, 2), 3, ()).count_params()
    46
    """
    if min(*input_shape, latent_dim, *units) < 1:
        raise ValueError(
            "Every size must be at least 1. Received: "
            f"{input_shape=}, {latent_dim=}, {units=}"
        )
    if mean is not None and np.shape(mean) != tuple(input_shape):
        raise ValueError(
            f"`mean` must have the shape of one example, {input_shape}. "
            f"Received: an array of shape {np.shape(mean)}"
        )
    inputs = keras.Input(input_shape, name="input")
    x = inputs
    if len(input_shape) > 1:
        x = layers.Flatten(dtype=dtype, name="flatten")(x)
    for index, width in enumerate(units, 1):
        x = layers.Dense(
            width, activation, dtype=dtype, name=f"encoder_{index}"
        )(x)
    x = layers.Dense(2 * latent_dim, dtype="float32", name="posterior")(x)
    code = GaussianSampling(seed, dtype="float32", name="code")(x)
    encoder = keras.Model(inputs, code, name="encoder")

    codes = keras.Input((latent_dim,), name="code_input")
    x = codes
    for index, width in enumerate(reversed(units), 1):
        x = layers.Dense(
            width, activation, dtype=dtype, name=f"decoder_{index}"
        )(x)
    last = layers.Dense(
        math.prod(input_shape), dtype="float32", name="reconstruction"
    )
    x = last(x)
    if mean is not None:
        last.bias.assign(np.ravel(output_bias(mean, likelihood)))
    if len(input_shape) > 1:
        x = layers.Reshape(input_shape, dtype="float32", name="reshape")(x)
    decoder = keras.Model(codes, x, name="raw_decoder")
    return VariationalAutoencoder(
        encoder,
        decoder,
        likelihood=likelihood,
        beta=beta,
        stddev=stddev,
        dtype=dtype,
        name=name,
    )


def output_bias(mean: ArrayLike, likelihood: str) -> Array:
    """Output of the raw decoder that corresponds to `mean`."""
    if likelihood == "gaussian":
        return np.asarray(mean)
    probability = np.clip(mean, 0.001, 0.999)
    return np.log(probability / (1 - probability))
