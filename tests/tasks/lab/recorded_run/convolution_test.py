"""Recorded convolution, compared with loops in NumPy."""

import keras
import numpy as np
import pytest

from dlunits.tasks.lab.recorded_run import write_recorded_convolution
from tests.tasks.lab.recorded_run.page_test import read_steps


def matrix(step, name):
    [found] = [m for m in step["matrices"] if m["name"] == name]
    return np.array(found["values"], "float64"), found.get("window")


def make_layer(channels, **options):
    layer = keras.layers.Conv2D(2, (3, 2), activation="relu", **options)
    layer.build((None, None, None, channels))
    rng = np.random.default_rng(0)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def test_every_pixel_is_the_sum_of_its_window(tmp_path):
    layer = make_layer(2, strides=2)
    x = np.random.default_rng(1).normal(size=(7, 6, 2)).astype("float32")
    path = tmp_path / "convolution.html"
    steps = read_steps(
        write_recorded_convolution(path, x, layer, filter_index=1)
    )
    kernel, bias = layer.get_weights()
    assert len(steps) == 3 * 3
    for number, step in enumerate(steps):
        i, j = divmod(number, 3)
        patch = x[2 * i : 2 * i + 3, 2 * j : 2 * j + 2]
        products = patch * kernel[..., 1]
        for channel in range(2):
            suffix = f", channel {channel + 1}"
            image, window = matrix(step, f"padded image x{suffix}")
            np.testing.assert_allclose(image, x[..., channel], rtol=1e-5)
            assert window == [2 * i, 2 * j, 3, 2]
            np.testing.assert_allclose(
                matrix(step, f"window{suffix}")[0], patch[..., channel], 1e-5
            )
            np.testing.assert_allclose(
                matrix(step, f"products{suffix}")[0],
                products[..., channel],
                rtol=1e-5,
            )
        output, window = matrix(step, "output y")
        assert window == [i, j, 1, 1]
        assert output[i, j] == pytest.approx(
            max(0, products.sum() + bias[1]), rel=1e-4, abs=1e-5
        )
        # Pixels that are not computed yet are empty.
        assert np.isfinite(output).sum() == number + 1


def test_padding_and_dilation_are_shown(tmp_path):
    layer = make_layer(1, padding="same", dilation_rate=2)
    path = tmp_path / "convolution.html"
    steps = read_steps(write_recorded_convolution(path, np.ones((5, 5)), layer))
    # Height: dilated kernel 5, padding 2 and 2. Width: 3, 1 and 1.
    image, window = matrix(steps[0], "padded image x")
    assert image.shape == (9, 7)
    assert image[:2].sum() == 0 and image[2, 1] == 1
    assert window == [0, 0, 5, 3]
    assert len(steps) == 25
    output, _ = matrix(steps[-1], "output y")
    expected = keras.ops.convert_to_numpy(layer(np.ones((1, 5, 5, 1))))
    np.testing.assert_allclose(
        output, expected[0, ..., 0], rtol=1e-5, atol=1e-6
    )
    assert "x[i + 2 m, j + 2 n, k]" in steps[0]["equation"]


def test_the_default_is_the_edges_of_a_digit(tmp_path):
    path = write_recorded_convolution(tmp_path / "convolution.html")
    steps = read_steps(path)
    assert len(steps) == 6 * 6
    assert path.stat().st_size < 500_000
    assert steps[0]["element"].endswith("= relu(-0.7188) = 0")


@pytest.mark.parametrize(
    ("image", "layer", "message"),
    [
        (np.ones((29, 29)), None, r"at most 28x28 pixels.*\(29, 29, 1\)"),
        (np.ones((5, 5, 4)), None, r"3 channels.*\(5, 5, 4\)"),
        (np.ones((5, 5)), keras.layers.Conv2D(1, 3), r"a built .*Conv2D"),
        (np.ones((2, 5)), None, r"must fit into the padded input"),
    ],
)
def test_what_does_not_fit_is_refused(image, layer, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_recorded_convolution(tmp_path / "a.html", image, layer)
