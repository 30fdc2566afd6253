"""Images as histograms of the directions in which they grow brighter."""

import math

import keras
import numpy as np
from keras import ops

TINY = 1e-4  # keeps the slope of the root finite where a histogram is empty


@keras.saving.register_keras_serializable(package="dlunits")
class HistogramOfOrientedGradients(keras.layers.Layer):
    """Counts, cell by cell, how much brightness grows in which direction.

    Use it, without any training, where images are compared by distance: of
    pixels, a stroke that is moved by its own width shares none; of these
    histograms, it shares most. How bright and how rich in contrast an image
    is does not matter.

        g    = (right - left, below - above) / 2 of each pixel's neighbors
        v_b  = share of g in direction b:  g = sum over b of v_b u_b,  where
               u_b = (cos a_b, sin a_b),  a_b = 2 pi b / num_directions,  and
               only the two u_b next to g have v_b > 0
        h_cb = mean over pixels of v_b, weighted by their distance to the
               center of cell c: max(0, 1 - |dx| / cell_size), the same with dy
        s_cb = h_cb / (epsilon + mean over cells of the sum over b of h_cb)
        y_cb = s_cb / sqrt(s_cb + 0.0001),  all but sqrt(s_cb)

    Past its border an image goes on as at its border; of
    several channels the largest `v_b` counts. Direction 0 is brighter to the
    right, the next ones turn downwards. Squared distances between two
    images' `y` measure how far their histograms are from each other, after
    Hellinger: the squares of `y` add up to about the number of cells.

    References: Dalal and Triggs, 2005, "Histograms of oriented gradients for
    human detection", https://doi.org/10.1109/CVPR.2005.177 (the root of
    shares is their L1-sqrt, here with the whole image as its block); for
    roots of histograms, Arandjelovic and Zisserman, 2012, "Three things
    everyone should know to improve object retrieval",
    https://doi.org/10.1109/CVPR.2012.6248018.

    Args:
        num_directions: Integer of at least 4.
        cell_size: Positive integer, distance of the cells' centers in pixels.
        epsilon: Positive number in the unit of the pixels: images whose
            mean gradient is less than that fade to 0.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height // cell_size, width // cell_size,
    num_directions)`.

    Raises:
        ValueError: If an argument is out of range, or the input smaller than
            a cell.

    Example, a ramp that grows by 1 to the right in the one pixel that has a
    neighbor on both sides, by 1/2 next to the border; all of it, the root of
    1, is in direction 0 of 4:

    >>> ramp = ops.reshape(ops.arange(3.0), (1, 1, 3, 1))
    >>> layer = HistogramOfOrientedGradients(
    ...     num_directions=4, cell_size=1, epsilon=1e-9
    ... )
    >>> y = ops.convert_to_numpy(layer(ramp))
    >>> (y[0, 0] ** 2).round(2).tolist()  # 1/2, 1, 1/2 over their mean, 2/3
    [[0.75, 0.0, 0.0, 0.0], [1.5, 0.0, 0.0, 0.0], [0.75, 0.0, 0.0, 0.0]]
    """

    def __init__(self, num_directions=8, cell_size=4, epsilon=0.001, **kwargs):
        # The root would blow up what half precision rounds off.
        super().__init__(autocast=False, **kwargs)
        if num_directions < 4 or cell_size < 1 or not epsilon > 0:
            raise ValueError(
                "`num_directions` must be at least 4, `cell_size` at least 1 "
                "and `epsilon` positive. Received: "
                f"{num_directions=}, {cell_size=}, {epsilon=}"
            )
        self.num_directions = num_directions
        self.cell_size = cell_size
        self.epsilon = epsilon

    def build(self, input_shape):
        if len(input_shape) != 4 or any(
            size is not None and size < self.cell_size
            for size in input_shape[1:3]
        ):
            raise ValueError(
                "The input must be (batch, height, width, channels), no "
                f"smaller than a cell, {self.cell_size}. Received: "
                f"{input_shape=}"
            )

    def call(self, inputs):
        inputs = ops.cast(inputs, "float32")
        shares = direction_shares(*gradients(inputs), self.num_directions)
        cells = cell_means(ops.max(shares, axis=3), self.cell_size)
        total = ops.sum(cells, axis=-1, keepdims=True)
        share = cells / (ops.mean(total, (1, 2), keepdims=True) + self.epsilon)
        root = share / ops.sqrt(share + TINY)
        return ops.cast(root, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (
            batch,
            height and height // self.cell_size,
            width and width // self.cell_size,
            self.num_directions,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "num_directions": self.num_directions,
            "cell_size": self.cell_size,
            "epsilon": self.epsilon,
        }


def gradients(images):
    """To the right and downwards, both of the shape of the images."""
    around = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), "symmetric")
    rightwards = around[:, 1:-1, 2:] - around[:, 1:-1, :-2]
    downwards = around[:, 2:, 1:-1] - around[:, :-2, 1:-1]
    return rightwards / 2, downwards / 2


def direction_shares(rightwards, downwards, num_directions):
    """Twice (...) -> (..., num_directions), which make up the gradient.

    Between two directions `step` apart, an angle `a` short of the other one,
    the share of the first is |g| sin(a) / sin(step); it is the smaller of
    what its two neighbors leave, which falls below 0 beyond them.
    """
    step = math.tau / num_directions
    angles = step * np.arange(num_directions)
    weights = []
    for turn in (step, -step):
        x, y = np.sin(angles + turn), -np.cos(angles + turn)
        weights.append((np.stack([x, y]) / math.sin(turn)).astype("float32"))
    gradient = ops.stack([rightwards, downwards], axis=-1)
    left = ops.minimum(*(ops.matmul(gradient, w) for w in weights))
    return ops.maximum(left, 0)


def cell_means(maps, cell_size):
    """(batch, h, w, maps) -> (batch, h // cell_size, w // cell_size, maps)"""
    before = cell_size // 2
    offsets = np.arange(2 * cell_size - cell_size % 2) - before
    distance = np.abs(offsets - (cell_size - 1) / 2)  # from the center
    weights = (1 - distance / cell_size) / cell_size  # sum: 1
    kernel = np.outer(weights, weights).astype("float32")[..., None, None]
    edges = (before, before)
    return ops.depthwise_conv(
        ops.pad(maps, ((0, 0), edges, edges, (0, 0))),
        ops.tile(kernel, (1, 1, maps.shape[-1], 1)),
        strides=cell_size,
        data_format="channels_last",
    )
