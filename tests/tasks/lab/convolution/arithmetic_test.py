"""Output sizes of all layers of models, compared with Keras."""

import keras

from dlunits.models import LeNet5
from dlunits.tasks.lab.convolution.arithmetic import (
    example_arithmetic,
    example_layers,
    model_arithmetic,
)


def test_the_examples_of_one_to_three_dimensions_agree_with_keras():
    rows = example_arithmetic()
    assert {row["result"] for row in rows} == {"equal"}
    types = {row["type"] for row in rows}
    for name in ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"):
        assert name in types
    for (layer, _), row in zip(example_layers(), rows, strict=True):
        # The last number of each equation is a size of the real output.
        sizes = {
            int(equation.rpartition("=")[2])
            for equation in row["equation"].split(", ")
        }
        assert sizes == set(row["keras"][:-1]), layer.name


def test_layers_without_a_window_are_listed():
    rows = {row["layer"]: row for row in model_arithmetic(LeNet5())}
    assert rows["c3"]["equation"] == "floor((14 + 2*0 - 5) / 1) + 1 = 10"
    assert (rows["c3"]["kernel"], rows["s2"]["strides"]) == ("5", "2")
    assert rows["f6"]["result"] == "no window"
    assert rows["f6"]["keras"] == (84,)


def test_layers_of_nested_models_are_listed():
    inner = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, name="inside")]
    )
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), inner, keras.layers.Flatten(name="outside")]
    )
    assert [row["layer"] for row in model_arithmetic(model)] == [
        "inside",
        "outside",
    ]


def test_a_layer_whose_size_does_not_follow_is_reported():
    class Shrinking(keras.layers.Conv2D):
        def call(self, inputs):
            return super().call(inputs)[:, 1:]

        def compute_output_shape(self, input_shape):
            batch, height, *rest = super().compute_output_shape(input_shape)
            return batch, height - 1, *rest

    model = keras.Sequential([keras.Input((8, 8, 1)), Shrinking(1, 3)])
    [row] = model_arithmetic(model)
    assert row["result"].startswith("differs: ")
    assert "Received: 5" in row["result"]


def test_unknown_sizes_leave_the_equation_open():
    model = keras.Sequential(
        [keras.Input((None, 8, 1)), keras.layers.Conv2D(1, 3)]
    )
    [row] = model_arithmetic(model)
    assert row["equation"].startswith("floor((n + padding - 3) / 1) + 1, ")
    assert row["keras"] == (None, 6, 1)
