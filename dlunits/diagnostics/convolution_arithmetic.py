"""Output sizes of convolution and pooling, and layer tables of models."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from dlunits.typing import Shape


def convolution_output_size(
    size: int,
    kernel_size: int,
    strides: int = 1,
    padding: int | str = 0,
    dilation_rate: int = 1,
) -> int:
    """Output size of a convolution or pooling along one axis.

        output = floor((n + 2 p - k) / s) + 1

    `n` is `size`, `k` the size of the dilated kernel,
    `dilation_rate * (kernel_size - 1) + 1`, `p` the padding on each side and
    `s` the stride. With `"same"` the total padding gives the output size
    `ceil(n / s)`; if it is odd, the end is padded by one more than the start.

    Reference: Dumoulin and Visin, 2016, "A guide to convolution arithmetic
    for deep learning", https://arxiv.org/abs/1603.07285, relationship 6.

    Args:
        size: Positive integer, size of the input.
        kernel_size: Positive integer, size of the kernel or pooling window.
        strides: Positive integer, distance between positions of the kernel.
        padding: Integer of at least 0, padding on each side; or as in Keras
            `"valid"` (0), `"same"`, or `"causal"` (all at the start).
        dilation_rate: Positive integer, distance between kernel elements.

    Returns:
        Positive integer.

    Raises:
        ValueError: If an argument is out of range, or if the kernel is
            larger than the padded input.

    Example, layers C1 and S2 of LeNet-5:

    >>> convolution_output_size(32, kernel_size=5)  # (32 + 0 - 5) / 1 + 1
    28
    >>> convolution_output_size(28, kernel_size=2, strides=2)  # 26 / 2 + 1
    14
    """
    check_positive_integers(
        size=size,
        kernel_size=kernel_size,
        strides=strides,
        dilation_rate=dilation_rate,
    )
    k = dilation_rate * (kernel_size - 1) + 1
    before, after = padding_sizes(size, k, strides, padding)
    if k > size + before + after:
        raise ValueError(
            "The kernel must fit into the padded input: use a larger input or "
            f"more padding. Received: {size=}, {kernel_size=}, {padding=}, "
            f"{dilation_rate=}"
        )
    return (size + before + after - k) // strides + 1


def transposed_convolution_output_size(
    size: int,
    kernel_size: int,
    strides: int = 1,
    padding: str = "valid",
    output_padding: int | None = None,
    dilation_rate: int = 1,
) -> int:
    """Output size of a transposed convolution along one axis.

        output = (n - 1) s + k - p + a

    `n` is `size`, `s` the stride and `k` the size of the dilated kernel,
    `dilation_rate * (kernel_size - 1) + 1`. `p` is the total cropping, 0 with
    `"valid"`, and `a` the output padding. As in Keras, the output is `n s` with
    `"same"`, and `n s` if `k < s`, unless `output_padding` is given; with it,
    `"same"` crops `floor(k / 2)` on each side.

    Reference: Dumoulin and Visin, 2016, "A guide to convolution arithmetic
    for deep learning", https://arxiv.org/abs/1603.07285, relationship 14.

    Args:
        size: Positive integer, size of the input.
        kernel_size: Positive integer, size of the kernel.
        strides: Positive integer, distance between the positions at which
            the kernel is added to the output.
        padding: `"valid"` or `"same"`.
        output_padding: Integer of at least 0 and less than `strides`, or
            `None`.
        dilation_rate: Positive integer, distance between kernel elements.

    Returns:
        Positive integer.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> transposed_convolution_output_size(7, 5, strides=2)  # 6 * 2 + 5
    17
    >>> transposed_convolution_output_size(7, 5, strides=2, padding="same")
    14
    """
    check_positive_integers(
        size=size,
        kernel_size=kernel_size,
        strides=strides,
        dilation_rate=dilation_rate,
    )
    k = dilation_rate * (kernel_size - 1) + 1
    cropping, added = cropping_sizes(k, strides, padding, output_padding)
    return (size - 1) * strides + k - cropping + added


def layer_table(model: keras.Model) -> list[dict[str, Any]]:
    """Layer table of a model, with the arithmetic of output sizes.

    Layers with the attributes `strides`, `padding` and `kernel_size` or
    `pool_size` are convolutions or poolings; with `output_padding`, transposed
    convolutions. Computed sizes are checked against those of Keras.

    Args:
        model: Functional model, or built `Sequential` model.

    Returns:
        List of dicts, one per layer: `layer` (its name), `type`,
        `output_shape` (without the batch axis), `trainable` and `parameters`
        (numbers of trainable and of all parameters), `multiply_adds` (number
        per example for dense and convolution layers, else `None`), `flops`
        (see `layer_flops`) and `output_size` (the arithmetic as text, one
        equation per axis if they differ, else `""`).

    Raises:
        ValueError: If the shape of a layer is unknown, or if the output size
            of a convolution does not follow from its attributes.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((32, 32, 1)), keras.layers.Conv2D(6, 5, name="c1")]
    ... )
    >>> [c1] = layer_table(model)
    >>> c1["output_shape"], c1["output_size"]
    ((28, 28, 6), 'floor((32 + 2*0 - 5) / 1) + 1 = 28')
    >>> c1["parameters"], c1["multiply_adds"]  # 6 * 26, 28 * 28 * 6 * 25
    (156, 117600)
    >>> c1["flops"]  # 2 * 117600
    235200
    """
    return [layer_row(layer) for layer in model.layers]


def layer_row(layer: keras.layers.Layer) -> dict[str, Any]:
    """Row of `layer_table`."""
    try:
        outputs = layer.output
    except (AttributeError, ValueError) as error:
        raise ValueError(
            "`layer_table` needs a functional model, or a Sequential model "
            f"that is built. Received: layer {layer.name!r} without output"
        ) from error
    shapes = [tuple(tensor.shape[1:]) for tensor in keras.tree.flatten(outputs)]
    return {
        "layer": layer.name,
        "type": type(layer).__name__,
        "output_shape": shapes[0] if len(shapes) == 1 else shapes,
        "trainable": num_parameters(layer.trainable_weights),
        "parameters": num_parameters(layer.weights),
        "multiply_adds": multiply_adds(layer),
        "flops": layer_flops(layer),
        "output_size": output_size_equation(layer),
    }


def num_parameters(weights: Sequence[keras.Variable]) -> int:
    """Total number of elements of the weights."""
    return sum(math.prod(weight.shape) for weight in weights)


def has_window(layer: keras.layers.Layer) -> bool:
    """Whether the layer is a convolution or pooling, not transposed."""
    return slides_window(layer) and not is_transposed(layer)


def slides_window(layer: keras.layers.Layer) -> bool:
    """Whether the layer is a convolution, also transposed, or a pooling."""
    return (
        (hasattr(layer, "kernel_size") or hasattr(layer, "pool_size"))
        and hasattr(layer, "strides")
        and hasattr(layer, "padding")
    )


def is_transposed(layer: keras.layers.Layer) -> bool:
    """Whether the layer is a transposed convolution."""
    return hasattr(layer, "output_padding")


def multiply_adds(layer: keras.layers.Layer) -> int | None:
    """Multiply-adds per example: kernel elements times output positions.

    `None` for layers without kernel and for unknown shapes.
    """
    if not hasattr(layer, "kernel"):
        return None
    if isinstance(layer, keras.layers.Dense):
        positions = layer.output.shape[1:-1]
    elif has_window(layer):
        positions = spatial_shape(layer, layer.output.shape)
    else:
        return None
    if None in positions:
        return None
    return math.prod(positions) * math.prod(layer.kernel.shape)


def layer_flops(layer: keras.layers.Layer) -> int | None:
    """Floating-point operations (FLOPs) of a layer per example, forward pass.

    Each output of a convolution or dense layer is the sum of `n` products: `n`
    multiplications and, with a bias, `n` additions, else `n - 1`.

        FLOPs = 2 multiply_adds - outputs [if there is no bias]

    An average over a window of `k` elements is `k - 1` additions and a
    division, and a maximum is `k - 1` comparisons. Padding elements are counted
    like others. Activations are not counted.

    Args:
        layer: Built layer of a functional or `Sequential` model.

    Returns:
        Integer; `None` for other layers, and if a size is unknown.

    Example: S2 of LeNet-5, 14 * 14 * 6 averages over 2 * 2 elements.

    >>> s2 = keras.layers.AveragePooling2D(2)
    >>> model = keras.Sequential([keras.Input((28, 28, 6)), s2])
    >>> layer_flops(s2)
    4704
    """
    products = multiply_adds(layer)
    if products is not None:
        biased = getattr(layer, "bias", None) is not None
        return 2 * products - (0 if biased else num_outputs(layer))
    if not has_window(layer) or layer.weights or hasattr(layer, "kernel"):
        return None
    if None in layer.output.shape[1:]:
        return None
    window = math.prod(window_shape(layer))
    kind = type(layer).__name__
    if kind.startswith("AveragePooling"):
        return num_outputs(layer) * window
    if kind.startswith("MaxPooling"):
        return num_outputs(layer) * (window - 1)
    return None


def num_outputs(layer: keras.layers.Layer) -> int:
    """Number of output elements of a layer per example."""
    return math.prod(layer.output.shape[1:])


def output_size_equation(layer: keras.layers.Layer) -> str:
    """Equation of the output size of a layer, "" without a window.

    `floor((n + 2*p - k) / s) + 1 = size`, or `(n - 1)*s + k - p + a = size` of
    a transposed convolution.
    """
    if not slides_window(layer):
        return ""
    num_axes = len(window_shape(layer))
    equations = []
    for size, expected, *attributes in zip(
        spatial_shape(layer, layer.input.shape),
        spatial_shape(layer, layer.output.shape),
        window_shape(layer),
        per_axis(layer.strides, num_axes),
        per_axis(getattr(layer, "dilation_rate", 1), num_axes),
        per_axis(getattr(layer, "output_padding", None), num_axes),
        strict=True,
    ):
        computed, equation = axis_equation(layer, size, *attributes)
        if computed is not None and computed != expected:
            raise ValueError(
                f"Layer {layer.name!r} must have the output size that follows "
                f"from its kernel, strides and padding, {computed}. Received: "
                f"{expected}"
            )
        equations.append(equation)
    return ", ".join(dict.fromkeys(equations))


def axis_equation(
    layer: keras.layers.Layer,
    size: int | None,
    kernel_size: int,
    strides: int,
    dilation_rate: int,
    output_padding: int | None,
) -> tuple[int | None, str]:
    """Output size of a layer along an axis, and its equation.

    The size is `None` if that of the input is unknown.
    """
    k = dilation_rate * (kernel_size - 1) + 1
    padding = layer.padding
    if is_transposed(layer):
        cropping, added = cropping_sizes(k, strides, padding, output_padding)
        if size is None:
            return None, f"(n - 1)*{strides} + {k} - {cropping} + {added}"
        computed = transposed_convolution_output_size(
            size, kernel_size, strides, padding, output_padding, dilation_rate
        )
        return computed, (
            f"({size} - 1)*{strides} + {k} - {cropping} + {added} = {computed}"
        )
    if size is None:
        return None, f"floor((n + padding - {k}) / {strides}) + 1"
    computed = convolution_output_size(
        size, kernel_size, strides, padding, dilation_rate
    )
    added_text = padding_text(*padding_sizes(size, k, strides, padding))
    return computed, (
        f"floor(({size} + {added_text} - {k}) / {strides}) + 1 = {computed}"
    )


def window_shape(layer: keras.layers.Layer) -> tuple[int, ...]:
    """Size of the layer's kernel or pooling window along each axis."""
    size = getattr(layer, "kernel_size", None) or layer.pool_size
    # An integer stands for all spatial axes of the input.
    return per_axis(size, len(layer.input.shape) - 2)


