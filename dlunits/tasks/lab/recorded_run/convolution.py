"""A convolution of an image, recorded one output pixel at a time."""

import pathlib

import keras
import numpy as np
import sklearn.datasets

from dlunits.diagnostics.convolution_arithmetic import (
    convolution_output_size,
    padding_sizes,
    per_axis,
)
from dlunits.diagnostics.convolution_sum import ConvolutionSum, convolution_sum
from dlunits.tasks.lab.recorded_run.page import (
    Matrix,
    Step,
    sum_of_products,
    text_number,
    write_page,
)
from dlunits.typing import Array, ArrayLike, Path

MAX_SIZE = 28  # pixels of a side of the padded image
MAX_CHANNELS = 3
MAX_PRODUCTS = 30  # in a sum that is written out


def write_recorded_convolution(
    path: Path,
    image: ArrayLike | None = None,
    layer: keras.layers.Conv2D | None = None,
    *,
    filter_index: int = 0,
) -> pathlib.Path:
    """Records a convolution of an image as an HTML page with a slider.

    Each step shows one output: the window of the image, the products with the
    kernel, and their sum. The outputs are computed by the layer.

    Args:
        path: HTML file to write, in an existing folder.
        image: Array `(height, width)` or `(height, width, channels)`, at most
            28 pixels a side with padding, and 3 channels. Default: an 8x8 digit
            of scikit-learn.
        layer: Built `keras.layers.Conv2D`, channels last, for the channels of
            the image. Default: a Sobel filter for vertical edges, with ReLU.
        filter_index: Index of the filter of the layer.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        ValueError: If the image or the layer does not meet these conditions.
        OSError: If the file cannot be written.

    Example:

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> path = f"{folder}/convolution.html"
    >>> write_recorded_convolution(path, np.eye(4)).name
    'convolution.html'
    """
    if image is None:
        image = sklearn.datasets.load_digits().images[0] / 16
    x = np.asarray(image, "float32")
    x = x[..., None] if x.ndim == 2 else x
    if layer is None:
        layer = sobel_layer(x.shape[-1])
    if not isinstance(layer, keras.layers.Conv2D) or not layer.built:
        raise ValueError(
            "`layer` must be a built keras.layers.Conv2D. Received: "
            f"{type(layer).__name__}"
        )
    padded, padding = pad(layer, x)
    if (
        x.ndim != 3
        or max(padded.shape[:2]) > MAX_SIZE
        or (x.shape[2] > MAX_CHANNELS)
    ):
        raise ValueError(
            f"Expected an image of at most {MAX_SIZE}x{MAX_SIZE} pixels with "
            f"its padding, and {MAX_CHANNELS} channels: crop or resize it. "
            f"Received: shape {padded.shape}"
        )
    kernel = " x ".join(str(size) for size in layer.kernel_size)
    return write_page(
        path,
        title=f"Convolution with a {kernel} kernel",
        text="The kernel moves over the image. At each position the pixels of "
        "the window are multiplied by the weights of the kernel, and their sum "
        "is one pixel of the feature map. Keras does not flip the kernel. "
        f"Strides: {per_axis(layer.strides, 2)}; padding: {layer.padding!r}, "
        f"{padding} pixels at the top and at the left; dilation: "
        f"{per_axis(layer.dilation_rate, 2)}. Move the slider with the mouse "
        "or the arrow keys.",
        steps=record_convolution(layer, x, filter_index),
    )


def sobel_layer(channels: int) -> keras.layers.Conv2D:
    """Layer with a Sobel filter for vertical edges on each channel."""
    layer = keras.layers.Conv2D(1, 3, activation="relu")
    layer.build((None, None, None, channels))
    sobel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], "float32") / 4
    kernel = np.repeat(sobel[:, :, None, None], channels, axis=2)
    layer.set_weights([kernel, np.zeros(1)])
    return layer


