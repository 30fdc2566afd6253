"""TiedDense against a product with the transposed kernel."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import TiedDense


def dense(num_inputs=4, units=3, **options):
    layer = keras.layers.Dense(units, bias_initializer="ones", **options)
    layer.build((None, num_inputs))
    return layer


def test_output_is_the_product_with_the_transposed_kernel():
    rng = np.random.default_rng(0)
    layer = dense()
    h = rng.normal(size=(2, 5, 3)).astype("float32")
    tied = TiedDense(layer, "tanh", bias_initializer="ones")

    expected = np.tanh(h @ np.asarray(layer.get_weights()[0]).T + 1)

    np.testing.assert_allclose(
        ops.convert_to_numpy(tied(h)), expected, rtol=1e-5, atol=1e-6
    )


def test_a_training_step_of_the_tied_layer_changes_the_other_layer():
    layer = dense()
    tied = TiedDense(layer)
    model = keras.Sequential([keras.Input((3,)), tied])
    model.compile("sgd", "mse")
    before = layer.get_weights()[0]

    model.fit(np.ones((2, 3)), np.ones((2, 4)), verbose=0)

    after = layer.get_weights()[0]
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(tied.get_weights()[0], after)


def test_weights_are_the_shared_kernel_and_an_own_bias():
    layer = dense()
    tied = TiedDense(layer)
    tied.build((None, 3))
    model = keras.Sequential([keras.Input((4,)), layer, tied])

    assert tied.weights[0].path == layer.kernel.path
    assert tied.weights[1] is not layer.bias
    assert model.count_params() == 4 * 3 + 3 + 4


def test_a_loaded_model_is_still_tied(tmp_path):
    layer = dense()
    model = keras.Sequential([keras.Input((4,)), layer, TiedDense(layer)])
    model.save(tmp_path / "tied.keras")

    again = keras.saving.load_model(tmp_path / "tied.keras")

    assert again.layers[1].kernel is again.layers[0].kernel
    x = np.eye(4, dtype="float32")
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), model.predict(x, verbose=0)
    )


@pytest.mark.parametrize(
    "other", [keras.layers.Dense(3), keras.layers.Flatten(), "code"]
)
def test_rejects_what_is_not_a_built_dense_layer(other):
    with pytest.raises(
        ValueError, match=r"must be a built `keras\.layers\.Dense`"
    ):
        TiedDense(other)


def test_rejects_inputs_of_another_size():
    with pytest.raises(ValueError, match="must have 3 features"):
        TiedDense(dense(4, 3)).build((None, 4))
