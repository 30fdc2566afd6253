"""Tiles against a slow loop, and what no seams means in numbers."""

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
    """Stands for a model: what it gives depends on all of the tile."""
    sums = tf.cumsum(tf.cumsum(tiles, axis=1), axis=2, reverse=True)
    return tiles * sums / tf.reduce_max(sums, axis=(1, 2, 3), keepdims=True)


def through_tiles_np(model, image, side, step):
    """The equation of the docstring, tile by tile: (height, width)."""
    height, width = image.shape
    total, weights = np.zeros(image.shape), np.zeros(image.shape)
    h = [math.sin(math.pi * (i + 0.5) / side) ** 2 for i in range(side)]
    corners = {
        (min(row, height - side), min(column, width - side))
        for row in range(0, height, step)
        for column in range(0, width, step)
    }
    for row, column in corners:
        there = np.s_[row : row + side, column : column + side]
        tile = image[there][None, :, :, None]
        weights[there] += np.outer(h, h)
        total[there] += np.outer(h, h) * model(tile)[0, :, :, 0].numpy()
    return total / weights


@pytest.mark.parametrize(
    ("size", "side", "step"),
    [((8, 8), 8, 4), ((9, 8), 8, 4), ((21, 30), 8, 3), ((16, 24), 8, 8)],
)
def test_is_the_weighted_mean_of_all_tiles(size, side, step):
    image = images(*size)
    result = tiled_inference(edge_finder, image[None, :, :, None], side, step)
    expected = through_tiles_np(edge_finder, image, side, step)
    np.testing.assert_allclose(result[0, :, :, 0], expected, rtol=1e-4)


def test_a_image_of_one_tile_is_what_the_model_makes_of_it():
    one = images(3, 28, 28, 1)
    np.testing.assert_allclose(
        tiled_inference(edge_finder, one, 28), edge_finder(one), rtol=1e-5
    )


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    step=st.integers(1, 8),
)
def test_a_model_that_changes_nothing_gives_back_any_size(height, width, step):
    image = images(2, height, width, 3)
    result = tiled_inference(tf.identity, image, 8, step)
    np.testing.assert_allclose(result, image, rtol=1e-5)


def test_tiles_may_be_single_pixels():
    image = images(1, 2, 3, 1)
    result = tiled_inference(lambda tiles: 2 * tiles, image, side=1)
    np.testing.assert_allclose(result, 2 * image, rtol=1e-6)


def test_a_small_image_is_seen_with_its_mirror_image():
    seen = []

    def model(tiles):
        seen.append(tiles.numpy()[0, :, :, 0])
        return tiles

    with_mirror = np.pad(images(3, 4), [(0, 2), (0, 1)], "symmetric")
    tiled_inference(model, with_mirror[None, :3, :4, None], 5)
    np.testing.assert_array_equal(seen[0], with_mirror)


def test_tiles_that_disagree_leave_no_seam():
    """Tile by tile another gray: neighbors may differ by a slope only.

    Between two tiles half a side apart the weights are sin^2 and cos^2, whose
    slope is at most pi / side a pixel. Tiles laid edge to edge would jump by
    up to 1.
    """
    side = 16
    grays = iter(np.random.default_rng(0).uniform(size=10_000))

    def model(tiles):
        values = [next(grays) for _ in tiles]
        return 0 * tiles + np.reshape(values, (-1, 1, 1, 1)).astype("float32")

    # Half a side divides both sizes: all overlaps are of half a side.
    flat = np.zeros((1, 10 * side, 6 * side, 1), "float32")
    result = tiled_inference(model, flat, side).numpy()[0, :, :, 0]
    slope = max(np.abs(np.diff(result, axis=axis)).max() for axis in (0, 1))
    assert 0.01 < slope <= math.pi / side


def test_colors_are_cleaned_one_by_one():
    color = images(2, 20, 11, 3)
    result = tiled_inference(edge_finder, color, 8)
    for channel in range(3):
        np.testing.assert_allclose(
            result[..., channel : channel + 1],
            tiled_inference(edge_finder, color[..., channel : channel + 1], 8),
            rtol=1e-6,
        )


def test_sizes_may_be_known_only_when_it_is_called():
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


@pytest.mark.parametrize("step", [0, 9])
def test_refuses_a_step_that_leaves_gaps_or_stands_still(step):
    with pytest.raises(ValueError, match=f"Received: step={step}"):
        tiled_inference(tf.identity, images(1, 9, 9, 1), 8, step)
