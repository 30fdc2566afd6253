"""Autoencoders of convolutions."""

import math

import keras
from keras import layers

from dlunits.diagnostics.convolution_arithmetic import padding_around
from dlunits.layers import TiedConv2DTranspose, TiedDense
from dlunits.models.autoencoders.autoencoder import Autoencoder


def convolutional_autoencoder(
    input_shape,
    latent_dim=None,
    filters=(32, 64),
    *,
    kernel_size=3,
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
    """Builds an autoencoder of images that halves and doubles their sides.

    Each stage of the encoder is a convolution of stride 2, each stage of the
    decoder its transpose. An odd side comes back a pixel too long, and the one
    that was padding to the convolution is cropped. With a `latent_dim` a dense
    layer on either side makes the code a vector; without one the code is the
    last feature map.

        28x28x1 -> 14x14x32 -> 7x7x64 -> code -> 7x7x64 -> 14x14x32 -> 28x28x1

    Args:
        input_shape: `(height, width, channels)` of one image.
        latent_dim: Positive integer, numbers in the code; `None` keeps the
            feature map as the code.
        filters: Tuple of integers, maps of the encoder's stages.
        kernel_size: Integer, side of the windows in pixels, at least 2.
        activation: Activation of the stages but for the code.
        code_activation: Activation of the code.
        output_activation: Activation of the reconstruction, such as
            `"sigmoid"` for pixels in [0, 1].
        tied: Boolean, whether the decoder's kernels are the encoder's
            (`dlunits.layers.TiedConv2DTranspose`, `TiedDense`).
        dropout: Number in [0, 1), share of the maps of every stage but the
            output that are silent in a training step.
        l2: Number, weight of the sum of squares of the kernels.
        activity_regularizer: Regularizer of the code.
        dtype: Policy of all layers; `None` takes Keras' current one.
        name: Name of the model.

    Returns:
        `dlunits.models.Autoencoder`. Its encoder's layers are named
        `encoder_1`, ..., `code`, its decoder's `decoder_1`, ...,
        `reconstruction`.

    Raises:
        ValueError: If the shape is not one of images, a size is not
            positive, or a rate is out of range.

    Example, 7 = ceil(ceil(25 / 2) / 2):

    >>> model = convolutional_autoencoder((25, 28, 1), filters=(8, 4))
    >>> model.encoder.output_shape, model.output_shape
    ((None, 7, 7, 4), (None, 25, 28, 1))

    Weights and biases of 4x4x1 -> 2x2x2 -> 4x4x1, windows of 3x3:

    >>> shape = {"input_shape": (4, 4, 1), "filters": (2,)}
    >>> convolutional_autoencoder(**shape).count_params()  # 18 + 2 + 18 + 1
    39
    >>> convolutional_autoencoder(**shape, tied=True).count_params()
    21
    """
    if len(input_shape) != 3 or min(input_shape) < 1:
        raise ValueError(
            "`input_shape` must be (height, width, channels). Received: "
            f"{input_shape=}"
        )
    if not filters or min(*filters, latent_dim or 1) < 1 or latent_dim == 0:
        raise ValueError(
            "Every size must be at least 1, and one stage is needed. "
            f"Received: {filters=}, {latent_dim=}"
        )
    if kernel_size < 2:
        raise ValueError(
            "`kernel_size` must be at least 2, or windows of stride 2 miss "
            f"pixels. Received: {kernel_size=}"
        )
    if not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: {dropout=}")
    if not 0 <= l2 < math.inf:
        raise ValueError(f"`l2` must not be negative. Received: {l2=}")
    weights = {
        "kernel_regularizer": keras.regularizers.L2(l2) if l2 else None,
        "dtype": dtype,
    }
    maps = {"data_format": "channels_last", "dtype": dtype}
    stage = {**weights, **maps, "strides": 2, "padding": "same"}
    code = {
        "activation": code_activation,
        "activity_regularizer": activity_regularizer,
        "name": "code",
    }

    def silence(x):
        if not dropout:
            return x
        return layers.SpatialDropout2D(dropout, **maps)(x)

    inputs = keras.Input(input_shape, name="input")
    x, sizes, stages = inputs, [], []
    for index, channels in enumerate(filters, 1):
        sizes.append(x.shape[1:])
        is_code = latent_dim is None and index == len(filters)
        options = {"activation": activation, "name": f"encoder_{index}"}
        options = code if is_code else options
        stages.append(layers.Conv2D(channels, kernel_size, **stage, **options))
        x = silence(stages[-1](x))
    smallest = x.shape[1:]
    if latent_dim is not None:
        x = layers.Flatten(name="flatten", **maps)(x)
        folding = layers.Dense(latent_dim, **weights, **code)
        x = folding(x)
    encoder = keras.Model(inputs, x, name="encoder")

    codes = keras.Input(encoder.output_shape[1:], name="code_input")
    x = codes
    if latent_dim is not None:
        options = {"activation": activation, "name": "unfold"}
        if tied:
            unfolding = TiedDense(folding, dtype=dtype, **options)
        else:
            unfolding = layers.Dense(math.prod(smallest), **weights, **options)
        x = unfolding(x)
        x = layers.Reshape(smallest, dtype=dtype, name="reshape")(x)
        x = silence(x)
    for index, (height, width, channels) in enumerate(reversed(sizes), 1):
        last = index == len(sizes)
        options = {
            "activation": output_activation if last else activation,
            "name": "reconstruction" if last else f"decoder_{index}",
        }
        if tied:
            mirrored = TiedConv2DTranspose(
                stages[-index], dtype=dtype, **options
            )
        else:
            mirrored = layers.Conv2DTranspose(
                channels, kernel_size, **stage, **options
            )
        x = mirrored(x)
        if x.shape[1:3] != (height, width):  # ceil(25 / 2) * 2 is 26
            surplus = [surplus_of(n, kernel_size) for n in (height, width)]
            x = layers.Cropping2D(surplus, **maps)(x)
        x = x if last else silence(x)
    decoder = keras.Model(codes, x, name="decoder")
    return Autoencoder(encoder, decoder, dtype=dtype, name=name)


def surplus_of(side, window, stride=2):
    """Pixels to crop before and after what a transposed convolution gives.

    It gives `stride * ceil(side / stride)` of them, and begins where the
    padding ends that a convolution would add to a side of so many.

    >>> surplus_of(25, window=3), surplus_of(25, window=2), surplus_of(8, 3)
    ((1, 0), (0, 1), (0, 0))
    """
    whole = stride * math.ceil(side / stride)
    padded, _ = padding_around(side, window, stride, "same")
    padded_whole, _ = padding_around(whole, window, stride, "same")
    before = padded - padded_whole
    return before, whole - side - before
