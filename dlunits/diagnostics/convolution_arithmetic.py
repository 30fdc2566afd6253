"""Output sizes of convolutions and poolings, and a model's layer table."""

import math

import keras


def convolution_output_size(
    size, kernel_size, strides=1, padding=0, dilation_rate=1
):
    """Counts the positions of a kernel along one axis of its input.

        output = floor((n + 2 p - k) / s) + 1

    `n` is `size`, `k` the kernel's reach `dilation_rate * (kernel_size - 1)
    + 1`, `p` the padding on each side and `s` the stride. A pooling window
    obeys the same equation. `"same"` pads, in all, what makes the output
    `ceil(n / s)`, and where that is odd the end gets one more than the start.

    Reference: Dumoulin and Visin, 2016, "A guide to convolution arithmetic
    for deep learning", https://arxiv.org/abs/1603.07285, relationship 6.

    Args:
        size: Positive integer, length of the input axis.
        kernel_size: Positive integer, taps of the kernel or pooling window.
        strides: Positive integer, step between positions.
        padding: Integer of at least 0, cells added on each side; or Keras'
            `"valid"` (0), `"same"`, or `"causal"` (all at the start).
        dilation_rate: Positive integer, distance between taps.

    Returns:
        A positive integer.

    Raises:
        ValueError: If an argument is out of range, or the kernel is longer
            than the padded input.

    Example: C1 and S2 of LeNet-5.

    >>> convolution_output_size(32, kernel_size=5)  # (32 + 0 - 5) / 1 + 1
    28
    >>> convolution_output_size(28, kernel_size=2, strides=2)  # 26 / 2 + 1
    14
    """
    for name, value in {
        "size": size,
        "kernel_size": kernel_size,
        "strides": strides,
        "dilation_rate": dilation_rate,
    }.items():
        if not is_integer(value) or value < 1:
            raise ValueError(
                f"`{name}` must be an integer of at least 1. "
                f"Received: {name}={value!r}"
            )
    reach = dilation_rate * (kernel_size - 1) + 1
    before, after = padding_around(size, reach, strides, padding)
    if reach > size + before + after:
        raise ValueError(
            "The kernel must fit into the padded input: enlarge the input or "
            f"pad it. Received: {size=}, {kernel_size=}, {padding=}, "
            f"{dilation_rate=}"
        )
    return (size + before + after - reach) // strides + 1


def layer_table(model):
    """Lists a model's layers with their sizes and how the sizes come about.

    Every layer with the attributes `strides`, `padding` and `kernel_size` or
    `pool_size` counts as a convolution or pooling; transposed convolutions,
    which the equation of `convolution_output_size` does not describe, do not.
    Each computed size is checked against the size Keras gives.

    Args:
        model: Functional model, or `Sequential` model that is built.

    Returns:
        A list of dicts, one a layer: `layer` (its name), `type`,
        `output_shape` (without the batch), `trainable` and `parameters`
        (trainable ones, and all), `multiply_adds` (an image, for dense and
        convolution layers, else `None`) and `output_size` (the arithmetic as
        text, one equation an axis where the axes differ, else `""`).

    Raises:
        ValueError: If a layer has no known shape, or a convolution's output
            is not the size that its attributes give.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((32, 32, 1)), keras.layers.Conv2D(6, 5, name="c1")]
    ... )
    >>> [c1] = layer_table(model)
    >>> c1["output_shape"], c1["output_size"]
    ((28, 28, 6), 'floor((32 + 2*0 - 5) / 1) + 1 = 28')
    >>> c1["parameters"], c1["multiply_adds"]  # 6 * 26, 28 * 28 * 6 * 25
    (156, 117600)
    """
    return [layer_row(layer) for layer in model.layers]


