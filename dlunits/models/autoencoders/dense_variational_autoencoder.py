"""Variational autoencoders of dense layers."""

import math

import keras
import numpy as np
from keras import layers

from dlunits.layers import GaussianSampling
from dlunits.models.autoencoders.variational_autoencoder import (
    VariationalAutoencoder,
)


def dense_variational_autoencoder(
    input_shape=(28, 28, 1),
    latent_dim=50,
    hidden_units=(200, 200),
    *,
    activation="silu",
    likelihood="bernoulli",
    beta=1.0,
    stddev=1.0,
    mean=None,
    seed=None,
    dtype=None,
    name="variational_autoencoder",
):
    """Builds a variational autoencoder whose two halves mirror each other.

        h = f(f(x W_1 + b_1) W_2 + b_2)                  encoder
        (mean, log_variance) = h W + b
        the same sizes backwards to logits or means      decoder

    The default sizes are the usual ones to compare likelihoods on MNIST by,
    784-200-200-50-200-200-784.

    Reference: Burda, Grosse and Salakhutdinov, 2016, "Importance weighted
    autoencoders", section 5, https://arxiv.org/abs/1509.00519.

    Args:
        input_shape: Tuple, shape of one example; any rank, flattened inside.
        latent_dim: Positive integer, numbers in the code.
        hidden_units: Tuple of integers, units of the encoder's hidden layers.
        activation: Activation `f` of the hidden layers. The paper's is
            `"tanh"`; the smooth `"silu"` learns faster.
        likelihood: `"bernoulli"` or `"gaussian"`, see
            `VariationalAutoencoder`.
        beta: Positive number, weight of the KL term.
        stddev: Positive number, standard deviation of the Gaussian
            likelihood.
        mean: Array `input_shape`, mean of the training examples, which the
            untrained decoder then gives for the code 0, within [.001, .999]
            if they are Bernoulli. It saves the first epochs. `None` starts
            from biases of 0.
        seed: Integer, seed of the draws in training.
        dtype: Policy of all layers; `None` takes Keras' current one. What
            describes a distribution, the code's or the pixels', is in single
            precision always.
        name: Name of the model.

    Returns:
        `dlunits.models.VariationalAutoencoder`. Its encoder's layers are
        named `encoder_1`, ..., `posterior`, `code`, its decoder's
        `decoder_1`, ..., `reconstruction`.

    Raises:
        ValueError: If a size is not positive or an argument is out of range.

    Example, weights and biases of 4 -> 2 * 3 -> 4:

    >>> dense_variational_autoencoder((2, 2), 3, ()).count_params()
    46
    """
    if min(*input_shape, latent_dim, *hidden_units) < 1:
        raise ValueError(
            "Every size must be at least 1. Received: "
            f"{input_shape=}, {latent_dim=}, {hidden_units=}"
        )
    if mean is not None and np.shape(mean) != tuple(input_shape):
        raise ValueError(
            f"`mean` must be one example, of shape {input_shape}. Received: "
            f"one of shape {np.shape(mean)}"
        )
    inputs = keras.Input(input_shape, name="input")
    x = inputs
    if len(input_shape) > 1:
        x = layers.Flatten(dtype=dtype, name="flatten")(x)
    for index, units in enumerate(hidden_units, 1):
        x = layers.Dense(
            units, activation, dtype=dtype, name=f"encoder_{index}"
        )(x)
    x = layers.Dense(2 * latent_dim, dtype="float32", name="posterior")(x)
    code = GaussianSampling(seed, dtype="float32", name="code")(x)
    encoder = keras.Model(inputs, code, name="encoder")

    codes = keras.Input((latent_dim,), name="code_input")
    x = codes
    for index, units in enumerate(reversed(hidden_units), 1):
        x = layers.Dense(
            units, activation, dtype=dtype, name=f"decoder_{index}"
        )(x)
    last = layers.Dense(
        math.prod(input_shape), dtype="float32", name="reconstruction"
    )
    x = last(x)
    if mean is not None:
        last.bias.assign(np.ravel(start_from(mean, likelihood)))
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


def start_from(mean, likelihood):
    """What the raw decoder must give to mean `mean`."""
    if likelihood == "gaussian":
        return mean
    probability = np.clip(mean, 0.001, 0.999)
    return np.log(probability / (1 - probability))
