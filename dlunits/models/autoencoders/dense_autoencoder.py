"""Autoencoder of dense layers."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from dlunits.layers import TiedDense
from dlunits.models.autoencoders.autoencoder import Autoencoder
from dlunits.typing import Tensor


def dense_autoencoder(
    input_shape: tuple[int, ...],
    latent_dim: int,
    units: Sequence[int] = (),
    *,
    activation: Any = "relu",
    code_activation: Any = None,
    output_activation: Any = None,
    tied: bool = False,
    dropout: float = 0.0,
    l2: float = 0.0,
    activity_regularizer: Any = None,
    dtype: Any = None,
    name: str = "autoencoder",
) -> Autoencoder:
    """Builds an autoencoder of dense layers with a mirrored decoder.

        h_0 = x,  h_i = f(h_{i-1} W_i + b_i),  i = 1 ... n     encoder
        z   = g(h_n W + b)                                     code
        r   = o(...), with the same widths in reverse order    decoder

    x is the flattened input, W and b are kernels and biases. The arguments
    select the type of autoencoder: *linear* without hidden layers and
    activations, which learns the subspace of PCA; *under-* and *overcomplete*
    by `latent_dim`; *sparse* by `activity_regularizer`; *tied* by `tied`;
    regularized by `dropout` or `l2`. Use its `encoder` and `decoder` also for a
    `ContractiveAutoencoder`.

    Args:
        input_shape: Tuple, shape of one example; any rank, flattened inside.
        latent_dim: Positive integer, size of the code z.
        units: Tuple of integers, widths of the encoder's hidden layers.
        activation: Activation f of the hidden layers.
        code_activation: Activation g of the code.
        output_activation: Activation o, such as `"sigmoid"` for pixels in
            [0, 1].
        tied: Boolean, whether the decoder's kernels are the transposed
            kernels of the encoder (`dlunits.layers.TiedDense`).
        dropout: Number in [0, 1), dropout rate after every hidden layer and
            after the code.
        l2: Number, factor of the sum of squares of the kernels in the loss.
        activity_regularizer: Regularizer of the code, such as
            `dlunits.regularizers.KLSparsity()` with a sigmoid code, or
            `keras.regularizers.L1()`.
        dtype: Dtype policy of all layers; `None` for Keras' global policy.
        name: Name of the model.

    Returns:
        `dlunits.models.Autoencoder`. The layers of the encoder are named
        `encoder_1`, ..., `code`, those of the decoder `decoder_1`, ...,
        `reconstruction`.

    Raises:
        ValueError: If a size is not positive, or `dropout` or `l2` is out of
            range.

    Example, weights and biases of 4 -> 2 -> 4:

    >>> dense_autoencoder((2, 2), latent_dim=2).count_params()
    22
    >>> dense_autoencoder((2, 2), latent_dim=2, tied=True).count_params()
    14
    """
    sizes = [*units, latent_dim]
    if min(*input_shape, *sizes) < 1:
        raise ValueError(
            "Every size must be at least 1. Received: "
            f"{input_shape=}, {units=}, {latent_dim=}"
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: {dropout=}")
    if not 0 <= l2 < math.inf:
        raise ValueError(f"`l2` must not be negative. Received: {l2=}")

    def dense(
        width: int, activation: Any, name: str, **options: Any
    ) -> layers.Dense:
        return layers.Dense(
            width,
            activation=activation,
            kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
            dtype=dtype,
            name=name,
            **options,
        )

    def apply_dropout(x: Tensor) -> Tensor:
        return layers.Dropout(dropout, dtype=dtype)(x) if dropout else x

    inputs = keras.Input(input_shape, name="input")
    x = inputs
    if len(input_shape) > 1:
        x = layers.Flatten(dtype=dtype, name="flatten")(x)
    encoder_layers = []
    for index, width in enumerate(units, 1):
        encoder_layers.append(dense(width, activation, f"encoder_{index}"))
        x = apply_dropout(encoder_layers[-1](x))
    encoder_layers.append(
        dense(
            latent_dim,
            code_activation,
            "code",
            activity_regularizer=activity_regularizer,
        )
    )
    encoder = keras.Model(
        inputs, apply_dropout(encoder_layers[-1](x)), name="encoder"
    )

    codes = keras.Input((latent_dim,), name="code_input")
    x = codes
    num_inputs = math.prod(input_shape)
    for index, layer in enumerate(reversed(encoder_layers), 1):
        last = index == len(encoder_layers)
        function = output_activation if last else activation
        title = "reconstruction" if last else f"decoder_{index}"
        if tied:
            mirrored = TiedDense(layer, function, dtype=dtype, name=title)
        else:
            width = num_inputs if last else sizes[-1 - index]
            mirrored = dense(width, function, title)
        x = mirrored(x)
        x = x if last else apply_dropout(x)
    if len(input_shape) > 1:
        x = layers.Reshape(input_shape, dtype=dtype, name="reshape")(x)
    decoder = keras.Model(codes, x, name="decoder")
    return Autoencoder(encoder, decoder, dtype=dtype, name=name)
