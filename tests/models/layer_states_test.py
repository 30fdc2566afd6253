"""Frozen and quantized layers of models that are built from arguments."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.models import LeNet5, RecurrentModel
from dlunits.models.layer_states import layer_states, trainable_if_unfrozen


def test_a_new_model_has_no_states():
    assert "layer_states" not in LeNet5().get_config()


def test_layers_are_frozen_one_by_one_and_all_together():
    model = LeNet5()
    model.trainable = False
    model.get_layer("output").trainable = True
    again = LeNet5.from_config(model.get_config())
    assert [layer.trainable for layer in again.layers] == [
        layer.trainable for layer in model.layers
    ]
    assert layer_states(again) == layer_states(model)
    # As in Keras, a frozen model trains none of its layers.
    assert again.trainable_weights == []


def test_a_layer_inside_a_layer_is_frozen():
    model = RecurrentModel(
        "many_to_one", (5, 4), 2, units=(3,), bidirectional=True
    )
    model.layers[1].backward_layer.trainable = False
    again = RecurrentModel.from_config(model.get_config())
    assert again.layers[1].forward_layer.trainable
    assert not again.layers[1].backward_layer.trainable


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_only_the_layers_that_were_quantized_are_quantized(tmp_path):
    model = LeNet5()
    model.quantize("int8", filters="f6")
    model.save(tmp_path / "lenet.keras")
    again = keras.models.load_model(tmp_path / "lenet.keras")
    modes = {
        layer.name: layer.dtype_policy.quantization_mode
        for layer in again.layers
    }
    assert modes.pop("f6") == "int8"
    assert set(modes.values()) == {None}
    x = np.random.default_rng(0).uniform(size=(2, 28, 28, 1))
    np.testing.assert_allclose(
        ops.convert_to_numpy(again(x)),
        ops.convert_to_numpy(model(x)),
        rtol=1e-5,
    )


def test_finding_variables_leaves_frozen_layers_frozen():
    inner = keras.layers.Dense(2, trainable=False)
    model = keras.Sequential(
        [keras.Input((2,)), inner, keras.layers.BatchNormalization()]
    )
    assert len(trainable_if_unfrozen(model)) == 4  # not the moving statistics
    assert not inner.trainable
    assert len(model.trainable_weights) == 2
