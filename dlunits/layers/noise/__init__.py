"""Noise and sampling layers."""

from dlunits.layers.noise.gaussian_sampling import GaussianSampling
from dlunits.layers.noise.masking_noise import MaskingNoise
from dlunits.layers.noise.salt_and_pepper_noise import SaltAndPepperNoise

__all__ = ["GaussianSampling", "MaskingNoise", "SaltAndPepperNoise"]
