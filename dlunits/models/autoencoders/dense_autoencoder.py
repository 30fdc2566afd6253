"""Autoencoders of dense layers."""

import math

import keras
from keras import layers

from dlunits.layers import TiedDense
from dlunits.models.autoencoders.autoencoder import Autoencoder


def dense_autoencoder(
    input_shape,
    latent_dim,
    hidden_units=(),
    *,
    activation="relu",
    code_activation=None,
    output_activation=None,
    tied=False,
    dropout=0.0,
    l2=0.0,
    activity_regularizer=None,
    dtype=None,
    name="autoencoder",
):
    """Builds an autoencoder whose encoder and decoder mirror each other.

        h_1 = f(x W_1 + b_1), ..., z = g(h_n W + b)     encoder
        the same sizes backwards, r = o(...)            decoder

    The usual kinds are settings of it: *linear* without hidden units and
    activations, which learns what PCA finds; *under-* and *overcomplete* by
    `latent_dim`; *sparse* by `activity_regularizer`; *dropout*; *L2*; *tied*.
    Its `encoder` and `decoder` also serve `ContractiveAutoencoder`.

    Args:
        input_shape: Tuple, shape of one example; any rank, flattened inside.
        latent_dim: Positive integer, numbers in the code.
        hidden_units: Tuple of integers, units of the encoder's hidden layers.
        activation: Activation `f` of the hidden layers.
        code_activation: Activation `g` of the code.
        output_activation: Activation `o`, such as `"sigmoid"` for pixels in
            [0, 1].
        tied: Boolean, whether the decoder's kernels are the encoder's,
            transposed (`dlunits.layers.TiedDense`).
        dropout: Number in [0, 1), share of the units of every hidden layer and
            of the code that are silent in a training step.
        l2: Number, weight of the sum of squares of the kernels.
        activity_regularizer: Regularizer of the code, such as
            `dlunits.regularizers.KLSparsity()` with a sigmoid code, or
            `keras.regularizers.L1()`.
        dtype: Policy of all layers; `None` takes Keras' current one.
        name: Name of the model.

    Returns:
        `dlunits.models.Autoencoder`. Its encoder's layers are named
        `encoder_1`, ..., `code`, its decoder's `decoder_1`, ...,
        `reconstruction`.

    Raises:
        ValueError: If a size is not positive, or a rate is out of range.

    Example, weights and biases of 4 -> 2 -> 4:

    >>> dense_autoencoder((2, 2), latent_dim=2).count_params()
    22
    >>> dense_autoencoder((2, 2), latent_dim=2, tied=True).count_params()
    14
    """
    sizes = [*hidden_units, latent_dim]
    if min(*input_shape, *sizes) < 1:
        raise ValueError(
            "Every size must be at least 1. Received: "
            f"{input_shape=}, {hidden_units=}, {latent_dim=}"
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: {dropout=}")
    if not 0 <= l2 < math.inf:
        raise ValueError(f"`l2` must not be negative. Received: {l2=}")

    def dense(units, activation, name, **options):
        return layers.Dense(
            units,
            activation=activation,
            kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
            dtype=dtype,
            name=name,
            **options,
        )

    def silence(x):
        return layers.Dropout(dropout, dtype=dtype)(x) if dropout else x

    inputs = keras.Input(input_shape, name="input")
    x = inputs
    if len(input_shape) > 1:
        x = layers.Flatten(dtype=dtype, name="flatten")(x)
    chain = []
    for index, units in enumerate(hidden_units, 1):
        chain.append(dense(units, activation, f"encoder_{index}"))
        x = silence(chain[-1](x))
    chain.append(
        dense(
            latent_dim,
            code_activation,
            "code",
            activity_regularizer=activity_regularizer,
        )
    )
    encoder = keras.Model(inputs, silence(chain[-1](x)), name="encoder")

    codes = keras.Input((latent_dim,), name="code_input")
    x = codes
    num_inputs = math.prod(input_shape)
    for index, layer in enumerate(reversed(chain), 1):
        last = index == len(chain)
        function = output_activation if last else activation
        title = "reconstruction" if last else f"decoder_{index}"
        if tied:
            mirrored = TiedDense(layer, function, dtype=dtype, name=title)
        else:
            units = num_inputs if last else sizes[-1 - index]
            mirrored = dense(units, function, title)
        x = mirrored(x)
        x = x if last else silence(x)
    if len(input_shape) > 1:
        x = layers.Reshape(input_shape, dtype=dtype, name="reshape")(x)
    decoder = keras.Model(codes, x, name="decoder")
    return Autoencoder(encoder, decoder, dtype=dtype, name=name)
