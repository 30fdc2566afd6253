"""Losses and penalties."""

from dlunits.losses.adversarial import discriminator_loss, generator_loss
from dlunits.losses.contractive_penalty import (
    contractive_penalty,
    squared_jacobian_norm,
)
from dlunits.losses.gaussian_kl import gaussian_kl
from dlunits.losses.gradient_penalty import gradient_penalty
from dlunits.losses.r1_penalty import r1_penalty

__all__ = [
    "contractive_penalty",
    "discriminator_loss",
    "gaussian_kl",
    "generator_loss",
    "gradient_penalty",
    "r1_penalty",
    "squared_jacobian_norm",
]
