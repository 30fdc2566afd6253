"""HOG features against a loop over pixels, and their invariances."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.autodiff import vjp
from dlunits.layers import HistogramOfOrientedGradients


def oriented_gradients_np(x, num_orientations, cell_size, epsilon):
    """HOG features with loops over pixels and cells."""
    height, width, _ = x.shape
    shares = np.zeros((height, width, num_orientations))
    angles = 2 * np.pi * np.arange(num_orientations) / num_orientations
    units = np.stack([np.cos(angles), np.sin(angles)])
    for i, j, c in np.ndindex(x.shape):
        g = [
            x[i, min(j + 1, width - 1), c] - x[i, max(j - 1, 0), c],
            x[min(i + 1, height - 1), j, c] - x[max(i - 1, 0), j, c],
        ]
        place = np.arctan2(g[1], g[0]) % (2 * np.pi) / angles[1]
        pair = [int(place), int(place) + 1]
        pair = [b % num_orientations for b in pair]
        parts = np.linalg.solve(units[:, pair], g) / 2
        shares[i, j, pair] = np.maximum(shares[i, j, pair], parts)
    cells = np.zeros(
        (height // cell_size, width // cell_size, num_orientations)
    )
    for p, q, b in np.ndindex(cells.shape):
        middle = (cell_size - 1) / 2
        for i, j in np.ndindex(height, width):
            down = abs(i - p * cell_size - middle) / cell_size
            right = abs(j - q * cell_size - middle) / cell_size
            weight = max(0, 1 - down) * max(0, 1 - right) / cell_size**2
            cells[p, q, b] += weight * shares[i, j, b]
    return np.sqrt(cells / (cells.sum(2).mean() + epsilon))


def images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def described(x, **options):
    return ops.convert_to_numpy(HistogramOfOrientedGradients(**options)(x))


@pytest.mark.parametrize(
    ("num_orientations", "cell_size", "shape"),
    [(8, 4, (8, 12, 1)), (4, 3, (7, 10, 2)), (5, 1, (2, 3, 3))],
)
def test_matches_a_loop_over_pixels_and_cells(
    num_orientations, cell_size, shape
):
    x = images(2, *shape)
    y = described(
        x, num_orientations=num_orientations, cell_size=cell_size, epsilon=0.01
    )
    for image, result in zip(x, y, strict=True):
        expected = oriented_gradients_np(
            image, num_orientations, cell_size, 0.01
        )
        # The layer's root is below the true one, by at most 0.3 sqrt(1e-4): the
        # maximum of sqrt(s) (1 - sqrt(s / (s + t))) is 0.3 sqrt(t).
        np.testing.assert_allclose(result, expected, rtol=1e-3, atol=0.0031)


def test_an_edge_to_the_right_is_direction_0_and_downward_a_quarter_turn():
    right = np.zeros((1, 8, 8, 1), "float32")
    right[:, :, 4:] = 1
    for turn, image in enumerate(
        (right, right.swapaxes(1, 2), 1 - right, 1 - right.swapaxes(1, 2))
    ):
        y = described(image).sum(axis=(0, 1, 2))
        assert np.flatnonzero(y > 1e-3).tolist() == [2 * turn]


def test_a_rotated_image_has_rotated_histograms():
    x = images(1, 8, 12, 1)
    # np.rot90 rotates counterclockwise: down becomes right.
    np.testing.assert_allclose(
        described(np.rot90(x, axes=(1, 2))),
        np.roll(np.rot90(described(x), axes=(1, 2)), -2, axis=-1),
        rtol=1e-4,
        atol=1e-5,
    )


def test_features_do_not_depend_on_brightness_and_contrast():
    x = images(2, 8, 8, 1)
    np.testing.assert_allclose(
        described(0.2 * x + 0.5, epsilon=1e-9),
        described(x, epsilon=1e-9),
        rtol=1e-4,
        atol=1e-4,
    )


def test_squares_add_up_to_the_number_of_cells():
    y = described(images(3, 12, 8, 1), epsilon=1e-9)
    np.testing.assert_allclose((y**2).sum(axis=(1, 2, 3)), 3 * 2, rtol=1e-3)


def test_a_shifted_stroke_is_closer_than_a_crossing_one():
    """Their pixels overlap little or not at all with the stroke."""
    x = np.zeros((3, 28, 28, 1), "float32")
    x[0, 4:24, 13:15] = x[1, 4:24, 15:17] = x[2, 13:15, 4:24] = 1
    y = described(x).reshape(3, -1)
    moved, across = np.square(y[1:] - y[0]).sum(axis=1)
    assert moved < 0.25 * across
    pixels = np.square(x[1:] - x[0]).sum(axis=(1, 2, 3))
    assert pixels[0] > pixels[1]


def test_a_blank_image_gives_zeros():
    assert not described(np.ones((1, 8, 8, 1), "float32")).any()


@pytest.mark.parametrize("contrast", [0, 1e-12])
def test_gradient_is_bounded_for_nearly_blank_images(contrast):
    x = ops.convert_to_tensor(contrast * images(1, 8, 8, 1))
    y, pull_back = vjp(HistogramOfOrientedGradients(), x)
    slope = ops.convert_to_numpy(pull_back(ops.ones_like(y)))
    # 1 / (epsilon sqrt(1e-4)) times a weight below 1 of the pixels of a cell;
    # with a plain square root it would be 1e7.
    assert np.abs(slope).max() < 1e5


def test_accepts_integers_and_images_of_unknown_size():
    inputs = keras.Input((None, None, 1), dtype="uint8")
    model = keras.Model(inputs, HistogramOfOrientedGradients()(inputs))
    assert model.output_shape == (None, None, None, 8)
    x = np.round(255 * images(1, 9, 12, 1)).astype("uint8")
    np.testing.assert_allclose(
        model.predict(x, verbose=0),
        described(x.astype("float32")),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    "option", [{"num_orientations": 3}, {"cell_size": 0}, {"epsilon": 0}]
)
def test_rejects_arguments_out_of_range(option):
    (name,) = option
    with pytest.raises(ValueError, match=f"Received: .*{name}={option[name]}"):
        HistogramOfOrientedGradients(**option)


@pytest.mark.parametrize("shape", [(1, 3, 8, 1), (1, 8, 8)])
def test_rejects_inputs_that_are_no_images_or_smaller_than_a_cell(shape):
    with pytest.raises(ValueError, match="at least `cell_size`, 4"):
        HistogramOfOrientedGradients()(np.zeros(shape, "float32"))
