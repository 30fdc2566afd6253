"""The denoising autoencoder: sizes, receptive field, training."""

import keras
import numpy as np
import pytest

from dlunits.models import denoising_autoencoder


def test_feature_maps_have_the_size_of_the_strides():
    model = denoising_autoencoder((28, 56, 1), 8, 5)
    shapes = {
        tuple(layer.output.shape[1:])
        for part in (model.encoder, model.decoder)
        for layer in part.layers
    }
    places = 7 * 14 * 8  # windows 4 pixels apart, 8 maps
    assert shapes == {(28, 56, 1), (7, 14, 8), (places,), (5,)}
    assert model.latent_dim == places


@pytest.mark.parametrize(("channels", "num_blocks"), [(1, 0), (3, 1), (1, 2)])
def test_parameters_are_those_of_the_layers(channels, num_blocks):
    model = denoising_autoencoder((8, 6, channels), 5, 3, num_blocks, stride=2)
    places = 4 * 3 * 5
    windows = 4 * 4 * channels * 5
    near = 2 * 9 * 5 * 5
    everywhere = places * 3 + 3 * places + places
    trained = sum(np.prod(w.shape) for w in model.trainable_weights)
    # Scale and shift of a normalization: 5 maps, or 3 units.
    normal = 2 * num_blocks * (2 * 5 + 5 + 3) * 2 + 5 * 2
    assert trained == normal + (
        (windows + 5)
        + 2 * num_blocks * (near + everywhere)
        + (windows + channels)
    )


@pytest.mark.parametrize("units", [1, 6])
def test_every_pixel_depends_on_every_other(units):
    """Four 3x3 convolutions reach 4 of 9 positions, the hidden units all."""
    keras.utils.set_random_seed(0)
    model = denoising_autoencoder((36, 36, 1), 8, units)
    x = np.zeros((1, 36, 36, 1), "float32")
    other = x.copy()
    other[0, 0, 0] = 1
    change = np.abs(model.reconstruct(other) - model.reconstruct(x))
    assert change[0, -1, -1, 0] > 0
    for layer in (*model.encoder.layers, *model.decoder.layers):
        if isinstance(layer, keras.layers.Dense):
            layer.kernel.assign(0 * layer.kernel)
    change = np.abs(model.reconstruct(other) - model.reconstruct(x))
    assert change[0, 0, 0, 0] > 0
    assert change[0, -1, -1, 0] == 0


def test_learns_to_denoise_a_stroke():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    clean = np.zeros((64, 16, 16, 1), "float32")
    for image, column in zip(clean, rng.integers(2, 14, 64), strict=True):
        image[:, column] = 1
    noisy = np.clip(clean + rng.normal(0, 0.5, clean.shape), 0, 1)
    model = denoising_autoencoder((16, 16, 1), 16, 8)
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy")
    model.fit(noisy.astype("float32"), clean, epochs=40, verbose=0)
    error = np.mean((model.reconstruct(noisy) - clean) ** 2)
    assert error < 0.2 * np.mean((noisy - clean) ** 2)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((28, 28), {}, "must be .height, width, channels."),
        ((28, 30, 1), {}, "multiples of `stride`.*stride=4"),
        ((0, 28, 1), {}, "multiples of `stride`"),
        ((28, 28, 1), {"filters": 0}, "Received: filters=0"),
        ((28, 28, 1), {"units": 0}, "units=0"),
        ((28, 28, 1), {"stride": 0}, "stride=0"),
        ((28, 28, 1), {"num_blocks": -1}, "num_blocks=-1"),
    ],
)
def test_rejects_arguments_out_of_range(shape, options, message):
    with pytest.raises(ValueError, match=message):
        denoising_autoencoder(shape, **options)
