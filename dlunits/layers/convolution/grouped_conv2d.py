"""Grouped 2D convolution, computed group by group."""

from typing import Any

import keras
from keras import ops

from dlunits.typing import Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class GroupedConv2D(keras.layers.Conv2D):
    """Grouped 2D convolution, computed as one convolution per group.

    Each group of output channels depends on one group of input channels, as in
    the two halves of AlexNet on its two GPUs. Arguments, weights and results
    are those of `keras.layers.Conv2D`, which on the TensorFlow backend compiles
    grouped convolutions with XLA. On CPUs this takes many times as long as one
    convolution for each group.

        y_g = f(w_g * x_g + b_g)    for each group g of channels

    `x_g`, `w_g`, `b_g` and `y_g` are the inputs, kernel, bias and outputs of
    the group, `*` is the convolution and `f` the activation.

    Reference: Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification
    with deep convolutional neural networks", section 3.2,
    https://papers.nips.cc/paper/4824.

    Args:
        filters: Integer, number of output channels, a multiple of `groups`.
        kernel_size: Integer or pair, height and width of the kernel.
        groups: Positive integer, number of groups.
        **kwargs: Arguments of `keras.layers.Conv2D`.

    Call arguments:
        inputs: Tensor.

    Input shape: `(batch, height, width, channels)`, channels a multiple of
    `groups`; or `(batch, channels, height, width)` with
    `data_format="channels_first"`.

    Output shape: `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: If the channels cannot be divided into the groups.

    Example: two groups have half the weights of one.

    >>> x = ops.ones((1, 4, 4, 2))
    >>> for groups in 1, 2:
    ...     layer = GroupedConv2D(6, 3, groups=groups, use_bias=False)
    ...     print(layer(x).shape[-1], layer.count_params())
    6 108
    6 54
    """

    def __init__(
        self, filters: int, kernel_size: Any, groups: int = 2, **kwargs: Any
    ):
        super().__init__(filters, kernel_size, groups=groups, **kwargs)

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolves each group of channels with its part of the kernel."""
        axis = -1 if self.data_format == "channels_last" else 1
        convolve = super().convolution_op
        maps = [
            convolve(group, part)
            for group, part in zip(
                ops.split(inputs, self.groups, axis=axis),
                ops.split(kernel, self.groups, axis=-1),
                strict=True,
            )
        ]
        return ops.concatenate(maps, axis=axis)
