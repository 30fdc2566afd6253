"""Weight sharing: weights and connections of the layers of a model."""

import math
from typing import Any

import keras
import numpy as np

from dlunits.diagnostics.convolution_arithmetic import (
    is_transposed,
    num_parameters,
    padding_sizes,
    per_axis,
    slides_window,
    spatial_shape,
    window_shape,
)


def weight_sharing(model: keras.Model) -> list[dict[str, Any]]:
    """Weight sharing: connections and connections per weight of each layer.

    A connection joins an input of a layer, or its constant 1 for the bias, to
    an output. A convolution uses the same kernel at all positions:

        connections = sum over channels, taps and positions inside the input
                      + outputs, if there is a bias
        connections per weight = connections / weights
        dense weights = inputs * outputs + outputs, if there is a bias

    The dense weights are those of the fully connected layer between the same
    inputs and outputs. Taps on zero padding are not counted as connections.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to document
    recognition", section II.B, which counts the weights and the connections of
    LeNet-5, http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf.

    Args:
        model: Functional model, or built `Sequential` model.

    Returns:
        List of dicts, one for each layer with weights: `layer` (its name),
        `type`, `inputs` and `outputs` (numbers per example), `weights` (with
        biases), `connections`, `connections_per_weight` and `dense_weights`.
        The last three are `None` for layers that are neither dense nor
        convolutions with one kernel, and for unknown shapes, for which
        `inputs` and `outputs` are `None`, too.

    Example, layer C1 of LeNet-5:

    >>> c1 = keras.layers.Conv2D(6, 5, name="c1")
    >>> model = keras.Sequential([keras.Input((32, 32, 1)), c1])
    >>> [row] = weight_sharing(model)
    >>> row["weights"], row["connections"]  # 6 * 26 and 28 * 28 * 6 * 26
    (156, 122304)
    >>> row["dense_weights"]  # 1024 * 4704 + 4704
    4821600
    """
    return [layer_row(layer) for layer in model.layers if layer.weights]


def layer_row(layer: keras.layers.Layer) -> dict[str, Any]:
    """Row of `weight_sharing`."""
    weights = num_parameters(layer.weights)
    inputs, outputs = num_elements(layer.input), num_elements(layer.output)
    row = {
        "layer": layer.name,
        "type": type(layer).__name__,
        "inputs": inputs,
        "outputs": outputs,
        "weights": weights,
        "connections": None,
        "connections_per_weight": None,
        "dense_weights": None,
    }
    kernel_uses = num_kernel_uses(layer)
    if inputs is None or outputs is None or kernel_uses is None:
        return row
    biases = outputs if getattr(layer, "bias", None) is not None else 0
    connections = kernel_uses + biases
    return {
        **row,
        "connections": connections,
        "connections_per_weight": connections / weights,
        "dense_weights": inputs * outputs + biases,
    }


def num_elements(tensors: Any) -> int | None:
    """Number of elements per example; `None` if a size is unknown."""
    shapes = [tensor.shape[1:] for tensor in keras.tree.flatten(tensors)]
    if any(None in shape for shape in shapes):
        return None
    return sum(math.prod(shape) for shape in shapes)


def num_kernel_uses(layer: keras.layers.Layer) -> int | None:
    """Connections without those of biases; `None` for other layers."""
    kernel = getattr(layer, "kernel", None)
    if kernel is None or hasattr(layer, "recurrent_kernel"):
        return None
    if isinstance(layer, keras.layers.Dense):
        positions = layer.output.shape[1:-1]
        if None in positions:
            return None
        return math.prod(positions) * math.prod(kernel.shape)
    if not slides_window(layer):
        return None
    num_axes = len(window_shape(layer))
    sizes, outputs = (
        [size for size in spatial_shape(layer, shape) if size is not None]
        for shape in (layer.input.shape, layer.output.shape)
    )
    if len(sizes) + len(outputs) < 2 * num_axes:
        return None
    # Kernel elements that belong to a tap: pairs of input and output maps.
    pairs = math.prod(kernel.shape) // math.prod(window_shape(layer))
    return pairs * math.prod(
        taps_inside(layer, *axis)
        for axis in zip(
            sizes,
            outputs,
            window_shape(layer),
            per_axis(layer.strides, num_axes),
            per_axis(getattr(layer, "dilation_rate", 1), num_axes),
            strict=True,
        )
    )


def taps_inside(
    layer: keras.layers.Layer,
    size: int,
    output_size: int,
    kernel_size: int,
    strides: int,
    dilation_rate: int,
) -> int:
    """Pairs of positions and taps along an axis that are not on padding."""
    k = dilation_rate * (kernel_size - 1) + 1
    if is_transposed(layer):
        # The transposed convolution from the input to the output is the
        # convolution from the output to the input, with the same taps.
        size, output_size = output_size, size
        before = max(0, (output_size - 1) * strides + k - size) // 2
    else:
        before, _ = padding_sizes(size, k, strides, layer.padding)
    starts = np.arange(output_size) * strides - before
    taps = np.add.outer(starts, np.arange(kernel_size) * dilation_rate)
    return int(np.count_nonzero((taps >= 0) & (taps < size)))