def pad(layer: keras.layers.Conv2D, x: Array) -> tuple[Array, tuple[int, int]]:
    """Padded image of a layer, and its padding at the top and left."""
    sizes = []
    for axis in range(2):
        dilation = per_axis(layer.dilation_rate, 2)[axis]
        k = dilation * (layer.kernel_size[axis] - 1) + 1
        stride = per_axis(layer.strides, 2)[axis]
        sizes.append(padding_sizes(x.shape[axis], k, stride, layer.padding))
    rest = [(0, 0)] * (x.ndim - 2)
    return np.pad(x, [*sizes, *rest]), (sizes[0][0], sizes[1][0])


def record_convolution(
    layer: keras.layers.Conv2D, x: Array, filter_index: int = 0
) -> list[Step]:
    """One step for each output of a filter, row by row.

    Args:
        layer: Built layer, channels last.
        x: Image `(height, width, channels)`.
        filter_index: Index of the filter.

    Returns:
        List of `Step`.
    """
    padded, _ = pad(layer, x)
    strides = per_axis(layer.strides, 2)
    spans = [
        dilation * (size - 1) + 1
        for dilation, size in zip(
            per_axis(layer.dilation_rate, 2), layer.kernel_size, strict=True
        )
    ]
    height, width = (
        convolution_output_size(*sizes)
        for sizes in zip(padded.shape[:2], spans, strides, strict=True)
    )
    positions = list(np.ndindex(height, width))
    sums = [
        convolution_sum(layer, x, position, filter_index)
        for position in positions
    ]
    outputs = np.reshape([terms.output for terms in sums], (height, width))
    steps = []
    for number, ((i, j), terms) in enumerate(
        zip(positions, sums, strict=True), start=1
    ):
        corner = (i * strides[0], j * strides[1])
        steps.append(
            Step(
                f"Output pixel, row {i + 1}, column {j + 1}",
                equation_text(layer),
                element_text(terms, i, j),
                [
                    *images(padded, (*corner, spans[0], spans[1])),
                    *channels("window", terms.patch),
                    *channels("kernel w", terms.kernel),
                    *channels("products", terms.products),
                    Matrix(
                        "output y",
                        outputs,
                        window=(i, j, 1, 1),
                        computed=number,
                    ),
                ],
            )
        )
    return steps


def equation_text(layer: keras.layers.Conv2D) -> str:
    """Equation of one output of a layer."""
    (s, t), (d, e) = (
        per_axis(value, 2) for value in (layer.strides, layer.dilation_rate)
    )

    def index(name: str, stride: int, tap: str, dilation: int) -> str:
        first = name if stride == 1 else f"{stride} {name}"
        return f"{first} + {tap if dilation == 1 else f'{dilation} {tap}'}"

    return (
        f"y[i, j] = {layer.activation.__name__}(b + sum over m, n and channels "
        f"k of x[{index('i', s, 'm', d)}, {index('j', t, 'n', e)}, k] "
        "w[m, n, k])"
    )


def element_text(terms: ConvolutionSum, i: int, j: int) -> str:
    """Computation of one output with its numbers."""
    if terms.products.size <= MAX_PRODUCTS:
        written = sum_of_products(terms.patch, terms.kernel)
    else:
        written = " + ".join(
            f"{text_number(value)} (channel {channel})"
            for channel, value in enumerate(terms.channel_sums, start=1)
        )
    activation = terms.activation.__name__
    return (
        f"y[{i + 1}, {j + 1}] = {activation}({text_number(terms.bias)} + "
        f"{written}) = {activation}({terms.preactivation:.4g}) = "
        f"{terms.output:.4g}"
    )


def images(padded: Array, window: tuple[int, int, int, int]) -> list[Matrix]:
    """Channels of the padded image, with the window framed."""
    return [
        Matrix(matrix.name, matrix.values, window=window)
        for matrix in channels("padded image x", padded)
    ]


def channels(name: str, array: Array) -> list[Matrix]:
    """A matrix for each channel, the last axis."""
    number = array.shape[-1]
    return [
        Matrix(
            name if number == 1 else f"{name}, channel {channel + 1}",
            array[..., channel],
        )
        for channel in range(number)
    ]
