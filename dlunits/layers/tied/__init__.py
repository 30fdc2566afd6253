"""Layers whose kernel is the transposed kernel of another layer."""

from dlunits.layers.tied.tied_conv2d_transpose import TiedConv2DTranspose
from dlunits.layers.tied.tied_dense import TiedDense

__all__ = ["TiedConv2DTranspose", "TiedDense"]
