"""Convolutional autoencoders: sizes, parameters, ties, dropout."""

import keras
import numpy as np
import pytest

from dlunits.models import Autoencoder, convolutional_autoencoder


@pytest.mark.parametrize("side", [7, 8, 9, 10, 28])
@pytest.mark.parametrize("latent_dim", [None, 3])
def test_reconstructions_have_the_size_of_the_images(side, latent_dim):
    autoencoder = convolutional_autoencoder(
        (side, side + 1, 2), latent_dim, filters=(3, 4, 5)
    )

    # Each stage maps a size n to ceil(n / 2), three of them to ceil(n / 8).
    expected = (-(-side // 8), -(-(side + 1) // 8), 5)
    assert autoencoder.encoder.output_shape[1:] == (
        expected if latent_dim is None else (3,)
    )
    assert autoencoder.output_shape == (None, side, side + 1, 2)


def test_parameters_are_those_of_the_stages():
    autoencoder = convolutional_autoencoder(
        (28, 28, 1), 10, filters=(8, 16), kernel_size=3
    )

    encoder = 9 * 1 * 8 + 8 + 9 * 8 * 16 + 16 + 784 * 10 + 10
    decoder = 10 * 784 + 784 + 9 * 16 * 8 + 8 + 9 * 8 * 1 + 1
    # 16 maps of 7x7 are 784 values; the decoder's first stage maps 16 to 8
    # maps.
    assert autoencoder.count_params() == encoder + decoder


@pytest.fixture
def tied():
    return convolutional_autoencoder((10, 7, 1), 3, filters=(4, 2), tied=True)


def assert_tied(autoencoder):
    encoder, decoder = (
        {layer.name: layer for layer in part.layers}
        for part in (autoencoder.encoder, autoencoder.decoder)
    )
    assert decoder["unfold"].kernel is encoder["code"].kernel
    assert decoder["decoder_1"].kernel is encoder["encoder_2"].kernel
    assert decoder["reconstruction"].kernel is encoder["encoder_1"].kernel


def test_a_tied_decoder_has_the_encoders_kernels_and_its_own_biases(tied):
    assert_tied(tied)
    assert tied.output_shape == (None, 10, 7, 1)
    # 10x7 -> 5x4 -> 3x2: the last maps have 2 * 6 = 12 values.
    encoder = 9 * 4 + 4 + 9 * 4 * 2 + 2 + 12 * 3 + 3
    assert tied.count_params() == encoder + 12 + 4 + 1


def test_ties_are_restored_from_config_and_file(tied, tmp_path):
    tied.compile("sgd", "mse")
    x = np.random.default_rng(0).uniform(size=(4, 10, 7, 1)).astype("float32")
    tied.fit(x, verbose=0)
    tied.save(tmp_path / "tied.keras")
    again = keras.saving.load_model(tmp_path / "tied.keras", safe_mode=True)
    assert_tied(Autoencoder.from_config(tied.get_config()))
    assert_tied(again)
    np.testing.assert_array_equal(again.reconstruct(x), tied.reconstruct(x))
    again.fit(x, verbose=0)
    assert_tied(again)


def test_without_latent_dim_the_tied_code_is_the_last_map():
    autoencoder = convolutional_autoencoder(
        (8, 8, 1), filters=(4, 2), tied=True
    )
    assert autoencoder.encoder.output_shape == (None, 2, 2, 2)
    code, mirrored = (
        autoencoder.encoder.get_layer("code"),
        autoencoder.decoder.get_layer("decoder_1"),
    )
    assert mirrored.kernel is code.kernel


@pytest.mark.parametrize("sides", [(7, 7), (7, 5), (8, 5), (3, 9)])
@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5])
@pytest.mark.parametrize("filters", [(3,), (3, 2)])
def test_a_tied_linear_decoder_is_the_adjoint_of_the_encoder(
    sides, kernel_size, filters
):
    """<W x, h> = <x, W^T h> for every x and h."""
    keras.utils.set_random_seed(0)
    autoencoder = convolutional_autoencoder(
        (*sides, 2),
        filters=filters,
        kernel_size=kernel_size,
        activation="linear",
        tied=True,
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, *sides, 2)).astype("float32")
    code = autoencoder.encode(x)
    h = 3 * code + rng.normal(size=code.shape)  # a product far from 0
    left, right = np.sum(code * h), np.sum(x * autoencoder.decode(h))
    assert abs(left) > 1
    assert left == pytest.approx(right, rel=1e-4)


def test_dropout_drops_whole_maps():
    autoencoder = convolutional_autoencoder(
        (8, 8, 1), filters=(40,), dropout=0.5, code_activation="sigmoid"
    )
    x = np.ones((5, 8, 8, 1), "float32")

    code = np.asarray(autoencoder.encoder(x, training=True))

    dropped = (code == 0).all(axis=(1, 2))
    assert 0.3 < dropped.mean() < 0.7  # 200 maps: deviation 0.035
    assert ((code == 0).any(axis=(1, 2)) == dropped).all()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((28, 28), {}, "must be .height, width, channels."),
        ((28, 28, 1), {"filters": ()}, "must not be empty"),
        ((28, 28, 1), {"filters": (3, 0)}, "must be at least 1"),
        ((28, 28, 1), {"latent_dim": 0}, "must be at least 1"),
        ((28, 28, 1), {"kernel_size": 1}, "the stride is 2"),
        ((28, 28, 1), {"dropout": -0.1}, "`dropout` must be in"),
        ((28, 28, 1), {"l2": -1.0}, "`l2` must not be negative"),
    ],
)
def test_rejects_arguments_out_of_range(shape, options, message):
    with pytest.raises(ValueError, match=message):
        convolutional_autoencoder(shape, **options)
