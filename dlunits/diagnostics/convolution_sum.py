"""One output of a convolution as the sum of its products."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from dlunits.diagnostics.convolution_arithmetic import (
    has_window,
    padding_sizes,
    per_axis,
)
from dlunits.typing import Array, ArrayLike


@dataclasses.dataclass(frozen=True, eq=False)
class ConvolutionSum:
    """Terms of one output of a convolution.

    Args:
        patch: Inputs that the kernel covers, 0 on padding: `(kernel sizes ...,
            channels)`, the channels of one group.
        kernel: Weights of the filter, of the same shape.
        bias: Bias of the filter, 0 without one.
        output: Output of the layer in Keras, after its activation.
        activation: Activation function of the layer.

    Example:

    >>> patch, kernel = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    >>> terms = ConvolutionSum(patch, kernel, 0.5, 11.5, keras.ops.relu)
    >>> terms.channel_sums.tolist(), terms.result  # 3, 8, and 3 + 8 + 0.5
    ([3.0, 8.0], 11.5)
    """

    patch: Array
    kernel: Array
    bias: float
    output: float
    activation: Any

    @property
    def products(self) -> Array:
        """Products of inputs and weights, in double precision."""
        return self.patch.astype("float64") * self.kernel

    @property
    def channel_sums(self) -> Array:
        """Sum of the products of each channel."""
        return self.products.sum(axis=tuple(range(self.products.ndim - 1)))

    @property
    def preactivation(self) -> float:
        """Sum of all products, plus the bias."""
        return float(self.products.sum()) + self.bias

    @property
    def result(self) -> float:
        """Activation of the sum."""
        tensor = keras.ops.convert_to_tensor([self.preactivation], "float32")
        return float(keras.ops.convert_to_numpy(self.activation(tensor))[0])


def convolution_sum(
    layer: keras.layers.Layer,
    inputs: ArrayLike,
    position: Sequence[int],
    filter_index: int = 0,
) -> ConvolutionSum:
    """One output of a convolution as the sum of its products.

        y[i, f] = g(b[f] + sum over j, c of x[s i + d j - p, c] w[j, c, f])

    `x` is the input, `w` the kernel and `y` the output. `i` is the position and
    `j` the kernel element, one number per spatial axis; `c` is the channel of
    the input, `f` the filter, `s` the stride, `d` the dilation, `p` the padding
    at the start, `b` the bias and `g` the activation. Keras does not flip the
    kernel.

    Reference: Dumoulin and Visin, 2016, "A guide to convolution arithmetic
    for deep learning", https://arxiv.org/abs/1603.07285, section 1.1.

    Args:
        layer: Built `keras.layers.Conv1D`, `Conv2D` or `Conv3D`, channels
            last.
        inputs: Array `(spatial axes ..., channels)`, the input of the layer
            without the batch axis.
        position: Integers, position of the output along each spatial axis.
        filter_index: Integer, index of the filter.

    Returns:
        `ConvolutionSum`.

    Raises:
        ValueError: If the layer is of another type, or there is no such
            output.

    Example:

    >>> layer = keras.layers.Conv1D(1, 2, kernel_initializer="ones")
    >>> layer.build((None, 3, 1))
    >>> terms = convolution_sum(layer, [[1.0], [2.0], [4.0]], position=[1])
    >>> terms.products.ravel().tolist(), terms.output  # 2 * 1 + 4 * 1
    ([2.0, 4.0], 6.0)
    """
    if not (
        has_window(layer)
        and layer.built
        and hasattr(layer, "groups")
        and layer.data_format == "channels_last"
    ):
        raise ValueError(
            "`layer` must be a built Conv1D, Conv2D or Conv3D with channels "
            f"last. Received: {type(layer).__name__} {layer.name!r}"
        )
    x = np.asarray(inputs, "float32")
    outputs = keras.ops.convert_to_numpy(layer(x[None]))[0]
    place = (*position, filter_index)
    if len(place) != outputs.ndim or not all(
        0 <= index < size
        for index, size in zip(place, outputs.shape, strict=True)
    ):
        raise ValueError(
            "`position` and `filter_index` must be those of an output of shape "
            f"{outputs.shape}. Received: {tuple(position)} and {filter_index}"
        )
    kernel = keras.ops.convert_to_numpy(layer.kernel)[..., filter_index]
    group = filter_index // (layer.filters // layer.groups)
    channels = np.arange(kernel.shape[-1]) + group * kernel.shape[-1]
    patch = x[..., channels]
    num_axes = len(layer.kernel_size)
    for axis, (size, index, taps, strides, dilation) in enumerate(
        zip(
            x.shape[:-1],
            position,
            layer.kernel_size,
            per_axis(layer.strides, num_axes),
            per_axis(layer.dilation_rate, num_axes),
            strict=True,
        )
    ):
        k = dilation * (taps - 1) + 1
        before, _ = padding_sizes(size, k, strides, layer.padding)
        rows = index * strides - before + dilation * np.arange(taps)
        inside = (rows >= 0) & (rows < size)
        patch = np.take(patch, np.clip(rows, 0, size - 1), axis)
        shape = [-1 if a == axis else 1 for a in range(patch.ndim)]
        patch = patch * inside.reshape(shape)
    bias = 0.0
    if layer.bias is not None:
        bias = float(keras.ops.convert_to_numpy(layer.bias)[filter_index])
    return ConvolutionSum(
        patch, kernel, bias, float(outputs[place]), layer.activation
    )
