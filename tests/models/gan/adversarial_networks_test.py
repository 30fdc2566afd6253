"""Networks and arguments that `GAN` rejects."""

import keras
import pytest
from keras import layers

from dlunits.models import GAN


def test_rejects_networks_whose_shapes_do_not_match(gan):
    generator, discriminator = gan.networks()
    wide = keras.Sequential([keras.Input((gan.size,)), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"\[\(3,\)\], without the batch"):
        GAN(generator, discriminator, 3)
    with pytest.raises(
        ValueError, match=r"generator's outputs \(and labels\), \[\(3,\)"
    ):
        GAN(
            generator, keras.Sequential([keras.Input((4,)), layers.Dense(1)]), 2
        )
    with pytest.raises(
        ValueError, match=r"one output of shape \(batch, 1\).*\(2,\)"
    ):
        GAN(generator, wide, gan.latent)
    with pytest.raises(
        ValueError, match=r"inputs of the shapes \[\(2,\), \(\)\]"
    ):
        GAN(generator, discriminator, gan.latent, num_classes=3)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"latent_dim": 0}, "`latent_dim` must be at least 1"),
        ({"discriminator_steps": 0}, "`discriminator_steps` must be at least"),
        ({"ema_momentum": 1.0}, r"`ema_momentum` must be in \[0, 1\)"),
        ({"penalty": -1.0}, "`penalty` must be a finite number of at least 0"),
        ({"loss": "wgan"}, "must be one of minimax"),
        ({"loss": "hinge", "label_smoothing": 0.1}, "no labels to smooth"),
        ({"num_classes": 0}, "`num_classes` must be at least 1"),
    ],
    ids=str,
)
def test_rejects_arguments_out_of_range(gan, options, match):
    with pytest.raises(ValueError, match=match):
        GAN(*gan.networks(), **{"latent_dim": gan.latent, **options})