def spatial_shape(layer: keras.layers.Layer, shape: Shape) -> Shape:
    """`(batch, ..., height, width, channels)` -> `(height, width)`."""
    num_axes = len(window_shape(layer))
    data_format = getattr(
        layer, "data_format", keras.config.image_data_format()
    )
    end = len(shape) - (data_format == "channels_last")
    return tuple(shape[end - num_axes : end])


def per_axis(value: Any, num_axes: int) -> tuple[int, ...]:
    """Repeats an integer or `None` for each axis; else a tuple."""
    if value is None or is_integer(value):
        return (value,) * num_axes
    return tuple(value)


def padding_sizes(
    size: int, k: int, strides: int, padding: int | str
) -> tuple[int, int]:
    """Padding before and after an axis, for a dilated kernel of size k."""
    if isinstance(padding, int) and is_integer(padding) and padding >= 0:
        return padding, padding
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return k - 1, 0
    if padding == "same":
        output = math.ceil(size / strides)
        total = max((output - 1) * strides + k - size, 0)
        return total // 2, total - total // 2
    raise ValueError(
        "`padding` must be an integer of at least 0, 'valid', 'same' or "
        f"'causal'. Received: {padding=}"
    )


def cropping_sizes(
    k: int, strides: int, padding: str, output_padding: int | None = None
) -> tuple[int, int]:
    """Total cropping and output padding of a transposed convolution."""
    if padding not in ("valid", "same"):
        raise ValueError(
            "`padding` of a transposed convolution must be 'valid' or 'same'. "
            f"Received: {padding=}"
        )
    if output_padding is None:
        cropping = max(k - strides, 0) if padding == "same" else 0
        return cropping, max(strides - k, 0)
    if not is_integer(output_padding) or not 0 <= output_padding < strides:
        raise ValueError(
            "`output_padding` must be an integer of at least 0 and less than "
            f"`strides`. Received: {output_padding=}, {strides=}"
        )
    return (2 * (k // 2) if padding == "same" else 0), output_padding


def padding_text(before: int, after: int) -> str:
    """Padding in the notation of the equation, such as `2*1` or `0 + 1`."""
    return f"2*{before}" if before == after else f"{before} + {after}"


def check_positive_integers(**arguments: Any) -> None:
    """Raises ValueError if an argument is not an integer of at least 1."""
    for name, value in arguments.items():
        if not is_integer(value) or value < 1:
            raise ValueError(
                f"`{name}` must be an integer of at least 1. "
                f"Received: {name}={value!r}"
            )


def is_integer(value: Any) -> bool:
    """Whether the value is an integer, not a boolean."""
    return isinstance(value, int) and not isinstance(value, bool)
