"""A transposed convolution that shares its kernel with a convolution."""

import keras
from keras import ops

from dlunits.layers.tied.tied_kernel import TiedKernel


@keras.saving.register_keras_serializable(package="dlunits")
class TiedConv2DTranspose(TiedKernel):
    """Runs a convolution backwards, with that layer's kernel.

    Use it as the decoder of a convolutional autoencoder: it halves the
    weights. A convolution is a matrix `W` that few numbers fill; this layer
    multiplies by its transpose.

        y = f(W^T h + c),    <W x, h> = <x, W^T h>

    The kernel is one variable in both layers, and the strides, the padding
    and the data format are the convolution's; `c` is a bias of its own, one a
    channel, `f` the activation. It is Keras' `Conv2DTranspose` with that
    kernel. Where strides do not divide a side, the result is larger than what
    the convolution took: crop it. With padding "same" and strides of 2 the
    first row or column of an odd side is too many if the window is odd, the
    last one if it is even.

    Reference: Dumoulin and Visin, 2016, "A guide to convolution arithmetic
    for deep learning", chapter 4, https://arxiv.org/abs/1603.07285.

    Args:
        tied_to: Built `keras.layers.Conv2D` layer without groups.
        activation: The activation `f`.
        use_bias: Boolean, whether there is a `c`.
        bias_initializer: Initializer of `c`.

    Input shape: `(batch, rows, columns, filters of tied_to)`, or channels
        first if `tied_to` has them first.

    Output shape: `(batch, strides * rows, strides * columns, channels that
        tied_to takes)` with padding "same"; with "valid", sides grow by what
        a window is larger than a stride besides.

    Raises:
        ValueError: If `tied_to` is not a built convolution, it has groups, or
            the input does not have as many channels as it has filters.

    Example, a window of 2x2 that adds up four pixels:

    >>> encode = keras.layers.Conv2D(
    ...     1, 2, strides=2, kernel_initializer="ones")
    >>> code = encode(ops.reshape(ops.arange(4.0), (1, 2, 2, 1)))  # 0 + ... + 3
    >>> image = TiedConv2DTranspose(encode)(code)
    >>> ops.convert_to_numpy(image)[0, :, :, 0].tolist()
    [[6.0, 6.0], [6.0, 6.0]]
    """

    kind = keras.layers.Conv2D

    def __init__(self, tied_to, *args, **kwargs):
        super().__init__(tied_to, *args, **kwargs)
        if tied_to.groups != 1:
            raise ValueError(
                "A transposed convolution has no groups: tie it to a "
                f"convolution with groups=1. Received: {tied_to.name!r} with "
                f"groups={tied_to.groups}"
            )

    @property
    def features_axis(self):
        return -1 if self.tied_to.data_format == "channels_last" else 1

    def call(self, inputs):
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
            if self.features_axis == 1:
                bias = ops.reshape(bias, (-1, 1, 1))
            outputs = outputs + bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        layer = self.tied_to
        batch, *sides = input_shape
        del sides[self.features_axis - (self.features_axis > 0)]
        sides = map(
            transposed_side,
            sides,
            layer.kernel_size,
            layer.strides,
            layer.dilation_rate,
            [layer.padding] * 2,
        )
        channels = layer.kernel.shape[2]
        if self.features_axis == 1:
            return (batch, channels, *sides)
        return (batch, *sides, channels)


def transposed_side(side, window, stride, dilation, padding):
    """Pixels of a side after the transposed convolution."""
    if side is None:
        return None
    reach = (window - 1) * dilation + 1
    return side * stride + (max(reach - stride, 0) if padding == "valid" else 0)
