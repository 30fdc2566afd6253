"""Convolutional layers and image descriptors."""

from dlunits.layers.convolution.euclidean_rbf import EuclideanRBF
from dlunits.layers.convolution.histogram_of_oriented_gradients import (
    HistogramOfOrientedGradients,
)
from dlunits.layers.convolution.partial_conv2d import PartialConv2D
from dlunits.layers.convolution.trainable_subsampling import (
    TrainableSubsampling,
)

__all__ = [
    "EuclideanRBF",
    "HistogramOfOrientedGradients",
    "PartialConv2D",
    "TrainableSubsampling",
]
