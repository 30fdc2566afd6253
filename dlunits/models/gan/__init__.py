"""Generative adversarial networks."""

from dlunits.models.gan.convolutional_gan import convolutional_gan
from dlunits.models.gan.gan import GAN

__all__ = ["GAN", "convolutional_gan"]
