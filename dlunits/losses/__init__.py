"""Losses and penalties that Keras does not have, one concept a file."""

from dlunits.losses.contractive_penalty import (
    contractive_penalty as contractive_penalty,
)
from dlunits.losses.contractive_penalty import (
    squared_jacobian_norm as squared_jacobian_norm,
)
from dlunits.losses.gaussian_kl import gaussian_kl as gaussian_kl

__all__ = ["contractive_penalty", "gaussian_kl", "squared_jacobian_norm"]
