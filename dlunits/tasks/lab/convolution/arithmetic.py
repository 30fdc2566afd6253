"""Output sizes of layers, computed by the equation and by Keras."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

from dlunits.diagnostics.convolution_arithmetic import (
    output_size_equation,
    slides_window,
    window_shape,
)


def example_layers() -> list[tuple[keras.layers.Layer, tuple[int, ...]]]:
    """Example layers of one to three dimensions with various arguments.

    Returns:
        Pairs of a layer and the shape of its input without the batch axis.
    """
    return [
        (layers.Conv1D(4, 5, name="conv1d"), (28, 8)),
        (
            layers.Conv1D(
                4, 3, padding="causal", dilation_rate=4, name="conv1d_causal"
            ),
            (28, 8),
        ),
        (layers.MaxPooling1D(3, 2, name="pool1d_overlapping"), (28, 8)),
        (layers.Conv2D(6, 5, name="conv2d"), (28, 28, 1)),
        (
            layers.Conv2D(6, 5, padding="same", name="conv2d_same"),
            (28, 28, 1),
        ),
        (
            layers.Conv2D(6, 4, 3, "same", name="conv2d_same_stride"),
            (28, 28, 1),
        ),
        (
            layers.Conv2D(6, 3, dilation_rate=(2, 4), name="conv2d_dilated"),
            (28, 28, 1),
        ),
        (
            layers.DepthwiseConv2D(3, 2, name="conv2d_depthwise"),
            (28, 28, 3),
        ),
        (layers.AveragePooling2D(2, name="pool2d"), (28, 28, 6)),
        (layers.MaxPooling2D(3, 2, "same", name="pool2d_same"), (28, 28, 6)),
        (layers.Conv2DTranspose(3, 5, 2, name="transposed2d"), (14, 14, 6)),
        (
            layers.Conv2DTranspose(3, 5, 2, "same", name="transposed2d_same"),
            (14, 14, 6),
        ),
        (
            layers.Conv3D(4, (3, 5, 5), (1, 2, 2), name="conv3d"),
            (8, 28, 28, 1),
        ),
        (layers.MaxPooling3D((1, 2, 2), name="pool3d"), (8, 28, 28, 4)),
    ]


def all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Layers of a model; a nested model is replaced by its layers."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        else:
            yield layer


def model_arithmetic(model: keras.Model) -> list[dict[str, Any]]:
    """Arithmetic of the output size of each layer of a model.

    Args:
        model: Functional model, or built `Sequential` model. Nested models are
            included.

    Returns:
        List of dicts with the keys `layer`, `type`, `input`, `kernel`,
        `strides`, `padding`, `dilation`, `equation`, `keras` (the output shape)
        and `result`: `"equal"`; `"differs: ..."`; or, for layers without
        kernel or window, `"no window"`.

    Example:

    >>> conv = layers.Conv2D(6, 5, name="c1")
    >>> model = keras.Sequential([keras.Input((32, 32, 1)), conv])
    >>> [row] = model_arithmetic(model)
    >>> row["equation"], row["keras"], row["result"]
    ('floor((32 + 2*0 - 5) / 1) + 1 = 28', (28, 28, 6), 'equal')
    """
    return [
        layer_arithmetic(layer)
        for layer in all_layers(model)
        if not isinstance(layer, layers.InputLayer)
    ]


def layer_arithmetic(layer: keras.layers.Layer) -> dict[str, Any]:
    """Row of `model_arithmetic`."""
    first, *_ = keras.tree.flatten(layer.output)
    row = {
        "layer": layer.name,
        "type": type(layer).__name__,
        "input": shape_text(layer.input),
        "kernel": "",
        "strides": "",
        "padding": "",
        "dilation": "",
        "equation": "",
        "keras": tuple(first.shape[1:]),
        "result": "no window",
    }
    if not slides_window(layer):
        return row
    try:
        equation, result = output_size_equation(layer), "equal"
    except ValueError as error:
        equation, result = "", f"differs: {error}"
    return {
        **row,
        "kernel": text(window_shape(layer)),
        "strides": text(layer.strides),
        "padding": text(layer.padding),
        "dilation": text(getattr(layer, "dilation_rate", 1)),
        "equation": equation,
        "result": result,
    }


def text(value: Any) -> str:
    """Attribute of a layer as text; equal values of all axes become one.

    >>> text((3, 3)), text((1, 2, 2)), text("same")
    ('3', '1, 2, 2', 'same')
    """
    if not isinstance(value, tuple | list):
        return str(value)
    return ", ".join(map(str, value if len(set(value)) > 1 else value[:1]))


def shape_text(tensors: Any) -> Any:
    """Shape of the first tensor without the batch axis."""
    return tuple(keras.tree.flatten(tensors)[0].shape[1:])


def example_arithmetic() -> list[dict[str, Any]]:
    """Arithmetic of `example_layers`, each called on an input of zeros.

    Returns:
        Rows as in `model_arithmetic`. `keras` is the shape of the returned
        output.
    """
    rows = []
    for layer, shape in example_layers():
        inputs = keras.Input(shape)
        model = keras.Model(inputs, layer(inputs))
        outputs = model(np.zeros((1, *shape), "float32"))
        row = layer_arithmetic(layer)
        rows.append({**row, "keras": tuple(outputs.shape[1:])})
    return rows
