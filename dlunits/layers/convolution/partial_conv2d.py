"""Convolution whose maps see only some of the input's maps."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class PartialConv2D(keras.layers.Layer):
    """Convolves each output map with its own choice of input maps.

    Use it to force output maps to look for different things (they see
    different inputs) and to save weights. Grouped convolution is the special
    case of a block-diagonal table, for which `keras.layers.Conv2D(groups=)`
    is faster.

        y_o = f(b_o + sum over i in connections[o] of x_i * k_io)

    `x_i` is input map `i`, `k_io` one two-dimensional kernel, `*` the
    convolution without padding, `f` the activation. Only connected pairs
    have a kernel: kernel_size^2 weights each, and one bias an output map.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", section II.B, layer C3 and table I,
    http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf.

    Args:
        connections: For each output map, the sequence of input maps it sees,
            such as `[(0, 1), (1, 2)]` for two output maps of three inputs.
        kernel_size: Integer or pair, height and width of the kernels.
        activation: The function `f`.
        kernel_initializer: Initializer of all kernels.
        bias_initializer: Initializer of `b`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height - kernel_height + 1,
    width - kernel_width + 1, len(connections))`.

    Raises:
        ValueError: If an output map sees nothing or the same input twice, or
            the input has no such map.

    Example:

    >>> layer = PartialConv2D([(0,), (0, 1)], 1, kernel_initializer="ones")
    >>> pixel = ops.reshape(ops.array([3.0, 5.0]), (1, 1, 1, 2))
    >>> [float(y) for y in layer(pixel)[0, 0, 0]]  # 3 and 3 + 5
    [3.0, 8.0]
    """

    def __init__(
        self,
        connections,
        kernel_size,
        activation=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.connections = tuple(tuple(seen) for seen in connections)
        if not self.connections or any(
            not seen or min(seen) < 0 or len(set(seen)) < len(seen)
            for seen in self.connections
        ):
            raise ValueError(
                "`connections` must name, for each output map, at least one "
                "input map, each once, counted from 0. "
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
        self.strides = (1, 1)  # read by the layer table
        self.padding = "valid"
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        self.placement = connection_placement(self.connections, input_shape[-1])
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

    def call(self, inputs):
        kernel = full_kernel(self.kernel, self.placement, len(self.connections))
        maps = ops.conv(
            inputs, kernel, padding="valid", data_format="channels_last"
        )
        return self.activation(maps + self.bias)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (
            batch,
            height and height - self.kernel_size[0] + 1,
            width and width - self.kernel_size[1] + 1,
            len(self.connections),
        )

    def get_config(self):
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


def connection_placement(connections, num_inputs):
    """One-hot rows (connection, num_inputs * num_outputs): where each goes."""
    highest = max(max(seen) for seen in connections)
    if highest >= num_inputs:
        raise ValueError(
            f"`connections` names input map {highest}, so the input must have "
            f"at least {highest + 1} maps. Received: {num_inputs} maps"
        )
    places = [
        seen_input * len(connections) + output
        for output, seen in enumerate(connections)
        for seen_input in seen
    ]
    return np.eye(num_inputs * len(connections), dtype="float32")[places]


def full_kernel(kernel, placement, num_outputs):
    """(height, width, connection) -> (height, width, input, output)"""
    placement = ops.convert_to_tensor(placement, dtype=kernel.dtype)
    spread = ops.matmul(kernel, placement)
    return ops.reshape(spread, (*kernel.shape[:2], -1, num_outputs))
