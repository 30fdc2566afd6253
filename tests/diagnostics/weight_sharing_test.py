"""Connections against the response of layers to single inputs."""

import keras
import numpy as np
import pytest

from dlunits.diagnostics import weight_sharing
from dlunits.models import LeNet5

LAYERS = {
    "valid": (keras.layers.Conv2D(2, 3), (5, 6, 2)),
    "same, stride 2": (keras.layers.Conv2D(2, 3, 2, "same"), (5, 6, 2)),
    "dilated": (keras.layers.Conv2D(1, 2, dilation_rate=3), (6, 5, 1)),
    "causal": (keras.layers.Conv1D(2, 3, padding="causal"), (5, 2)),
    "3-D": (keras.layers.Conv3D(1, (2, 3, 1), padding="same"), (3, 4, 2, 1)),
    "grouped": (keras.layers.Conv2D(4, 3, groups=2), (4, 4, 4)),
    "depthwise": (
        keras.layers.DepthwiseConv2D(3, depth_multiplier=2),
        (4, 4, 3),
    ),
    "channels first": (
        keras.layers.Conv2D(2, (2, 3), data_format="channels_first"),
        (1, 3, 4),
    ),
    "transposed": (keras.layers.Conv2DTranspose(2, 3, 2), (3, 2, 2)),
    "transposed, same": (
        keras.layers.Conv1DTranspose(2, 5, 2, "same"),
        (4, 1),
    ),
    "transposed, gaps": (
        keras.layers.Conv1DTranspose(1, 2, 3, "same"),
        (4, 1),
    ),
    "transposed, padded": (
        keras.layers.Conv1DTranspose(1, 3, 2, "same", output_padding=1),
        (4, 1),
    ),
    "dense at each time step": (keras.layers.Dense(3), (4, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_connections_are_the_inputs_that_change_an_output(name):
    layer, shape = LAYERS[name]
    if "channels" in name and keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow convolves channels first on GPUs only.")
    layer.kernel_initializer = keras.initializers.get("ones")
    layer.depthwise_initializer = keras.initializers.get("ones")
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layer(inputs))
    [row] = weight_sharing(model)
    size = int(np.prod(shape))
    assert row["inputs"] == size
    outputs = model(np.eye(size, dtype="float32").reshape(size, *shape))
    changes = np.count_nonzero(keras.ops.convert_to_numpy(outputs))
    assert row["connections"] == changes + row["outputs"]  # with biases
    assert row["weights"] == model.count_params()
    assert row["connections_per_weight"] == row["connections"] / row["weights"]
    assert row["dense_weights"] == (size + 1) * row["outputs"]


def test_lenet_has_the_connections_of_its_paper():
    """LeCun et al., 1998, section II.B: C1 ... F6."""
    rows = {row["layer"]: row for row in weight_sharing(LeNet5(10, "1998"))}
    assert [
        (rows[name]["weights"], rows[name]["connections"])
        for name in ("c1", "c3", "c5", "f6")
    ] == [(156, 122_304), (1_516, 151_600), (48_120, 48_120), (10_164, 10_164)]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (keras.layers.LSTM(2), (3, 1)),
        (keras.layers.BatchNormalization(), (3, 1)),
        (keras.layers.SeparableConv2D(2, 3), (4, 4, 1)),
        (keras.layers.ConvLSTM1D(2, 3), (4, 4, 1)),
        (keras.layers.Conv2D(2, 3), (None, 4, 1)),
    ],
)
def test_other_layers_and_unknown_sizes_have_no_count(layer, shape):
    inputs = keras.Input(shape)
    [row] = weight_sharing(keras.Model(inputs, layer(inputs)))
    assert row["connections"] is row["dense_weights"] is None
    assert row["weights"] > 0


def test_layers_without_weights_are_left_out():
    inputs = keras.Input((4, 4, 1))
    outputs = keras.layers.Flatten()(keras.layers.MaxPooling2D()(inputs))
    assert weight_sharing(keras.Model(inputs, outputs)) == []
