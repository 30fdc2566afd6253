"""Convolutional autoencoder for images."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from dlunits.diagnostics.convolution_arithmetic import padding_sizes
from dlunits.layers import TiedConv2DTranspose, TiedDense
from dlunits.models.autoencoders.autoencoder import Autoencoder
from dlunits.typing import Tensor


def convolutional_autoencoder(
    input_shape: tuple[int, int, int],
    latent_dim: int | None = None,
    filters: Sequence[int] = (32, 64),
    *,
    kernel_size: int = 3,
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
    """Builds an autoencoder of strided convolutions with a mirrored decoder.

    Each stage of the encoder is a convolution of stride 2, each stage of the
    decoder its transpose. The transpose of a stage with an odd height or width
    returns one pixel more, which is cropped. With `latent_dim`, encoder and
    decoder have a dense layer, and the code is a vector; without it the code is
    the last feature map.

        28x28x1 -> 14x14x32 -> 7x7x64 -> code -> 7x7x64 -> 14x14x32 -> 28x28x1

    Args:
        input_shape: `(height, width, channels)` of one image.
        latent_dim: Positive integer, size of the code; `None` for the feature
            map as the code.
        filters: Tuple of integers, channels of the encoder's stages.
        kernel_size: Integer of at least 2, side of the kernels in pixels.
        activation: Activation of the stages except the code.
        code_activation: Activation of the code.
        output_activation: Activation of the reconstruction, such as
            `"sigmoid"` for pixels in [0, 1].
        tied: Boolean, whether the decoder's kernels are those of the encoder
            (`dlunits.layers.TiedConv2DTranspose`, `TiedDense`).
        dropout: Number in [0, 1), spatial dropout rate after every stage
            except the output.
        l2: Number, factor of the sum of squares of the kernels in the loss.
        activity_regularizer: Regularizer of the code.
        dtype: Dtype policy of all layers; `None` for Keras' global policy.
        name: Name of the model.

    Returns:
        `dlunits.models.Autoencoder`. The layers of the encoder are named
        `encoder_1`, ..., `code`, those of the decoder `decoder_1`, ...,
        `reconstruction`.

    Raises:
        ValueError: If `input_shape` does not have three positive sizes, a
            size is not positive, or `dropout` or `l2` is out of range.

    Example, 7 = ceil(ceil(25 / 2) / 2):

    >>> model = convolutional_autoencoder((25, 28, 1), filters=(8, 4))
    >>> model.encoder.output_shape, model.output_shape
    ((None, 7, 7, 4), (None, 25, 28, 1))

    Weights and biases of 4x4x1 -> 2x2x2 -> 4x4x1 with kernels of 3x3:

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
            "Every size must be at least 1, and `filters` must not be empty. "
            f"Received: {filters=}, {latent_dim=}"
        )
    if kernel_size < 2:
        raise ValueError(
            "`kernel_size` must be at least 2: the stride is 2. "
            f"Received: {kernel_size=}"
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

    def apply_dropout(x: Tensor) -> Tensor:
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
        x = apply_dropout(stages[-1](x))
    smallest = x.shape[1:]
    if latent_dim is not None:
        x = layers.Flatten(name="flatten", **maps)(x)
        to_code = layers.Dense(latent_dim, **weights, **code)
        x = to_code(x)
    encoder = keras.Model(inputs, x, name="encoder")

    codes = keras.Input(encoder.output_shape[1:], name="code_input")
    x = codes
    if latent_dim is not None:
        options = {"activation": activation, "name": "unfold"}
        if tied:
            from_code = TiedDense(to_code, dtype=dtype, **options)
        else:
            from_code = layers.Dense(math.prod(smallest), **weights, **options)
        x = from_code(x)
        x = layers.Reshape(smallest, dtype=dtype, name="reshape")(x)
        x = apply_dropout(x)
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
            cropping = [cropping_of(n, kernel_size) for n in (height, width)]
            x = layers.Cropping2D(cropping, **maps)(x)
        x = x if last else apply_dropout(x)
    decoder = keras.Model(codes, x, name="decoder")
    return Autoencoder(encoder, decoder, dtype=dtype, name=name)


def cropping_of(
    size: int, kernel_size: int, stride: int = 2
) -> tuple[int, int]:
    """Computes the pixels to crop from a transposed convolution.

    A convolution with padding "same" of `size` pixels and its transpose return
    `stride * ceil(size / stride)` pixels. The crop aligns them with the
    inputs: it is the difference of the padding of both sizes.

    Returns:
        `(before, after)`, pixels to crop at both ends.

    Example:

    >>> cropping_of(25, 3), cropping_of(25, 2), cropping_of(8, 3)
    ((1, 0), (0, 1), (0, 0))
    """
    full = stride * math.ceil(size / stride)
    padding, _ = padding_sizes(size, kernel_size, stride, "same")
    full_padding, _ = padding_sizes(full, kernel_size, stride, "same")
    before = padding - full_padding
    return before, full - size - before
