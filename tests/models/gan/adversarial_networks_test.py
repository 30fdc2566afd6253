"""Networks and numbers that no GAN can be made of."""

import keras
import pytest
from keras import layers

from dlunits.models import GAN


def test_refuses_networks_that_do_not_fit(gan):
    generator, discriminator = gan.networks()
    wide = keras.Sequential([keras.Input((gan.size,)), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"\[\(3,\)\], without the batch"):
        GAN(generator, discriminator, 3)
    with pytest.raises(ValueError, match=r"what `generator` makes, \[\(3,\)"):
        GAN(
            generator, keras.Sequential([keras.Input((4,)), layers.Dense(1)]), 2
        )
    with pytest.raises(ValueError, match=r"one number an example, .*\(2,\)"):
        GAN(generator, wide, gan.latent)
    with pytest.raises(ValueError, match=r"must take \[\(2,\), \(\)\]"):
        GAN(generator, discriminator, gan.latent, num_classes=3)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"latent_dim": 0}, "`latent_dim` must be at least 1"),
        ({"discriminator_steps": 0}, "`discriminator_steps` must be at least"),
        ({"average": 1.0}, r"`average` must lie in \[0, 1\)"),
        ({"penalty": -1.0}, "`penalty` must not be negative"),
        ({"loss": "wgan"}, "must be one of minimax"),
        ({"loss": "hinge", "label_smoothing": 0.1}, "no labels to smooth"),
        ({"num_classes": 0}, "`num_classes` must be at least 1"),
    ],
    ids=str,
)
def test_refuses_numbers_out_of_range(gan, options, match):
    with pytest.raises(ValueError, match=match):
        GAN(*gan.networks(), **{"latent_dim": gan.latent, **options})
