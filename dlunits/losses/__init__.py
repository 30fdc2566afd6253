"""Losses and penalties that Keras does not have, one concept a file."""

from dlunits.losses.adversarial import discriminator_loss as discriminator_loss
from dlunits.losses.adversarial import generator_loss as generator_loss
from dlunits.losses.contractive_penalty import (
    contractive_penalty as contractive_penalty,
)
from dlunits.losses.contractive_penalty import (
    squared_jacobian_norm as squared_jacobian_norm,
)
from dlunits.losses.gaussian_kl import gaussian_kl as gaussian_kl
from dlunits.losses.gradient_penalty import gradient_penalty as gradient_penalty
from dlunits.losses.r1_penalty import r1_penalty as r1_penalty

__all__ = [
    "contractive_penalty",
    "discriminator_loss",
    "gaussian_kl",
    "generator_loss",
    "gradient_penalty",
    "r1_penalty",
    "squared_jacobian_norm",
]
