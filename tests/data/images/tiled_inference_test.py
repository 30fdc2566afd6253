"""Tiled inference against a slow loop, and bounds on visible seams."""

import math

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from dlunits.data.images.tiled_inference import tiled_inference


def images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def edge_finder(tiles):
    """A stand-in for a model: its output depends on the whole tile."""
    sums = tf.cumsum(tf.cumsum(tiles, axis=1), axis=2, reverse=True)
    return tiles * sums / tf.reduce_max(sums, axis=(1, 2, 3), keepdims=True)


def tiled_inference_np(model, image, tile_size, stride):
    """The equation of the docstring, tile by tile: (height, width)."""
    height, width = image.shape
    total, weights = np.zeros(image.shape), np.zeros(image.shape)
    h = [
        math.sin(math.pi * (i + 0.5) / tile_size) ** 2 for i in range(tile_size)
    ]
    corners = {
        (min(row, height - tile_size), min(column, width - tile_size))
        for row in range(0, height, stride)
        for column in range(0, width, stride)
    }
    for row, column in corners:
        there = np.s_[row : row + tile_size, column : column + tile_size]
        tile = image[there][None, :, :, None]
        weights[there] += np.outer(h, h)
        total[there] += np.outer(h, h) * model(tile)[0, :, :, 0].numpy()
    return total / weights


@pytest.mark.parametrize(
    ("size", "tile_size", "stride"),
    [((8, 8), 8, 4), ((9, 8), 8, 4), ((21, 30), 8, 3), ((16, 24), 8, 8)],
)
def test_the_result_is_the_weighted_mean_of_all_tiles(size, tile_size, stride):
    image = images(*size)
    result = tiled_inference(
        edge_finder, image[None, :, :, None], tile_size, stride
    )
    expected = tiled_inference_np(edge_finder, image, tile_size, stride)
    np.testing.assert_allclose(result[0, :, :, 0], expected, rtol=1e-4)


def test_an_image_of_one_tile_is_the_output_of_the_model():
    one = images(3, 28, 28, 1)
    np.testing.assert_allclose(
        tiled_inference(edge_finder, one, 28), edge_finder(one), rtol=1e-5
    )


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    stride=st.integers(1, 8),
)
def test_the_identity_returns_images_of_any_size(height, width, stride):
    image = images(2, height, width, 3)
    result = tiled_inference(tf.identity, image, 8, stride)
    np.testing.assert_allclose(result, image, rtol=1e-5)


def test_tiles_may_be_single_pixels():
    image = images(1, 2, 3, 1)
    result = tiled_inference(lambda tiles: 2 * tiles, image, tile_size=1)
    np.testing.assert_allclose(result, 2 * image, rtol=1e-6)


def test_small_images_are_padded_symmetrically():
    seen = []

    def model(tiles):
        seen.append(tiles.numpy()[0, :, :, 0])
        return tiles

    with_padding = np.pad(images(3, 4), [(0, 2), (0, 1)], "symmetric")
    tiled_inference(model, with_padding[None, :3, :4, None], 5)
    np.testing.assert_array_equal(seen[0], with_padding)


def test_tiles_that_disagree_leave_no_seam():
    """Each tile has another gray value: the result has a bounded slope.

    With a stride of half a tile, the weights of two tiles are sin^2 and cos^2,
    whose slope is at most pi / tile_size per pixel. Tiles without overlap
    would differ by up to 1 from one pixel to the next.
    """
    tile_size = 16
    grays = iter(np.random.default_rng(0).uniform(size=10_000))

    def model(tiles):
        values = [next(grays) for _ in tiles]
        return 0 * tiles + np.reshape(values, (-1, 1, 1, 1)).astype("float32")

    # Half a tile divides both sizes: all tiles overlap by half.
    flat = np.zeros((1, 10 * tile_size, 6 * tile_size, 1), "float32")
    result = tiled_inference(model, flat, tile_size).numpy()[0, :, :, 0]
    slope = max(np.abs(np.diff(result, axis=axis)).max() for axis in (0, 1))
    assert 0.01 < slope <= math.pi / tile_size


def test_color_channels_are_processed_separately():
    color = images(2, 20, 11, 3)
    result = tiled_inference(edge_finder, color, 8)
    for channel in range(3):
        np.testing.assert_allclose(
            result[..., channel : channel + 1],
            tiled_inference(edge_finder, color[..., channel : channel + 1], 8),
            rtol=1e-6,
        )


def test_sizes_may_be_unknown_while_tracing():
    any_size = tf.TensorSpec((None, None, None, None))
    traced = tf.function(
        lambda x: tiled_inference(edge_finder, x, 8), input_signature=[any_size]
    )
    for shape in ((1, 5, 30, 1), (2, 19, 9, 3)):
        np.testing.assert_allclose(
            traced(images(*shape)),
            tiled_inference(edge_finder, images(*shape), 8),
            rtol=1e-5,
        )


@pytest.mark.parametrize("stride", [0, 9])
def test_strides_that_leave_gaps_or_are_zero_are_refused(stride):
    with pytest.raises(ValueError, match=f"Received: stride={stride}"):
        tiled_inference(tf.identity, images(1, 9, 9, 1), 8, stride)
