"""Figure of first-layer filters."""

import keras
import numpy as np
import pytest

from dlunits.tasks.image_classification.figures import first_layer_filters


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
    kernel[..., 1] = 0  # a filter that is off is gray
    layer.set_weights([kernel, bias])
    figure = first_layer_filters(layer)
    assert figure.get_label().startswith(label)
    drawn = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(drawn) == min(filters, 96)
    assert np.abs(drawn[0] - 0.5).max() == pytest.approx(0.5, rel=1e-5)
    np.testing.assert_array_equal(drawn[1], 0.5)
