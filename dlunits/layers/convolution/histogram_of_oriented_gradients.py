"""Histogram of oriented gradients (HOG), an image descriptor."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import Config, Shape, Tensor

# s / sqrt(s + 0.0001) approximates sqrt(s) with a finite gradient at s = 0.
ROOT_EPSILON = 1e-4


@keras.saving.register_keras_serializable(package="dlunits")
class HistogramOfOrientedGradients(keras.layers.Layer):
    """Histogram of oriented gradients (HOG) of each cell of an image.

    Use it as features, without training, where images are compared by distance.
    Unlike pixels, the features change little when a stroke moves by its own
    width, and they do not depend on brightness and contrast.

        g    = (right - left, below - above) / 2, the gradient at a pixel
        v_b  = coefficient of g in direction b:  g = sum_b v_b u_b,
               u_b = (cos a_b, sin a_b),  a_b = 2 pi b / num_orientations,
               where only the two directions next to g have v_b > 0
        h_cb = mean over pixels of v_b, with the weight
               max(0, 1 - |dx| / cell_size) max(0, 1 - |dy| / cell_size) at
               the distance (dx, dy) of a pixel from the center of cell c
        s_cb = h_cb / (epsilon + mean_c sum_b h_cb)
        y_cb = s_cb / sqrt(s_cb + 0.0001), which is close to sqrt(s_cb)

    At the border, pixels are repeated. With several channels, v_b is the
    maximum over the channels. Orientations are signed, over 360 degrees:
    direction 0 points to the right, and the angle grows downward. Squared
    distances between the features of two images are squared Hellinger
    distances of the histograms: the sum of `y^2` is about the number of cells.

    References: Dalal and Triggs, 2005, "Histograms of oriented gradients for
    human detection", https://doi.org/10.1109/CVPR.2005.177 (this is their
    L1-sqrt normalization with the whole image as one block); for the square
    root of histograms, Arandjelovic and Zisserman, 2012, "Three things
    everyone should know to improve object retrieval",
    https://doi.org/10.1109/CVPR.2012.6248018.

    Args:
        num_orientations: Integer of at least 4, number of directions.
        cell_size: Positive integer, distance between cell centers in pixels.
        epsilon: Positive float in the unit of the pixels. The features of
            images whose mean gradient is smaller tend to 0.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor, images of any range of values.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height // cell_size, width // cell_size,
        num_orientations)`.

    Raises:
        ValueError: If an argument is out of range, or if the input is smaller
            than a cell.

    Example, a ramp whose gradient to the right is 1 at the middle pixel and
    1/2 at the two border pixels, of mean 2/3:

    >>> ramp = ops.reshape(ops.arange(3.0), (1, 1, 3, 1))
    >>> layer = HistogramOfOrientedGradients(
    ...     num_orientations=4, cell_size=1, epsilon=1e-9
    ... )
    >>> y = ops.convert_to_numpy(layer(ramp))
    >>> (y[0, 0] ** 2).round(2).tolist()  # 1/2, 1 and 1/2, divided by 2/3
    [[0.75, 0.0, 0.0, 0.0], [1.5, 0.0, 0.0, 0.0], [0.75, 0.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        num_orientations: int = 8,
        cell_size: int = 4,
        epsilon: float = 0.001,
        **kwargs: Any,
    ):
        # The square root amplifies rounding errors of half precision.
        super().__init__(autocast=False, **kwargs)
        if num_orientations < 4 or cell_size < 1 or not epsilon > 0:
            raise ValueError(
                "`num_orientations` must be at least 4, `cell_size` at least 1 "
                "and `epsilon` positive. Received: "
                f"{num_orientations=}, {cell_size=}, {epsilon=}"
            )
        self.num_orientations = num_orientations
        self.cell_size = cell_size
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) != 4 or any(
            size is not None and size < self.cell_size
            for size in input_shape[1:3]
        ):
            raise ValueError(
                "The input must be (batch, height, width, channels), with a "
                "height and width of at least `cell_size`, "
                f"{self.cell_size}. Received: {input_shape=}"
            )

    def call(self, inputs: Tensor) -> Tensor:
        gx, gy = image_gradients(ops.cast(inputs, "float32"))
        v = orientation_coefficients(gx, gy, self.num_orientations)
        h = cell_means(ops.max(v, axis=3), self.cell_size)
        total = ops.sum(h, axis=-1, keepdims=True)
        s = h / (ops.mean(total, (1, 2), keepdims=True) + self.epsilon)
        y = s / ops.sqrt(s + ROOT_EPSILON)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        return (
            batch,
            height and height // self.cell_size,
            width and width // self.cell_size,
            self.num_orientations,
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_orientations": self.num_orientations,
            "cell_size": self.cell_size,
            "epsilon": self.epsilon,
        }


def image_gradients(images: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients to the right and downward, both shaped as the images."""
    padded = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
    gx = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    gy = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    return gx / 2, gy / 2


def orientation_coefficients(
    gx: Tensor, gy: Tensor, num_orientations: int
) -> Tensor:
    """Two tensors `(...)` -> `(..., num_orientations)`, the coefficients v_b.

    If g lies between directions b and b + 1, `step` apart, at the angle `a`
    before b + 1, then v_b = |g| sin(a) / sin(step). Computed with the
    direction before b and the one after b, the smaller result is v_b; where it
    is negative, g is not next to b and v_b = 0.
    """
    step = math.tau / num_orientations
    angles = step * np.arange(num_orientations)
    weights = []
    for turn in (step, -step):
        x, y = np.sin(angles + turn), -np.cos(angles + turn)
        weights.append((np.stack([x, y]) / math.sin(turn)).astype("float32"))
    gradient = ops.stack([gx, gy], axis=-1)
    smaller = ops.minimum(*(ops.matmul(gradient, w) for w in weights))
    return ops.maximum(smaller, 0)


def cell_means(v: Tensor, cell_size: int) -> Tensor:
    """Weighted means over cells.

    `(batch, height, width, orientations)`
        -> `(batch, height // cell_size, width // cell_size, orientations)`
    """
    before = cell_size // 2
    offsets = np.arange(2 * cell_size - cell_size % 2) - before
    distance = np.abs(offsets - (cell_size - 1) / 2)  # from the center
    weights = (1 - distance / cell_size) / cell_size  # sum: 1
    kernel = np.outer(weights, weights).astype("float32")[..., None, None]
    padding = (before, before)
    return ops.depthwise_conv(
        ops.pad(v, ((0, 0), padding, padding, (0, 0))),
        ops.tile(kernel, (1, 1, v.shape[-1], 1)),
        strides=cell_size,
        data_format="channels_last",
    )
