"""Figure of first-layer filters."""

import keras
import numpy as np
import pytest

from dlunits.tasks.image_classification.figures import (
    augmented_images,
    first_layer_filters,
)


@pytest.mark.parametrize(
    ("channels", "filters", "label"),
    [
        (3, 20, "The 20 kernels of conv1"),
        (1, 2, "The 2 kernels of conv1"),
        (3, 100, "The first 96 of 100 kernels of conv1"),
    ],
)
def test_shows_each_kernel_on_its_own_scale(channels, filters, label):
    layer = keras.layers.Conv2D(filters, 5, name="conv1")
    layer.build((None, 67, 67, channels))
    kernel, bias = layer.get_weights()
    kernel[..., 1] = 0  # a filter of zeros is gray
    layer.set_weights([kernel, bias])
    figure = first_layer_filters(layer)
    assert figure.get_label().startswith(label)
    drawn = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(drawn) == min(filters, 96)
    assert np.abs(drawn[0] - 0.5).max() == pytest.approx(0.5, rel=1e-5)
    np.testing.assert_array_equal(drawn[1], 0.5)


def test_variants_beyond_white_and_black_are_drawn_as_these():
    images = np.zeros((2, 8, 8, 3), "uint8")
    variants = np.full((2, 3, 6, 6, 3), (-0.5, 0.5, 1.5))
    figure = augmented_images(images, variants)
    drawn = [axes.images[0].get_array() for axes in figure.axes]
    assert len(drawn) == 2 * (1 + 3)
    np.testing.assert_array_equal(drawn[0], images[0])
    np.testing.assert_array_equal(drawn[1][0, 0], (0, 0.5, 1))
