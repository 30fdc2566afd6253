"""Contents of the figures of the convolution lab."""

import keras
import numpy as np
import pytest

from dlunits.diagnostics import ConvolutionSum
from dlunits.tasks.lab.convolution import figures


def terms_of(*shape):
    patch = np.random.default_rng(0).normal(size=shape)
    return ConvolutionSum(patch, patch / 2, 0.5, 1.0, keras.activations.relu)


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


@pytest.mark.parametrize(
    ("shape", "names", "panels"),
    [
        ((5, 5, 1), ["input", "kernel", "product"], 3),
        ((3, 3, 3), ["channel 0", "channel 1", "channel 2"], 9),
        ((3, 3, 512), [f"channel {number}" for number in range(6)], 18),
        ((3, 2, 2, 1), ["frame 0", "frame 1", "frame 2"], 9),
        ((2, 2, 2, 2), ["frame 0 channel 0", "frame 1 channel 0"], 12),
        ((7, 2), ["input", "kernel", "product"], 6),
    ],
)
def test_slices_of_a_sum_are_drawn(shape, names, panels):
    figure = figures.sum_of_products(terms_of(*shape), "c1")
    assert titles(figure)[: len(names)] == names
    assert len(figure.axes) == panels
    assert figure.get_label().startswith("Inputs, weights and products")


def test_products_are_written_into_small_kernels():
    figure = figures.sum_of_products(terms_of(2, 2, 1), "c1")
    written = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    patch = terms_of(2, 2, 1).patch.ravel()
    expected = [[f"{v:.2f}" for v in part] for part in (patch, patch / 2)]
    assert written[:2] == expected
    assert len(written[2]) == 4
    large = figures.sum_of_products(terms_of(7, 7, 1), "c1")
    assert not any(axes.texts for axes in large.axes)


def test_accuracy_is_drawn_in_percent_with_intervals():
    by_shift = {0: np.array([1.0, 0.9]), 2: np.array([0.5, 0.5])}
    figure = figures.accuracy_under_shifts({"CNN": by_shift}, chance=0.2)
    [axes] = figure.axes
    curve, chance = axes.lines
    np.testing.assert_allclose(curve.get_xydata(), [[0, 95], [2, 50]])
    np.testing.assert_allclose(chance.get_ydata(), 20)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "CNN",
        "most frequent class",
    ]


def test_bars_are_weights_connections_and_dense_weights():
    row = {"layer": "c1", "weights": 156, "connections": 9, "dense_weights": 7}
    figure = figures.weights_and_connections([row])
    [axes] = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [156, 9, 7]
    assert axes.get_xscale() == "log"


def test_frames_and_means_have_titles():
    volumes = np.zeros((2, 3, 4, 4, 1))
    figure = figures.moving_frames(volumes, ["up", "down"], volumes[:, 0])
    assert titles(figure) == ["frame 0", "frame 1", "frame 2", "mean"]
    assert figure.axes[4].get_ylabel() == "down"


def test_shifted_examples_name_their_shift():
    figure = figures.shifted_examples(np.zeros((2, 4, 4, 1)), [0, 3])
    assert titles(figure) == ["0 px", "3 px"]
