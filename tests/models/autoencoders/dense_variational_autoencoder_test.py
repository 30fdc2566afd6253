"""Sizes, initial bias and arguments of the dense VAE."""

import numpy as np
import pytest

from dlunits.models import dense_variational_autoencoder


def test_the_default_is_784_200_200_50_200_200_784():
    """Weights by hand: (inputs + 1) * units; two numbers for each of 50."""
    model = dense_variational_autoencoder()
    assert model.input_shape == model.output_shape == (None, 28, 28, 1)
    assert model.latent_dim == 50
    encoder = (784 + 1) * 200 + (200 + 1) * 200 + (200 + 1) * 2 * 50
    decoder = (50 + 1) * 200 + (200 + 1) * 200 + (200 + 1) * 784
    assert model.count_params() == encoder + decoder == 425_284


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_initial_decoder_returns_the_mean_example(likelihood):
    mean = np.linspace(0.1, 0.9, 12).reshape(4, 3)
    model = dense_variational_autoencoder(
        (4, 3), 2, (8,), likelihood=likelihood, mean=mean
    )
    np.testing.assert_allclose(
        model.decode(np.zeros((1, 2)))[0], mean, rtol=1e-5
    )
    with pytest.raises(ValueError, match=r"one example, \(4, 3\).*\(12,\)"):
        dense_variational_autoencoder((4, 3), mean=mean.ravel())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dim": 0}, "latent_dim=0"),
        ({"units": (3, -1)}, r"units=\(3, -1\)"),
        ({"input_shape": (0,)}, r"input_shape=\(0,\)"),
    ],
)
def test_rejects_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=f"Received: .*{message}"):
        dense_variational_autoencoder(**options)
