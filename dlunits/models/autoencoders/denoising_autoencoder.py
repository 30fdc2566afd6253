"""The autoencoder that cleans images."""

import math

import keras
from keras import layers

from dlunits.models.autoencoders.autoencoder import Autoencoder


def denoising_autoencoder(
    input_shape,
    filters=48,
    bottleneck=256,
    num_blocks=1,
    *,
    stride=4,
    dtype=None,
    name="denoising_autoencoder",
):
    """Builds an autoencoder that looks at windows, near ones and all at once.

    The first convolution looks at overlapping windows, `stride` pixels apart,
    and everything up to the last one, its transpose, is done on these places:

        28x28x1 -> 7x7x48 -> blocks -> code 7x7x48 -> blocks -> 28x28x1

        near(h) = h + conv(r(conv(r(h))))        3x3 places
        all(h)  = h + dense(r(dense(r(h))))      every place, by the bottleneck
        r(h)    = relu(batch_normalization(h))

    `near` sees what a stroke looks like, `all` which digit it belongs to; the
    encoder ends in an `all` and the decoder begins with one. The code has more
    numbers than the image; it is the noise that keeps the autoencoder from
    copying. Pixels go in as -1 ... 1 and come out of a sigmoid as 0 ... 1: the
    expected clean pixel, if the loss is the binary cross-entropy or the
    squared error.

    Reference: Vincent et al., 2010, "Stacked denoising autoencoders: learning
    useful representations in a deep network with a local denoising
    criterion", https://www.jmlr.org/papers/v11/vincent10a.html; He et al.,
    2016, "Identity mappings in deep residual networks",
    https://arxiv.org/abs/1603.05027.

    Args:
        input_shape: `(height, width, channels)`; height and width are
            multiples of `stride`.
        filters: Positive integer, maps of every layer.
        bottleneck: Positive integer, units that see the whole image.
        num_blocks: Integer, blocks of each kind in the encoder, and in the
            decoder.
        stride: Positive integer, pixels from place to place.
        dtype: Policy of all layers; `None` takes Keras' current one.
        name: Name of the model.

    Returns:
        `dlunits.models.Autoencoder`.

    Raises:
        ValueError: If a size is out of range, or the shape does not fit.

    Example:

    >>> model = denoising_autoencoder((28, 28, 1))
    >>> model.encoder.output_shape, model.decoder.output_shape
    ((None, 7, 7, 48), (None, 28, 28, 1))
    """
    if min(filters, bottleneck, stride, num_blocks + 1) < 1:
        raise ValueError(
            "`filters`, `bottleneck` and `stride` must be at least 1, "
            "`num_blocks` at least 0. Received: "
            f"{filters=}, {bottleneck=}, {stride=}, {num_blocks=}"
        )
    if len(input_shape) != 3 or any(
        size < stride or size % stride for size in input_shape[:2]
    ):
        raise ValueError(
            "`input_shape` must be (height, width, channels), height and "
            f"width multiples of the stride, {stride}. Received: "
            f"{input_shape=}"
        )
    maps = {"data_format": "channels_last", "padding": "same", "dtype": dtype}
    windows = {"kernel_size": 2 * stride, "strides": stride, **maps}

    def ready(x, name):
        x = layers.BatchNormalization(
            momentum=0.95, dtype=dtype, name=f"{name}_normal"
        )(x)
        return layers.Activation("relu", dtype=dtype, name=f"{name}_relu")(x)

    def near(x, name):
        h = x
        for part in (f"{name}_a", f"{name}_b"):
            h = layers.Conv2D(filters, 3, use_bias=False, name=part, **maps)(
                ready(h, part)
            )
        return layers.Add(dtype=dtype, name=name)([x, h])

    def everywhere(x, name):
        h = layers.Flatten(dtype=dtype, name=f"{name}_flat")(
            ready(x, f"{name}_a")
        )
        h = layers.Dense(
            bottleneck, use_bias=False, dtype=dtype, name=f"{name}_a"
        )(h)
        h = layers.Dense(math.prod(x.shape[1:]), dtype=dtype, name=f"{name}_b")(
            ready(h, f"{name}_b")
        )
        h = layers.Reshape(x.shape[1:], dtype=dtype, name=f"{name}_maps")(h)
        return layers.Add(dtype=dtype, name=name)([x, h])

    inputs = keras.Input(input_shape, name="noisy")
    x = layers.Rescaling(2.0, offset=-1.0, dtype=dtype, name="center")(inputs)
    x = layers.Conv2D(filters, name="windows", **windows)(x)
    for index in range(1, num_blocks + 1):
        x = near(x, f"encoder_near_{index}")
        x = everywhere(x, f"encoder_all_{index}")
    encoder = keras.Model(inputs, x, name="encoder")

    x = codes = keras.Input(encoder.output_shape[1:], name="code")
    for index in range(1, num_blocks + 1):
        x = everywhere(x, f"decoder_all_{index}")
        x = near(x, f"decoder_near_{index}")
    x = layers.Conv2DTranspose(
        input_shape[-1], activation="sigmoid", name="clean", **windows
    )(ready(x, "clean"))
    decoder = keras.Model(codes, x, name="decoder")
    return Autoencoder(encoder, decoder, dtype=dtype, name=name)
