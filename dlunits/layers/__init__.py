"""Keras layers that Keras does not have, one class a file."""

from dlunits.layers.bidirectional import Bidirectional as Bidirectional
from dlunits.layers.column_encoding import ColumnEncoding as ColumnEncoding
from dlunits.layers.conformal_interval import (
    ConformalInterval as ConformalInterval,
)
from dlunits.layers.conformal_p_value import (
    ConformalPValue as ConformalPValue,
)
from dlunits.layers.cross_densities import CrossDensities as CrossDensities
from dlunits.layers.distance_units import DistanceUnits as DistanceUnits
from dlunits.layers.gaussian_sampling import (
    GaussianSampling as GaussianSampling,
)
from dlunits.layers.gru import GRU as GRU
from dlunits.layers.gru_cell import GRUCell as GRUCell
from dlunits.layers.lstm import LSTM as LSTM
from dlunits.layers.lstm_cell import LSTMCell as LSTMCell
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
from dlunits.layers.simple_rnn import SimpleRNN as SimpleRNN
from dlunits.layers.simple_rnn_cell import SimpleRNNCell as SimpleRNNCell
from dlunits.layers.tied_conv2d_transpose import (
    TiedConv2DTranspose as TiedConv2DTranspose,
)
from dlunits.layers.tied_dense import TiedDense as TiedDense
from dlunits.layers.token_reader import TokenReader as TokenReader
from dlunits.layers.trainable_subsampling import (
    TrainableSubsampling as TrainableSubsampling,
)

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "ColumnEncoding",
    "ConformalInterval",
    "ConformalPValue",
    "CrossDensities",
    "DistanceUnits",
    "GRUCell",
    "GaussianSampling",
    "LSTMCell",
    "MaskingNoise",
    "MovingMeanSparsity",
    "OrientedGradients",
    "PartialConv2D",
    "SaltAndPepperNoise",
    "SimpleRNN",
    "SimpleRNNCell",
    "TiedConv2DTranspose",
    "TiedDense",
    "TokenReader",
    "TrainableSubsampling",
]
