"""Transposed convolution with the kernel of a convolution."""

from typing import Any

import keras
from keras import ops

from dlunits.layers.tied.tied_kernel import TiedKernel
from dlunits.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class TiedConv2DTranspose(TiedKernel):
    """Transposed convolution whose kernel is that of a convolution.

    Use it as the decoder of a convolutional autoencoder with tied weights. It
    halves the number of weights. A convolution multiplies its input by a
    sparse matrix `W`; this layer multiplies by its transpose.

        y = f(W^T h + c),    <W x, h> = <x, W^T h>

    `x` is an input of the convolution, `<.,.>` the scalar product, `h` the
    input and `c` the bias of this layer, one value per channel, and `f` the
    activation. Strides, padding and data format are those of `tied_to`. The
    result is that of `keras.layers.Conv2DTranspose` with the same kernel. If
    the strides do not divide the input size of the convolution, the output is
    larger than that input and must be cropped. With padding "same" and strides
    of 2, an odd size gets one row or column too many: the first one if the
    kernel size is odd, the last one if it is even.

    Reference: Dumoulin and Visin, 2016, "A guide to convolution arithmetic
    for deep learning", chapter 4, https://arxiv.org/abs/1603.07285.

    Args:
        tied_to: Built `keras.layers.Conv2D` layer with `groups=1`.
        activation: Activation `f`.
        use_bias: Whether to add the bias `c`.
        bias_initializer: Initializer of `c`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor.

    Input shape: `(batch, height, width, filters of tied_to)`, or channels
        first if `tied_to` has channels first.

    Output shape: `(batch, strides * height, strides * width, input channels
        of tied_to)` with padding "same". With "valid", height and width also
        grow by max(kernel size - strides, 0).

    Raises:
        ValueError: If `tied_to` is not a built convolution or has groups, or
            if the input does not have as many channels as `tied_to` has
            filters.

    Example, a kernel of 2x2 that adds up four pixels:

    >>> encoder = keras.layers.Conv2D(
    ...     1, 2, strides=2, kernel_initializer="ones"
    ... )
    >>> x = ops.reshape(ops.arange(4.0), (1, 2, 2, 1))
    >>> code = encoder(x)  # 0 + 1 + 2 + 3
    >>> y = TiedConv2DTranspose(encoder)(code)
    >>> ops.convert_to_numpy(y)[0, :, :, 0].tolist()
    [[6.0, 6.0], [6.0, 6.0]]
    """

    tied_layer_class = keras.layers.Conv2D

    def __init__(self, tied_to: keras.layers.Conv2D, *args: Any, **kwargs: Any):
        super().__init__(tied_to, *args, **kwargs)
        if tied_to.groups != 1:
            raise ValueError(
                "A transposed convolution has no groups: tie it to a "
                f"convolution with groups=1. Received: {tied_to.name!r} with "
                f"groups={tied_to.groups}"
            )

    @property
    def channel_axis(self) -> int:
        """Axis of the channels, -1 or 1."""
        return -1 if self.tied_to.data_format == "channels_last" else 1

    def call(self, inputs: Tensor) -> Tensor:
        outputs = ops.conv_transpose(
            inputs,
            self.kernel,
            strides=self.tied_to.strides,
            padding=self.tied_to.padding,
            data_format=self.tied_to.data_format,
            dilation_rate=self.tied_to.dilation_rate,
        )
        if self.bias is not None:
            bias = self.bias
            if self.channel_axis == 1:
                bias = ops.reshape(bias, (-1, 1, 1))
            outputs = outputs + bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        layer = self.tied_to
        batch, *sizes = input_shape
        del sizes[self.channel_axis - (self.channel_axis > 0)]
        output_sizes = map(
            conv_transpose_size,
            sizes,
            layer.kernel_size,
            layer.strides,
            layer.dilation_rate,
            [layer.padding] * 2,
        )
        channels = layer.kernel.shape[2]
        if self.channel_axis == 1:
            return (batch, channels, *output_sizes)
        return (batch, *output_sizes, channels)


def conv_transpose_size(
    size: int | None,
    kernel_size: int,
    stride: int,
    dilation_rate: int,
    padding: str,
) -> int | None:
    """Output size of a transposed convolution along one axis."""
    if size is None:
        return None
    reach = (kernel_size - 1) * dilation_rate + 1
    return size * stride + (max(reach - stride, 0) if padding == "valid" else 0)
