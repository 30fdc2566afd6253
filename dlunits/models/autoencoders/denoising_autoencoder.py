"""Convolutional autoencoder for denoising images."""

import math
from typing import Any

import keras
from keras import layers

from dlunits.models.autoencoders.autoencoder import Autoencoder
from dlunits.typing import Tensor


def denoising_autoencoder(
    input_shape: tuple[int, int, int],
    filters: int = 48,
    units: int = 256,
    num_blocks: int = 1,
    *,
    stride: int = 4,
    dtype: Any = None,
    name: str = "denoising_autoencoder",
) -> Autoencoder:
    """Builds an autoencoder of residual blocks for denoising images.

    The first convolution has overlapping kernels of the side 2 * `stride`. All
    blocks are applied to its feature map, and the last layer is its transpose:

        28x28x1 -> 7x7x48 -> blocks -> code 7x7x48 -> blocks -> 28x28x1

        local block   h + conv(r(conv(r(h))))      kernels of 3x3
        global block  h + dense(r(dense(r(h))))    `units` hidden units
                      r(h) = relu(batch_normalization(h))

    h is the feature map. The local block has a small receptive field, that of
    the hidden units of the global block is the whole image. The encoder ends
    with a global block and the decoder starts with one. The code is
    overcomplete; only the noise of the inputs prevents the model from learning
    the identity. Inputs in [0, 1] are scaled to [-1, 1]. The output is a
    sigmoid in [0, 1], which estimates the expected clean pixel if the loss is
    the binary cross-entropy or the squared error.

    Reference: Vincent et al., 2010, "Stacked denoising autoencoders: learning
    useful representations in a deep network with a local denoising
    criterion", https://www.jmlr.org/papers/v11/vincent10a.html; He et al.,
    2016, "Identity mappings in deep residual networks",
    https://arxiv.org/abs/1603.05027.

    Args:
        input_shape: `(height, width, channels)`; height and width must be
            multiples of `stride`.
        filters: Positive integer, channels of all feature maps.
        units: Positive integer, hidden units of the global blocks.
        num_blocks: Integer of at least 0, local and global blocks in the
            encoder, and in the decoder.
        stride: Positive integer, stride of the first convolution in pixels.
        dtype: Dtype policy of all layers; `None` for Keras' global policy.
        name: Name of the model.

    Returns:
        `dlunits.models.Autoencoder`.

    Raises:
        ValueError: If a size is out of range, or the image size is not a
            multiple of `stride`.

    Example:

    >>> model = denoising_autoencoder((28, 28, 1))
    >>> model.encoder.output_shape, model.decoder.output_shape
    ((None, 7, 7, 48), (None, 28, 28, 1))
    """
    if min(filters, units, stride, num_blocks + 1) < 1:
        raise ValueError(
            "`filters`, `units` and `stride` must be at least 1, "
            "`num_blocks` at least 0. Received: "
            f"{filters=}, {units=}, {stride=}, {num_blocks=}"
        )
    if len(input_shape) != 3 or any(
        size < stride or size % stride for size in input_shape[:2]
    ):
        raise ValueError(
            "`input_shape` must be (height, width, channels), with height and "
            f"width multiples of `stride`. Received: {input_shape=}, {stride=}"
        )
    maps = {"data_format": "channels_last", "padding": "same", "dtype": dtype}
    windows = {"kernel_size": 2 * stride, "strides": stride, **maps}

    def normalize_relu(x: Tensor, name: str) -> Tensor:
        x = layers.BatchNormalization(
            momentum=0.95, dtype=dtype, name=f"{name}_normal"
        )(x)
        return layers.Activation("relu", dtype=dtype, name=f"{name}_relu")(x)

    def local_block(x: Tensor, name: str) -> Tensor:
        h = x
        for part in (f"{name}_a", f"{name}_b"):
            h = layers.Conv2D(filters, 3, use_bias=False, name=part, **maps)(
                normalize_relu(h, part)
            )
        return layers.Add(dtype=dtype, name=name)([x, h])

    def global_block(x: Tensor, name: str) -> Tensor:
        h = layers.Flatten(dtype=dtype, name=f"{name}_flat")(
            normalize_relu(x, f"{name}_a")
        )
        h = layers.Dense(units, use_bias=False, dtype=dtype, name=f"{name}_a")(
            h
        )
        h = layers.Dense(math.prod(x.shape[1:]), dtype=dtype, name=f"{name}_b")(
            normalize_relu(h, f"{name}_b")
        )
        h = layers.Reshape(x.shape[1:], dtype=dtype, name=f"{name}_maps")(h)
        return layers.Add(dtype=dtype, name=name)([x, h])

    inputs = keras.Input(input_shape, name="noisy")
    x = layers.Rescaling(2.0, offset=-1.0, dtype=dtype, name="center")(inputs)
    x = layers.Conv2D(filters, name="windows", **windows)(x)
    for index in range(1, num_blocks + 1):
        x = local_block(x, f"encoder_near_{index}")
        x = global_block(x, f"encoder_all_{index}")
    encoder = keras.Model(inputs, x, name="encoder")

    x = codes = keras.Input(encoder.output_shape[1:], name="code")
    for index in range(1, num_blocks + 1):
        x = global_block(x, f"decoder_all_{index}")
        x = local_block(x, f"decoder_near_{index}")
    x = layers.Conv2DTranspose(
        input_shape[-1], activation="sigmoid", name="clean", **windows
    )(normalize_relu(x, "clean"))
    decoder = keras.Model(codes, x, name="decoder")
    return Autoencoder(encoder, decoder, dtype=dtype, name=name)
