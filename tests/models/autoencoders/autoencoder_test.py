"""Autoencoders of arbitrary parts: training, codes, saving."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import MovingMeanSparsity, TiedDense
from dlunits.models import Autoencoder, dense_autoencoder
from dlunits.regularizers import KLSparsity


def model(*shapes):
    """A Keras model of linear layers with the shapes as sizes."""
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


def test_given_targets_are_used(x):
    autoencoder = Autoencoder(model((3, 2), (4,)), model((4,), (3, 2)))
    autoencoder.compile("sgd", "mse")

    loss = autoencoder.evaluate(x, np.ones_like(x), verbose=0)

    expected = np.mean((autoencoder.reconstruct(x) - 1) ** 2)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_ties_are_restored_from_the_config():
    autoencoder = dense_autoencoder((6,), 2, (4,), tied=True)

    again = Autoencoder.from_config(autoencoder.get_config())

    code, hidden = (
        again.encoder.get_layer(name) for name in ("code", "encoder_1")
    )
    assert again.decoder.get_layer("decoder_1").kernel is code.kernel
    assert again.decoder.get_layer("reconstruction").kernel is hidden.kernel
    assert again.count_params() == autoencoder.count_params()


def test_ties_are_restored_from_a_file(x, tmp_path):
    autoencoder = dense_autoencoder((3, 2), 2, (4,), tied=True)
    autoencoder.save(tmp_path / "tied.keras")

    again = keras.saving.load_model(tmp_path / "tied.keras", safe_mode=True)

    assert len(again.weights) == len(autoencoder.weights) == 6
    np.testing.assert_array_equal(
        again.reconstruct(x), autoencoder.reconstruct(x)
    )
    np.testing.assert_array_equal(again.encode(x), autoencoder.encode(x))


def test_training_continues_from_a_file(x, tmp_path):
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

    assert autoencoder.latent_dim == np.prod(code)
    assert autoencoder.overcomplete == overcomplete


@pytest.mark.parametrize(
    ("encoder", "decoder", "message"),
    [
        (
            ((3, 2), (4,)),
            ((5,), (3, 2)),
            "input shape of `decoder` must be the output",
        ),
        (
            ((3, 2), (4,)),
            ((4,), (6,)),
            "output shape of `decoder` must be the input",
        ),
        (
            ((3, 2), (4,)),
            ((4,), (2, 3)),
            "output shape of `decoder` must be the input",
        ),
    ],
)
def test_rejects_shapes_that_do_not_match(encoder, decoder, message):
    encoder, decoder = model(*encoder), model(*decoder)

    with pytest.raises(ValueError, match=message) as caught:
        Autoencoder(encoder, decoder)

    for shape in (encoder.output_shape, decoder.output_shape):
        assert str(shape) in str(caught.value)


def test_rejects_models_without_a_shape():
    unbuilt = keras.Sequential([keras.layers.Dense(2)])
    two = keras.Model(inputs := keras.Input((2,)), [inputs, inputs])

    for part, name in [(unbuilt, "encoder"), (two, "encoder")]:
        with pytest.raises(ValueError, match=f"`{name}` must be a built"):
            Autoencoder(part, model((2,), (2,)))


def test_a_tie_to_a_layer_outside_the_encoder_is_kept(tmp_path):
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


def chain(size, *layers):
    return keras.Sequential([keras.Input((size,)), *layers])


def nested_tie(inner, deep_encoder, deep_decoder):
    """Tied layers, either of them nested in an inner model or not."""
    encoder = chain(6, chain(6, inner) if deep_encoder else inner)
    tied = TiedDense(inner)
    decoder = chain(2, chain(2, tied) if deep_decoder else tied)
    return Autoencoder(encoder, decoder)


@pytest.mark.parametrize("deep_encoder", [False, True])
@pytest.mark.parametrize("deep_decoder", [False, True])
def test_ties_in_nested_models_are_restored(
    x, tmp_path, deep_encoder, deep_decoder
):
    inner = keras.layers.Dense(2, name="inner")
    autoencoder = nested_tie(inner, deep_encoder, deep_decoder)
    autoencoder.save(tmp_path / "nested.keras")
    loaded, made = (
        keras.saving.load_model(tmp_path / "nested.keras", safe_mode=True),
        Autoencoder.from_config(autoencoder.get_config()),
    )

    for again in (loaded, made):
        source, tied = (
            part.layers[0].layers[0] if deep else part.layers[0]
            for part, deep in (
                (again.encoder, deep_encoder),
                (again.decoder, deep_decoder),
            )
        )
        assert tied.kernel is source.kernel
        assert again.count_params() == autoencoder.count_params()
    x = x.reshape(8, 6)
    np.testing.assert_array_equal(
        loaded.reconstruct(x), autoencoder.reconstruct(x)
    )


def duplicate_names():
    first, second = (keras.layers.Dense(2, name="same") for _ in range(2))
    encoder = chain(6, chain(6, first), chain(2, second))
    return encoder, second


def wrapped():
    inner = keras.layers.Dense(2, name="wrapped")
    inputs = keras.Input((1, 6))
    x = keras.layers.TimeDistributed(inner)(inputs)
    return keras.Model(inputs, keras.layers.Flatten()(x)), inner


@pytest.mark.parametrize("make", [duplicate_names, wrapped])
def test_rejects_a_tie_that_cannot_be_restored(make):
    encoder, source = make()
    outputs = [TiedDense(source), keras.layers.Dense(6)]
    outputs += [keras.layers.Reshape(encoder.input_shape[1:])]

    with pytest.raises(ValueError, match=f"tied to '{source.name}', and the"):
        Autoencoder(encoder, chain(2, *outputs))


def with_moving_mean(*layers):
    """An encoder of 3 to 2 whose code has a moving mean."""
    return chain(3, *layers, MovingMeanSparsity(KLSparsity()))


@pytest.mark.parametrize(
    "encoder",
    [
        lambda: with_moving_mean(keras.layers.Dense(2, "relu")),
        lambda: with_moving_mean(keras.layers.Dense(2), keras.layers.ReLU()),
        lambda: with_moving_mean(
            keras.layers.Dense(2, "relu"), keras.layers.Flatten()
        ),
        lambda: with_moving_mean(chain(3, keras.layers.Dense(2, "relu"))),
        lambda: chain(3, with_moving_mean(keras.layers.Dense(2, "tanh"))),
        lambda: chain(
            3,
            keras.layers.Dense(2, "relu"),
            keras.layers.Reshape((2,), activity_regularizer=KLSparsity()),
        ),
    ],
)
def test_rejects_sparsity_of_activations_outside_0_to_1(encoder):
    with pytest.raises(ValueError, match=r"use `keras\.regularizers\.L1`"):
        Autoencoder(encoder(), model((2,), (3,)))


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [
            keras.layers.Dense(2, "relu"),
            keras.layers.Dense(2, "sigmoid"),
        ],
        lambda: [keras.layers.Dense(2), keras.layers.Activation("sigmoid")],
        lambda: [keras.layers.Dense(2, "relu"), keras.layers.Rescaling(0.01)],
    ],
)
def test_accepts_sparsity_of_activations_that_may_lie_in_0_to_1(layers):
    encoder = with_moving_mean(*layers())
    assert Autoencoder(encoder, model((2,), (3,))).encoder is encoder
