"""Convolution with a connection table, as in layer C3 of LeNet-5."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import Array, Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class PartialConv2D(keras.layers.Layer):
    """2D convolution with a connection table from input maps to output maps.

    Each output map is connected to some input maps only. Use it to reduce the
    number of weights, and to make output maps extract different features from
    different inputs. Grouped convolution is the special case of a
    block-diagonal connection table, for which `keras.layers.Conv2D(groups=...)`
    is faster. (It is not the partial convolution of image inpainting, which
    masks pixels.)

        y_o = f(b_o + sum over i in connections[o] of x_i * k_io)

    `x_i` is input map `i`, `k_io` a two-dimensional kernel, `*` the
    convolution without padding, `b_o` the bias of output map `o` and `f` the
    activation. There are kernel_size^2 weights per connection.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", section II.B, layer C3 and table I,
    http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf.

    Args:
        connections: Sequence with the input maps of each output map, such as
            `[(0, 1), (1, 2)]` for two output maps and three input maps.
        kernel_size: Integer or pair, height and width of the kernels.
        activation: Activation `f`.
        kernel_initializer: Initializer of all kernels.
        bias_initializer: Initializer of `b`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height - kernel_height + 1,
        width - kernel_width + 1, len(connections))`.

    Raises:
        ValueError: If an output map has no input map or the same one twice,
            or if the input has too few maps.

    Example:

    >>> layer = PartialConv2D([(0,), (0, 1)], 1, kernel_initializer="ones")
    >>> pixel = ops.reshape(ops.array([3.0, 5.0]), (1, 1, 1, 2))
    >>> [float(y) for y in layer(pixel)[0, 0, 0]]  # 3 and 3 + 5
    [3.0, 8.0]
    """

    def __init__(
        self,
        connections: Sequence[Sequence[int]],
        kernel_size: int | Sequence[int],
        activation: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.connections = tuple(tuple(inputs) for inputs in connections)
        if not self.connections or any(
            not inputs or min(inputs) < 0 or len(set(inputs)) < len(inputs)
            for inputs in self.connections
        ):
            raise ValueError(
                "`connections` must list at least one input map for each "
                "output map, each once, counted from 0. "
                f"Received: {connections=}"
            )
        pair = (
            (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
        )
        if len(pair) != 2 or min(pair) < 1:
            raise ValueError(
                "`kernel_size` must be a positive integer or a pair of them. "
                f"Received: {kernel_size=}"
            )
        self.kernel_size = tuple(pair)
        # `dlunits.diagnostics.layer_table` reads `strides` and `padding`.
        self.strides = (1, 1)
        self.padding = "valid"
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Shape) -> None:
        *_, channels = input_shape
        self.placement = connection_placement(
            self.connections,
            channels,  # type: ignore[arg-type]
        )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, len(self.placement)),
            initializer=self.kernel_initializer,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(len(self.connections),),
            initializer=self.bias_initializer,
        )

    def call(self, inputs: Tensor) -> Tensor:
        kernel = dense_kernel(
            self.kernel, self.placement, len(self.connections)
        )
        maps = ops.conv(
            inputs, kernel, padding="valid", data_format="channels_last"
        )
        return self.activation(maps + self.bias)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        return (
            batch,
            height and height - self.kernel_size[0] + 1,
            width and width - self.kernel_size[1] + 1,
            len(self.connections),
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "connections": self.connections,
            "kernel_size": self.kernel_size,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "bias_initializer": keras.initializers.serialize(
                self.bias_initializer
            ),
        }


def connection_placement(
    connections: Sequence[Sequence[int]], num_inputs: int
) -> Array:
    """One-hot matrix that places each connection in a dense kernel.

    Returns:
        Array `(connections, num_inputs * num_outputs)`.
    """
    largest = max(max(inputs) for inputs in connections)
    if largest >= num_inputs:
        raise ValueError(
            f"`connections` contains input map {largest}, so the input must "
            f"have at least {largest + 1} maps. Received: {num_inputs} maps"
        )
    places = [
        input_map * len(connections) + output_map
        for output_map, inputs in enumerate(connections)
        for input_map in inputs
    ]
    return np.eye(num_inputs * len(connections), dtype="float32")[places]


def dense_kernel(kernel: Tensor, placement: Array, num_outputs: int) -> Tensor:
    """`(height, width, connections)` -> `(height, width, inputs, outputs)`."""
    placement = ops.convert_to_tensor(placement, dtype=kernel.dtype)
    flat = ops.matmul(kernel, placement)
    return ops.reshape(flat, (*kernel.shape[:2], -1, num_outputs))
