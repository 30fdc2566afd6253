"""Outputs of the convolutions of a model, written as sums of products."""

import dataclasses
from typing import Any

import keras
import numpy as np

from dlunits.diagnostics import ConvolutionSum, convolution_sum
from dlunits.tasks.lab.convolution.arithmetic import all_layers
from dlunits.typing import Array

CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)


@dataclasses.dataclass(frozen=True, eq=False)
class LayerSum:
    """Sum of one output of a layer.

    Args:
        layer: Layer.
        position: Position of the output, from 0.
        filter_index: Filter of the output, from 0.
        terms: Terms of the sum.
        inputs: Input of the layer without the batch axis.
    """

    layer: keras.layers.Layer
    position: tuple[int, ...]
    filter_index: int
    terms: ConvolutionSum
    inputs: Array

    @property
    def place(self) -> str:
        """Name of the output with its indices, such as `y[3, 4, 0]`."""
        return f"y[{', '.join(map(str, (*self.position, self.filter_index)))}]"

    @property
    def difference(self) -> float:
        """Absolute difference between the sum and the output of Keras."""
        return abs(self.terms.result - self.terms.output)

    @property
    def activation(self) -> str:
        """Name of the activation function."""
        return getattr(self.layer.activation, "__name__", "activation")

    def rows(self) -> list[dict[str, Any]]:
        """Rows of a CSV file, one for each product."""
        return [
            {
                "layer": self.layer.name,
                "output": self.place,
                "tap": " ".join(map(str, tap)),
                "channel": channel,
                "input": float(self.terms.patch[(*tap, channel)]),
                "weight": float(self.terms.kernel[(*tap, channel)]),
                "product": float(product),
            }
            for (*tap, channel), product in np.ndenumerate(self.terms.products)
        ]

    def equation(self) -> str:
        """Sum with all its numbers, one line for each row of the kernel."""
        lines = [f"{self.place} = {self.activation}("]
        products = np.moveaxis(self.terms.products, -1, 0)
        patch = np.moveaxis(self.terms.patch, -1, 0)
        kernel = np.moveaxis(self.terms.kernel, -1, 0)
        for channel in range(len(products)):
            lines.append(f"    # channel {channel}")
            for row in np.ndindex(products.shape[1:-1]):
                pairs = zip(
                    patch[(channel, *row)], kernel[(channel, *row)], strict=True
                )
                terms = " + ".join(f"{x:.4f}*({w:.4f})" for x, w in pairs)
                lines.append(f"    + {terms}")
        return "\n".join(
            [
                *lines,
                f"    + {self.terms.bias:.4f}  # bias",
                f") = {self.activation}({self.terms.preactivation:.6f})",
                f"  = {self.terms.result:.8f}",
                f"Keras: {self.terms.output:.8f}",
            ]
        )


def layer_sums(model: keras.Model, example: Array) -> list[LayerSum]:
    """Sum of one output of each of two convolutions of a model.

    The layers are the first convolution, and the first one with several input
    channels. The output is the one with the largest absolute value.

    Args:
        model: Functional or built `Sequential` model.
        example: Input of the model without the batch axis.

    Returns:
        List of up to two `LayerSum`; empty for a model without convolutions.
    """
    found = [
        layer
        for layer in all_layers(model)
        if isinstance(layer, CONVOLUTIONS)
        and layer.data_format == "channels_last"
        and layer in model.layers
    ]
    several = [layer for layer in found if layer.kernel.shape[-2] > 1]
    return [
        layer_sum(model, layer, example)
        for layer in dict.fromkeys([*found[:1], *several[:1]])
    ]


def layer_sum(
    model: keras.Model, layer: keras.layers.Layer, example: Array
) -> LayerSum:
    """Sum of the output of a layer with the largest absolute value."""
    extractor = keras.Model(model.inputs, [layer.input, layer.output])
    inputs, outputs = (
        keras.ops.convert_to_numpy(tensor)[0]
        for tensor in extractor([example[None]], training=False)
    )
    *position, filter_index = map(
        int, np.unravel_index(np.abs(outputs).argmax(), outputs.shape)
    )
    terms = convolution_sum(layer, inputs, position, filter_index)
    return LayerSum(layer, tuple(position), filter_index, terms, inputs)
