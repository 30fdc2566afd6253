"""Convolutional layers and image descriptors."""

from dlunits.layers.convolution.euclidean_rbf import EuclideanRBF
from dlunits.layers.convolution.grouped_conv2d import GroupedConv2D
from dlunits.layers.convolution.histogram_of_oriented_gradients import (
    HistogramOfOrientedGradients,
)
from dlunits.layers.convolution.local_response_normalization import (
    LocalResponseNormalization,
)
from dlunits.layers.convolution.partial_conv2d import PartialConv2D
from dlunits.layers.convolution.trainable_subsampling import (
    TrainableSubsampling,
)

__all__ = [
    "EuclideanRBF",
    "GroupedConv2D",
    "HistogramOfOrientedGradients",
    "LocalResponseNormalization",
    "PartialConv2D",
    "TrainableSubsampling",
]