def layer_row(layer):
    try:
        outputs = layer.output
    except (AttributeError, ValueError) as error:
        raise ValueError(
            "`layer_table` needs layers with known shapes: a functional "
            "model, or a Sequential model that is built. "
            f"Received: layer {layer.name!r}, which has no output yet"
        ) from error
    shapes = [tuple(tensor.shape[1:]) for tensor in keras.tree.flatten(outputs)]
    return {
        "layer": layer.name,
        "type": type(layer).__name__,
        "output_shape": shapes[0] if len(shapes) == 1 else shapes,
        "trainable": count(layer.trainable_weights),
        "parameters": count(layer.weights),
        "multiply_adds": multiply_adds(layer),
        "output_size": output_size_equation(layer),
    }


def count(weights):
    return sum(math.prod(weight.shape) for weight in weights)


def has_window(layer):
    """Whether the layer slides a kernel or pooling window over its input."""
    return (
        (hasattr(layer, "kernel_size") or hasattr(layer, "pool_size"))
        and hasattr(layer, "strides")
        and hasattr(layer, "padding")
        and not hasattr(layer, "output_padding")  # a transposed convolution
    )


def multiply_adds(layer):
    """Each weight of the kernel is used once at each output position."""
    if not hasattr(layer, "kernel"):
        return None
    if isinstance(layer, keras.layers.Dense):
        positions = layer.output.shape[1:-1]
    elif has_window(layer):
        positions = spatial(layer, layer.output.shape)
    else:
        return None
    if None in positions:
        return None
    return math.prod(positions) * math.prod(layer.kernel.shape)


def output_size_equation(layer):
    """`floor((n + 2*p - k) / s) + 1 = size` of the layer, "" if it has none."""
    if not has_window(layer):
        return ""
    windows = window(layer)
    dilations = per_axis(getattr(layer, "dilation_rate", 1), len(windows))
    equations = []
    for size, expected, taps, stride, dilation in zip(
        spatial(layer, layer.input.shape),
        spatial(layer, layer.output.shape),
        windows,
        per_axis(layer.strides, len(windows)),
        dilations,
        strict=True,
    ):
        reach = dilation * (taps - 1) + 1
        if size is None:
            equations.append(f"floor((n + padding - {reach}) / {stride}) + 1")
            continue
        computed = convolution_output_size(
            size, taps, stride, layer.padding, dilation
        )
        if computed != expected:
            raise ValueError(
                f"Layer {layer.name!r} must give the size that its kernel, "
                f"strides and padding imply, {computed}. Received: {expected}"
            )
        padding = padding_text(
            *padding_around(size, reach, stride, layer.padding)
        )
        equations.append(
            f"floor(({size} + {padding} - {reach}) / {stride}) + 1 = {computed}"
        )
    return ", ".join(dict.fromkeys(equations))


def window(layer):
    """Taps of the layer's kernel or pooling window along each axis."""
    taps = getattr(layer, "kernel_size", None) or layer.pool_size
    # A bare integer does not say over how many axes it goes; the input does.
    return per_axis(taps, len(layer.input.shape) - 2)


def spatial(layer, shape):
    """(batch, ..., height, width, channels) -> (height, width)"""
    axes = len(window(layer))
    data_format = getattr(
        layer, "data_format", keras.config.image_data_format()
    )
    end = len(shape) - (data_format == "channels_last")
    return tuple(shape[end - axes : end])


def per_axis(value, axes):
    return (value,) * axes if is_integer(value) else tuple(value)


def padding_around(size, reach, strides, padding):
    """Cells added before and after an axis, as Keras adds them."""
    if is_integer(padding) and padding >= 0:
        return padding, padding
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach - 1, 0
    if padding == "same":
        output = math.ceil(size / strides)
        total = max((output - 1) * strides + reach - size, 0)
        return total // 2, total - total // 2
    raise ValueError(
        "`padding` must be an integer of at least 0, 'valid', 'same' or "
        f"'causal'. Received: {padding=}"
    )


def padding_text(before, after):
    return f"2*{before}" if before == after else f"{before} + {after}"


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)
