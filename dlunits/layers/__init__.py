"""Keras layers that Keras does not have, one class a file."""

from dlunits.layers.column_encoding import ColumnEncoding as ColumnEncoding
from dlunits.layers.conformal_p_value import (
    ConformalPValue as ConformalPValue,
)
from dlunits.layers.cross_densities import CrossDensities as CrossDensities
from dlunits.layers.distance_units import DistanceUnits as DistanceUnits
from dlunits.layers.gaussian_sampling import (
    GaussianSampling as GaussianSampling,
)
from dlunits.layers.masking_noise import MaskingNoise as MaskingNoise
from dlunits.layers.moving_mean_sparsity import (
    MovingMeanSparsity as MovingMeanSparsity,
)
from dlunits.layers.oriented_gradients import (
    OrientedGradients as OrientedGradients,
)
from dlunits.layers.partial_conv2d import PartialConv2D as PartialConv2D
from dlunits.layers.salt_and_pepper_noise import (
    SaltAndPepperNoise as SaltAndPepperNoise,
)
from dlunits.layers.tied_conv2d_transpose import (
    TiedConv2DTranspose as TiedConv2DTranspose,
)
from dlunits.layers.tied_dense import TiedDense as TiedDense
from dlunits.layers.trainable_subsampling import (
    TrainableSubsampling as TrainableSubsampling,
)

__all__ = [
    "ColumnEncoding",
    "ConformalPValue",
    "CrossDensities",
    "DistanceUnits",
    "GaussianSampling",
    "MaskingNoise",
    "MovingMeanSparsity",
    "OrientedGradients",
    "PartialConv2D",
    "SaltAndPepperNoise",
    "TiedConv2DTranspose",
    "TiedDense",
    "TrainableSubsampling",
]
