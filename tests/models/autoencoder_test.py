"""Any encoder with any decoder: training, codes, files."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import TiedDense
from dlunits.models import Autoencoder, dense_autoencoder


def model(*shapes):
    """A Keras model through the shapes, each layer linear."""
    inputs = keras.Input(shapes[0])
    x = inputs
    for shape in shapes[1:]:
        x = keras.layers.Flatten()(x)
        x = keras.layers.Dense(int(np.prod(shape)))(x)
        x = keras.layers.Reshape(shape)(x)
    return keras.Model(inputs, x)


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(size=(8, 3, 2)).astype("float32")


def test_codes_decode_to_the_reconstruction(x):
    autoencoder = Autoencoder(model((3, 2), (4,)), model((4,), (3, 2)))

    codes = autoencoder.encode(x)

    assert codes.shape == (8, 4)
    np.testing.assert_allclose(
        autoencoder.decode(codes), autoencoder.reconstruct(x), atol=1e-6
    )
    np.testing.assert_allclose(
        autoencoder.reconstruct(x, batch_size=3),
        ops.convert_to_numpy(autoencoder(x)),
        atol=1e-6,
    )


def test_without_targets_the_input_is_the_target(x):
    weights, losses = None, []
    for arguments in [(x,), (x, x)]:
        autoencoder = Autoencoder(model((3, 2), (4,)), model((4,), (3, 2)))
        weights = weights or autoencoder.get_weights()
        autoencoder.set_weights(weights)
        autoencoder.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
        history = autoencoder.fit(
            *arguments, shuffle=False, epochs=3, verbose=0
        ).history
        losses.append([*history["loss"], *history["mae"]])
        losses[-1] += autoencoder.evaluate(*arguments, verbose=0)

    np.testing.assert_array_equal(losses[0], losses[1])
    assert losses[0][2] < losses[0][0]


def test_with_targets_they_are_what_counts(x):
    autoencoder = Autoencoder(model((3, 2), (4,)), model((4,), (3, 2)))
    autoencoder.compile("sgd", "mse")

    loss = autoencoder.evaluate(x, np.ones_like(x), verbose=0)

    expected = np.mean((autoencoder.reconstruct(x) - 1) ** 2)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_a_tied_decoder_is_tied_again_when_it_is_made_from_its_config():
    autoencoder = dense_autoencoder((6,), 2, (4,), tied=True)

    again = Autoencoder.from_config(autoencoder.get_config())

    code, hidden = (
        again.encoder.get_layer(name) for name in ("code", "encoder_1")
    )
    assert again.decoder.get_layer("decoder_1").kernel is code.kernel
    assert again.decoder.get_layer("reconstruction").kernel is hidden.kernel
    assert again.count_params() == autoencoder.count_params()


def test_a_tied_decoder_is_tied_again_when_it_is_loaded(x, tmp_path):
    autoencoder = dense_autoencoder((3, 2), 2, (4,), tied=True)
    autoencoder.save(tmp_path / "tied.keras")

    again = keras.saving.load_model(tmp_path / "tied.keras", safe_mode=True)

    assert len(again.weights) == len(autoencoder.weights) == 6
    np.testing.assert_array_equal(
        again.reconstruct(x), autoencoder.reconstruct(x)
    )
    np.testing.assert_array_equal(again.encode(x), autoencoder.encode(x))


def test_a_compiled_autoencoder_goes_on_training_from_its_file(x, tmp_path):
    autoencoder = dense_autoencoder((3, 2), 2)
    autoencoder.compile("adam", "mse")
    autoencoder.fit(x, verbose=0)
    autoencoder.save(tmp_path / "trained.keras")
    again = keras.saving.load_model(tmp_path / "trained.keras")

    losses = [
        m.fit(x, epochs=2, shuffle=False, verbose=0).history["loss"]
        for m in (autoencoder, again)
    ]

    np.testing.assert_array_equal(*losses)


@pytest.mark.parametrize(
    ("code", "overcomplete"), [((5,), False), ((6,), True), ((2, 4), True)]
)
def test_a_code_as_large_as_the_input_is_overcomplete(code, overcomplete):
    autoencoder = Autoencoder(model((3, 2), code), model(code, (3, 2)))

    assert autoencoder.code_size == np.prod(code)
    assert autoencoder.overcomplete == overcomplete


@pytest.mark.parametrize(
    ("encoder", "decoder", "message"),
    [
        (((3, 2), (4,)), ((5,), (3, 2)), "must take the encoder's code"),
        (((3, 2), (4,)), ((4,), (6,)), "must give back the encoder's input"),
        (((3, 2), (4,)), ((4,), (2, 3)), "must give back the encoder's input"),
    ],
)
def test_shapes_that_do_not_fit_are_both_named(encoder, decoder, message):
    encoder, decoder = model(*encoder), model(*decoder)

    with pytest.raises(ValueError, match=message) as caught:
        Autoencoder(encoder, decoder)

    for shape in (encoder.output_shape, decoder.output_shape):
        assert str(shape) in str(caught.value)


def test_models_without_a_shape_are_refused():
    unbuilt = keras.Sequential([keras.layers.Dense(2)])
    two = keras.Model(inputs := keras.Input((2,)), [inputs, inputs])

    for part, name in [(unbuilt, "encoder"), (two, "encoder")]:
        with pytest.raises(ValueError, match=f"`{name}` must be a built"):
            Autoencoder(part, model((2,), (2,)))


def test_a_tie_to_a_layer_outside_the_encoder_stays(tmp_path):
    outside = keras.layers.Dense(2, name="outside")
    outside.build((None, 3))
    decoder = keras.Sequential([keras.Input((2,)), TiedDense(outside)])
    autoencoder = Autoencoder(model((3,), (2,)), decoder)

    again = Autoencoder.from_config(autoencoder.get_config())
    again.set_weights(autoencoder.get_weights())

    x = np.eye(3, dtype="float32")
    np.testing.assert_array_equal(
        again.reconstruct(x), autoencoder.reconstruct(x)
    )
