"""PartialConv2D against a loop over connections."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import PartialConv2D


def partial_conv2d_np(x, kernels, bias, connections):
    """Loops over output pixels, connections and kernel elements."""
    height, width, _ = kernels.shape
    rows, columns = x.shape[1] - height + 1, x.shape[2] - width + 1
    y = np.empty((len(x), rows, columns, len(connections)))
    for n, i, j, output in np.ndindex(y.shape):
        total = bias[output]
        connection = sum(len(seen) for seen in connections[:output])
        for source in connections[output]:
            patch = x[n, i : i + height, j : j + width, source]
            total += (patch * kernels[:, :, connection]).sum()
            connection += 1
        y[n, i, j, output] = total
    return y


def test_matches_a_loop_over_connections():
    rng = np.random.default_rng(0)
    connections = [(0, 2), (1,), (0, 1, 2), (2, 1)]
    x = rng.normal(size=(2, 5, 6, 3)).astype("float32")
    layer = PartialConv2D(connections, (3, 2))
    layer.build(x.shape)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    kernels, bias = layer.get_weights()
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(x)),
        partial_conv2d_np(x, kernels, bias, connections),
        rtol=1e-4,
        atol=1e-5,
    )


def test_is_a_convolution_when_all_maps_are_connected():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 6, 6, 3)).astype("float32")
    kernel, bias = rng.normal(size=(3, 3, 3, 4)), rng.normal(size=4)
    whole = keras.layers.Conv2D(4, 3)
    whole.build(x.shape)
    whole.set_weights([kernel, bias])
    partial = PartialConv2D([range(3)] * 4, 3)
    partial.build(x.shape)
    # connections count inputs first, outputs second
    by_connection = kernel.transpose(0, 1, 3, 2).reshape(3, 3, 12)
    partial.set_weights([by_connection, bias])
    np.testing.assert_allclose(
        ops.convert_to_numpy(partial(x)),
        ops.convert_to_numpy(whole(x)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_output_does_not_depend_on_unconnected_maps():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 5, 5, 2)).astype("float32")
    changed = x.copy()
    changed[..., 1] = 7
    layer = PartialConv2D([(0,), (0, 1)], 3)
    before, after = (ops.convert_to_numpy(layer(a)) for a in (x, changed))
    np.testing.assert_array_equal(before[..., 0], after[..., 0])
    assert not np.allclose(before[..., 1], after[..., 1])


@pytest.mark.parametrize("connections", [[], [()], [(0, 0)], [(-1, 0)]])
def test_rejects_connections_that_are_not_sets_of_maps(connections):
    with pytest.raises(ValueError, match="Received: connections="):
        PartialConv2D(connections, 3)


def test_rejects_an_input_with_too_few_maps():
    layer = PartialConv2D([(0,), (5,)], 3)
    with pytest.raises(ValueError, match=r"at least 6 maps\. Received: 5 maps"):
        layer.build((None, 8, 8, 5))
