"""Convolution arithmetic against the layers of Keras."""

import keras
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dlunits.diagnostics import (
    convolution_output_size,
    layer_flops,
    layer_table,
    transposed_convolution_output_size,
)

LENET_POOL = {"pool_size": 2, "strides": 2}


def positions_np(size, reach, strides, padding):
    """Counts positions of a window on the padded axis."""
    start, steps = 0, 0
    while start + reach <= size + 2 * padding:
        start, steps = start + strides, steps + 1
    return steps


def lenet():
    """LeNet-5 of units.md from stock layers."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.ZeroPadding2D(2, name="pad"),
            keras.layers.Conv2D(6, 5, activation="tanh", name="c1"),
            keras.layers.AveragePooling2D(**LENET_POOL, name="s2"),
            keras.layers.Conv2D(16, 5, activation="tanh", name="c3"),
            keras.layers.AveragePooling2D(**LENET_POOL, name="s4"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(120, "tanh", name="c5"),
            keras.layers.Dense(84, "tanh", name="f6"),
            keras.layers.Dense(10, "softmax", name="output"),
        ]
    )


def single(layer, shape):
    return keras.Sequential([keras.Input(shape), layer])


@given(
    size=st.integers(1, 60),
    taps=st.integers(1, 7),
    strides=st.integers(1, 5),
    padding=st.integers(0, 4),
    dilation=st.integers(1, 3),
)
def test_matches_a_sliding_window(size, taps, strides, padding, dilation):
    reach = dilation * (taps - 1) + 1
    assume(reach <= size + 2 * padding)
    assert convolution_output_size(
        size, taps, strides, padding, dilation
    ) == positions_np(size, reach, strides, padding)


@settings(deadline=None)  # the first example is slow
@given(
    size=st.integers(1, 60),
    taps=st.integers(1, 7),
    strides=st.integers(1, 5),
    padding=st.sampled_from(["valid", "same", "causal"]),
    dilation=st.integers(1, 3),
)
def test_agrees_with_keras_convolutions(size, taps, strides, padding, dilation):
    assume(strides == 1 or dilation == 1)  # Keras rejects both together
    assume(padding != "valid" or dilation * (taps - 1) < size)
    layer = keras.layers.Conv1D(
        2, taps, strides, padding, dilation_rate=dilation
    )
    assert (
        convolution_output_size(size, taps, strides, padding, dilation)
        == layer.compute_output_shape((None, size, 3))[1]
    )


@settings(deadline=None, max_examples=25)
@given(
    size=st.integers(2, 20),
    window=st.integers(1, 4),
    strides=st.integers(1, 4),
    padding=st.sampled_from(["valid", "same"]),
)
def test_agrees_with_keras_poolings(size, window, strides, padding):
    assume(padding != "valid" or window <= size)
    layer = keras.layers.MaxPooling1D(window, strides, padding)
    output = layer(keras.ops.zeros((1, size, 1)))
    assert (
        convolution_output_size(size, window, strides, padding)
        == output.shape[1]
    )


@settings(deadline=None, max_examples=50)
@given(
    size=st.integers(2, 20),
    taps=st.integers(1, 7),
    strides=st.integers(1, 4),
    padding=st.sampled_from(["valid", "same"]),
    output_padding=st.sampled_from([None, 0, 1]),
    dilation=st.integers(1, 2),
)
def test_agrees_with_keras_transposed_convolutions(
    size, taps, strides, padding, output_padding, dilation
):
    assume(strides == 1 or dilation == 1)  # Keras rejects both together
    assume(output_padding is None or output_padding < strides)
    layer = keras.layers.Conv1DTranspose(
        2, taps, strides, padding, output_padding, dilation_rate=dilation
    )
    assert (
        transposed_convolution_output_size(
            size, taps, strides, padding, output_padding, dilation
        )
        == layer.compute_output_shape((None, size, 3))[1]
    )


def test_layer_table_shows_the_sizes_of_lenet_from_its_paper():
    rows = {row["layer"]: row for row in layer_table(lenet())}

    # 28 + 4 = 32 -> 28 -> 14 -> 10 -> 5, Le Cun et al., 1998, figure 2.
    assert {
        name: row["output_size"]
        for name, row in rows.items()
        if row["output_size"]
    } == {
        "c1": "floor((32 + 2*0 - 5) / 1) + 1 = 28",
        "s2": "floor((28 + 2*0 - 2) / 2) + 1 = 14",
        "c3": "floor((14 + 2*0 - 5) / 1) + 1 = 10",
        "s4": "floor((10 + 2*0 - 2) / 2) + 1 = 5",
    }
    assert rows["c3"]["output_shape"] == (10, 10, 16)
    # 10 * 10 positions, 16 maps of 6 kernels of 25 weights
    assert rows["c3"]["multiply_adds"] == 100 * 16 * 6 * 25
    assert rows["c5"]["multiply_adds"] == 400 * 120
    assert rows["s2"]["multiply_adds"] is None


def test_flops_of_lenet_are_those_counted_by_hand():
    flops = {row["layer"]: row["flops"] for row in layer_table(lenet())}

    # Positions times maps times: 2 * weights of a kernel, as each product is
    # added to the bias; 3 additions and a division of an average over 2 * 2.
    assert flops == {
        "pad": None,
        "c1": 28 * 28 * 6 * 2 * 25,
        "s2": 14 * 14 * 6 * 4,
        "c3": 10 * 10 * 16 * 2 * 150,
        "s4": 5 * 5 * 16 * 4,
        "flatten": None,
        "c5": 120 * 2 * 400,
        "f6": 84 * 2 * 120,
        "output": 10 * 2 * 84,
    }


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        # 5 * 5 positions and 2 maps; 27 products are added 26 times.
        (keras.layers.Conv2D(2, 3, use_bias=False), 50 * (27 + 26)),
        # In 3 groups, an output sees one of the 3 channels.
        (keras.layers.Conv2D(6, 3, groups=3), 150 * 2 * 9),
        (keras.layers.DepthwiseConv2D(3), 75 * 2 * 9),
        (keras.layers.MaxPooling2D(3, 2), 27 * 8),  # 3 * 3 * 3 outputs
        (keras.layers.Dense(4), 49 * 4 * 2 * 3),  # on each of 7 * 7 pixels
        (keras.layers.Conv2DTranspose(2, 3), None),
        (keras.layers.GlobalMaxPooling2D(), None),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_flops_of_other_layers(layer, expected):
    single(layer, (7, 7, 3))
    assert layer_flops(layer) == expected


def test_flops_of_unknown_sizes_are_unknown():
    for layer in keras.layers.Conv2D(2, 3), keras.layers.MaxPooling2D(2):
        single(layer, (None, 8, 1))
        assert layer_flops(layer) is None


def test_parameters_add_up_and_frozen_layers_have_no_trainable_ones():
    model = lenet()
    model.get_layer("c1").trainable = False
    rows = layer_table(model)

    assert sum(row["parameters"] for row in rows) == model.count_params()
    c1 = rows[1]
    assert (c1["trainable"], c1["parameters"]) == (0, 6 * (5 * 5 + 1))


def test_uneven_same_padding_is_shown_as_two_terms():
    model = single(keras.layers.Conv2D(1, 4, padding="same"), (28, 28, 1))
    assert (
        layer_table(model)[0]["output_size"]
        == "floor((28 + 1 + 2 - 4) / 1) + 1 = 28"
    )


def test_gives_one_equation_per_axis_if_height_and_width_differ():
    model = single(keras.layers.MaxPooling2D((2, 3)), (8, 9, 1))
    assert layer_table(model)[0]["output_size"] == (
        "floor((8 + 2*0 - 2) / 2) + 1 = 4, floor((9 + 2*0 - 3) / 3) + 1 = 3"
    )


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (
            keras.layers.Conv3D(2, 3, strides=2),
            (9, 9, 9, 1),
            "floor((9 + 2*0 - 3) / 2) + 1 = 4",
        ),
        (
            keras.layers.ConvLSTM2D(2, 3),
            (5, 8, 8, 1),
            "floor((8 + 2*0 - 3) / 1) + 1 = 6",
        ),
        (
            keras.layers.Conv2D(2, 3, data_format="channels_first"),
            (4, 8, 8),
            "floor((8 + 2*0 - 3) / 1) + 1 = 6",
        ),
        (
            keras.layers.Conv1D(2, 3, dilation_rate=4, padding="causal"),
            (20, 1),
            "floor((20 + 8 + 0 - 9) / 1) + 1 = 20",
        ),
        (
            keras.layers.DepthwiseConv2D(3),
            (None, None, 1),
            "floor((n + padding - 3) / 1) + 1",
        ),
        (
            keras.layers.Conv2DTranspose(2, 3, strides=2, padding="same"),
            (8, 8, 1),
            "(8 - 1)*2 + 3 - 1 + 0 = 16",
        ),
        (
            keras.layers.Conv3DTranspose(2, 3, strides=(1, 2, 4)),
            (2, 3, None, 1),
            "(2 - 1)*1 + 3 - 0 + 0 = 4, (3 - 1)*2 + 3 - 0 + 0 = 7, "
            "(n - 1)*4 + 3 - 0 + 1",
        ),
        (keras.layers.GlobalAveragePooling2D(), (8, 8, 1), ""),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_finds_the_axes_of_other_layers(layer, shape, expected):
    assert layer_table(single(layer, shape))[0]["output_size"] == expected


def test_names_the_layer_whose_size_does_not_follow_from_its_attributes():
    class Shrinking(keras.layers.Conv2D):
        def call(self, inputs):
            return super().call(inputs)[:, 1:]

        def compute_output_shape(self, input_shape):
            batch, height, width, maps = super().compute_output_shape(
                input_shape
            )
            return batch, height - 1, width, maps

    model = single(Shrinking(1, 3, name="odd"), (8, 8, 1))
    with pytest.raises(ValueError, match=r"'odd'.*padding, 6\. Received: 5"):
        layer_table(model)


def test_rejects_a_model_without_shapes():
    model = keras.Sequential([keras.layers.Dense(2, name="unbuilt")])
    with pytest.raises(ValueError, match="'unbuilt' without output"):
        layer_table(model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0, "kernel_size": 1}, "`size`.*at least 1.*size=0"),
        ({"size": 4, "kernel_size": 2.0}, "`kernel_size`.*kernel_size=2.0"),
        ({"size": 4, "kernel_size": 5}, "must fit.*size=4, kernel_size=5"),
        ({"size": 4, "kernel_size": 1, "strides": 0}, "`strides`.*strides=0"),
        ({"size": 4, "kernel_size": 1, "padding": -1}, "`padding`.*padding=-1"),
        ({"size": 4, "kernel_size": 1, "padding": "full"}, "padding='full'"),
    ],
)
def test_rejects_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        convolution_output_size(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 4, "kernel_size": 0}, "`kernel_size`.*kernel_size=0"),
        ({"padding": "causal"}, "transposed convolution.*padding='causal'"),
        ({"output_padding": 2, "strides": 2}, "less than.*output_padding=2"),
    ],
)
def test_rejects_arguments_of_transposed_convolutions(arguments, message):
    with pytest.raises(ValueError, match=message):
        transposed_convolution_output_size(
            **{"size": 4, "kernel_size": 3, **arguments}
        )
