"""Keras layers that Keras does not have, one class a file."""

from dlunits.layers.distance_units import DistanceUnits as DistanceUnits
from dlunits.layers.partial_conv2d import PartialConv2D as PartialConv2D
from dlunits.layers.trainable_subsampling import (
    TrainableSubsampling as TrainableSubsampling,
)

__all__ = ["DistanceUnits", "PartialConv2D", "TrainableSubsampling"]
